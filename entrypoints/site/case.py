"""The pages of a case, to read: the case itself, and the forms that members write in."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site import case_words
from entrypoints.site.excerpts import shortened
from entrypoints.site.language import language
from entrypoints.site.pages import kept_if_public, page, page_of, paragraphs
from entrypoints.site.paging import next_page
from entrypoints.site.sharing import share_addresses
from entrypoints.site.threads import threads
from entrypoints.site.visit import visit
from entrypoints.site.words import CATEGORIES

LONGEST_DESCRIPTION = 200
COMMENTS = 100
PICTURED = ("photo", "video", "document")
FLAGGABLE = "case, comment, party, dispute, evidence"
MEMBERS_ONLY = ("amend", "withdraw", "name", "flag")
RENDERED = 128
"""How many pages are kept as they were rendered: that costs more than all that they ask."""
LARGEST_KEPT = 100_000
"""Bytes of the answers of a page that is kept. Others would let anybody fill the memory."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of the API, to be decoded where it is shown."""

    content: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.content)

    @property
    def items(self) -> list[Document]:
        found: list[Document] = self.body["items"]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutCase:
    """What the API tells everybody of a case. ``more`` is the address of more comments, or ""."""

    case: Told
    evidence: Told
    comments: Told
    more: str
    changes: Told

    @property
    def size(self) -> int:
        told = (self.case, self.evidence, self.comments, self.changes)
        return sum(len(each.content) for each in told)


@dataclass(frozen=True, slots=True)
class Own:
    """What the visitor has to do with a case. ``case`` is it as its author alone sees it."""

    case: Document | None = None
    supports: bool = False
    follows: bool = False
    proposals: tuple[Document, ...] = ()


def case_pages(public_url: str) -> Blueprint:
    """Serve ``GET /cases/<id>`` and the pages below it."""
    blp = Blueprint("case", __name__)

    @blp.before_request
    def ask_to_sign_in() -> AnyResponse | None:
        """Lead somebody to sign in, and back, where only members can go on."""
        if visit.person or str(request.endpoint).rpartition(".")[2] not in MEMBERS_ONLY:
            return None
        return redirect(f"/sign-in?next={quote(request.path)}", 303)

    @blp.get("/share/<uuid:case_id>")
    def moved(case_id: object) -> AnyResponse:
        return redirect(f"/cases/{case_id}", 301)

    @blp.get("/cases/<uuid:case_id>")
    def show(case_id: object) -> Response:
        if day := request.args.get("as_of"):
            return _as_it_stood(f"/cases/{case_id}", day, public_url)
        answers = _asked(f"/cases/{case_id}")
        if visit.person:
            return page("case/case.html", **_shown(answers, _own(answers.case.body), public_url))
        render = _rendered if answers.size <= LARGEST_KEPT else _rendered.__wrapped__
        return page_of(render(language.code, answers, public_url))

    @blp.get("/cases/<uuid:case_id>/proof.json")
    def proof(case_id: object) -> Response:
        answer = visit.fetch(f"/cases/{case_id}/proof")
        reply = Response(answer.content, content_type="application/json")
        reply.headers["Content-Disposition"] = f'attachment; filename="proof-{case_id}.json"'
        return kept_if_public(reply)

    @blp.get("/cases/<uuid:case_id>/share")
    def share(case_id: object) -> Response:
        case = visit.get(f"/cases/{case_id}")
        address = f"{public_url}/cases/{case_id}"
        return page(
            "case/share.html",
            case=case,
            words=case_words,
            address=address,
            networks=share_addresses(address, case["title"]),
        )

    @blp.get("/cases/<uuid:case_id>/amend")
    def amend(case_id: object) -> Response:
        answer = visit.fetch(f"/cases/{case_id}")
        version = answer.headers.get("ETag", "")
        return page("case/amend.html", case=answer.body, version=version, categories=CATEGORIES)

    @blp.get("/cases/<uuid:case_id>/withdraw")
    def withdraw(case_id: object) -> Response:
        return page("case/withdraw.html", case=visit.get(f"/cases/{case_id}"))

    @blp.get("/cases/<uuid:case_id>/name")
    def name(case_id: object) -> Response:
        return page("case/name.html", case=visit.get(f"/cases/{case_id}"), words=case_words)

    @blp.get(f"/cases/<uuid:case_id>/flag/<any({FLAGGABLE}):kind>/<uuid:subject_id>")
    def flag(case_id: object, kind: str, subject_id: object) -> Response:
        case = visit.get(f"/cases/{case_id}")
        rules = visit.rules
        action = f"/cases/{case_id}/flag/{kind}/{subject_id}"
        return page(
            "case/flag.html", case=case, words=case_words, kind=kind, rules=rules, to=action
        )

    @blp.get("/cases/<uuid:case_id>/comments/<uuid:comment_id>")
    def comment(case_id: object, comment_id: object) -> Response:
        case = visit.get(f"/cases/{case_id}")
        found = visit.get(f"/comments/{comment_id}")
        own = _is_own(found, _own_case(found["case_id"]))
        return page("case/comment.html", case=case, comment=found, own=own)

    return blp


