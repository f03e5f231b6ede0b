"""The pages of a case, to read: the case itself, and the forms that members write in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from flask import Blueprint, Response, redirect, request
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site import case_words
from entrypoints.site.api import Answer
from entrypoints.site.pages import page, paragraphs
from entrypoints.site.sharing import share_addresses
from entrypoints.site.threads import threads
from entrypoints.site.visit import visit
from entrypoints.site.words import CATEGORIES

LONGEST_DESCRIPTION = 200
COMMENTS = 100
PICTURED = ("photo", "video", "document")
FLAGGABLE = "case, comment, party, dispute, evidence"
MEMBERS_ONLY = ("amend", "withdraw", "name", "flag")
NOTHING: Mapping[str, Any] = {"items": []}

Document = dict[str, Any]


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
        return page("case/case.html", **_shown(f"/cases/{case_id}", public_url))

    @blp.get("/cases/<uuid:case_id>/proof.json")
    def proof(case_id: object) -> Response:
        answer = visit.fetch(f"/cases/{case_id}/proof")
        reply = Response(answer.content, content_type="application/json")
        reply.headers["Content-Disposition"] = f'attachment; filename="proof-{case_id}.json"'
        reply.headers["Cache-Control"] = "no-cache"
        return reply

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
        rules = visit.get("/rules")["items"]
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


def _shown(path: str, public_url: str) -> Document:
    """Return what the page of a case shows."""
    case = visit.get(path)
    public = case["status"] == "published"
    own = _own(path, case["case_id"])
    comments = _comments(path, public=public)
    return {
        **_told(case, public_url),
        "own": own,
        "public": public,
        "sizes": _sizes(path, case) if public else {},
        "remarks": threads(comments.body["items"]) if comments else [],
        "more": _cursor(comments) if comments else "",
        "changes": _changes(path),
        "rules": _rules() if own.case and own.case["hidden"] else {},
        "is_own": lambda comment: _is_own(comment, own.case),
    }


def _as_it_stood(path: str, day: str, public_url: str) -> Response:
    """Return the case as it stood at the end of a day. Its past knows nothing of other readers."""
    case = visit.get(path, as_of=f"{day}T23:59:59Z")
    told = _told({"parties": [], **case}, public_url)
    return page("case/as_it_stood.html", **told, public=True, sizes={}, day_shown=day)


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
    text = " ".join(story.split())
    return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"


def _sizes(path: str, case: Document) -> Document:
    """Return size and length of each piece of evidence."""
    found = visit.get(f"{path}/evidence", limit=100) if case["evidence"] else NOTHING
    return {item["evidence_id"]: item for item in found["items"]}


def _comments(path: str, *, public: bool) -> Answer | None:
    if not public:
        return None
    return visit.fetch(f"{path}/comments", limit=COMMENTS, cursor=request.args.get("more"))


def _cursor(answer: Answer) -> str:
    """Return the place in the list at which the next page begins, or ""."""
    link, _ = parse_options_header(answer.headers.get("Link"))
    return parse_qs(urlsplit(link.strip("<>")).query).get("cursor", [""])[0]


def _changes(path: str) -> list[Document]:
    """Return the changes that the timeline tells. What happened at once is told once."""
    told: list[Document] = []
    for change in visit.get(f"{path}/history")["items"]:
        same = told and _told_of(told[-1]) == _told_of(change)
        if change["what"] in case_words.CHANGES and not same:
            told.append(change)
    return told


def _told_of(change: Document) -> tuple[str, str, str]:
    return change["what"], change["role"], change["at"]


def _own(path: str, case_id: str) -> Own:
    if not visit.person:
        return Own()
    return Own(
        case=_own_case(case_id),
        supports=bool(visit.get("/me/supports", case_id=case_id)["items"]),
        follows=bool(visit.get("/me/follows", case_id=case_id)["items"]),
        proposals=tuple(visit.get(f"{path}/proposals", limit=100)["items"]),
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


def _rules() -> dict[str, Document]:
    return {rule["rule_id"]: rule for rule in visit.get("/rules")["items"]}