def _asked(path: str) -> AboutCase:
    """Ask for all that everybody sees on the page of a case."""
    case = visit.fetch(path)
    comments = visit.fetch(f"{path}/comments", limit=COMMENTS, cursor=request.args.get("cursor"))
    return AboutCase(
        case=Told(case.content),
        evidence=Told(visit.fetch(f"{path}/evidence", limit=100).content),
        comments=Told(comments.content),
        more=next_page(comments),
        changes=Told(visit.fetch(f"{path}/history").content),
    )


@lru_cache(maxsize=RENDERED)
def _rendered(_language: str, answers: AboutCase, public_url: str) -> str:
    """Return the page for somebody who is not signed in: it depends on nothing else."""
    return render_template("case/case.html", **_shown(answers, Own(), public_url))


def _shown(answers: AboutCase, own: Own, public_url: str) -> Document:
    """Return what the page of a case shows."""
    case = answers.case.body
    return {
        **_told(case, public_url),
        "own": own,
        "public": case["status"] == "published",
        "sizes": {item["evidence_id"]: item for item in answers.evidence.items},
        "remarks": threads(answers.comments.items),
        "more": answers.more,
        "changes": _timeline(answers.changes.items),
        "rules": _rules() if own.case and own.case["hidden"] else {},
        "delay": _delay(case) if own.case else {},
        "is_own": lambda comment: _is_own(comment, own.case),
    }


def _as_it_stood(path: str, day: str, public_url: str) -> Response:
    """Return the case as it stood at the end of a day. Its past knows nothing of other readers."""
    case = visit.get(path, as_of=f"{day}T23:59:59Z")
    told = _told({"parties": [], **case}, public_url)
    return page("case/as_it_stood.html", **told, own=Own(), day_shown=day)


def _told(case: Document, public_url: str) -> Document:
    """Return what the case tells, and how previews of links describe it."""
    address = f"{public_url}/cases/{case['case_id']}"
    pictured = next((item for item in case["evidence"] if item["kind"] in PICTURED), None)
    return {
        "case": case,
        "words": case_words,
        "paragraphs": paragraphs(case["story"]),
        "description": _description(case["story"]),
        "address": address,
        "oembed": f"{public_url}/oembed?url={quote(address, safe='')}&format=json",
        "picture": f"{public_url}{pictured['poster_url']}" if pictured else "",
    }


def _description(story: str) -> str:
    return shortened(" ".join(story.split()), LONGEST_DESCRIPTION)


def _timeline(changes: Iterable[Document]) -> list[Document]:
    """Return the changes that the timeline tells. What happened at once is told once."""
    told: list[Document] = []
    for change in changes:
        same = told and _told_of(told[-1]) == _told_of(change)
        if change["what"] in case_words.CHANGES and not same:
            told.append(change)
    return told


def _told_of(change: Document) -> tuple[str, str, str]:
    return change["what"], change["role"], change["at"]


def _own(case: Document) -> Own:
    case_id = case["case_id"]
    return Own(
        case=_own_case(case_id),
        supports=bool(visit.get("/me/supports", case_id=case_id)["items"]),
        follows=bool(visit.get("/me/follows", case_id=case_id)["items"]),
        proposals=tuple(visit.get(f"/cases/{case_id}/proposals", limit=100)["items"]),
    )


def _own_case(case_id: str) -> Document | None:
    found = visit.get("/me/cases", case_id=case_id)["items"] if visit.person else ()
    return next(iter(found), None)


def _is_own(comment: Document, own_case: Document | None) -> bool:
    if comment["by_reporter"]:
        return own_case is not None
    author = comment["author"] or {}
    person = visit.person
    return person is not None and author.get("member_id") == person.member_id


def _delay(case: Document) -> Document:
    """Return when a case that waits is public at the latest."""
    if case["status"] != "awaiting_publication":
        return {}
    found: Document = visit.get(f"/cases/{case['case_id']}/delay")
    return found


def _rules() -> dict[str, Document]:
    return {rule["rule_id"]: rule for rule in visit.rules}
