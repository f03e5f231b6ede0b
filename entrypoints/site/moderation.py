"""Pages for moderators: what waits for them, and the standing of members."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request, session
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site.account import inside
from entrypoints.site.pages import page
from entrypoints.site.paging import next_page
from entrypoints.site.visit import Refused, visit

KINDS = ("case", "comment", "party", "dispute", "evidence", "member")
KIND = f"<any({', '.join(KINDS)}):kind>"
AT_ONCE = 10
EARLIER = 10
CONFLICT = 409
WITH_MEDIA = ("accepted", "withheld")
MEDIA_IN_A_LIST, MEDIA_ALONE = 3, 12
# What is known of a subject is served where its kind says.
WHERE = {
    "case": "/cases/{}",
    "comment": "/comments/{}",
    "evidence": "/evidence/{}",
    "member": "/members/{}",
}

Item = dict[str, Any]


def moderation_pages() -> Blueprint:
    blp = Blueprint("moderation", __name__, url_prefix="/moderation")
    _add_queue(blp)
    _add_statements(blp)
    _add_members(blp)
    return blp


def _add_queue(blp: Blueprint) -> None:
    @blp.get("")
    def queue() -> Response:
        return _queue()

    @blp.post("")
    def decide_in_queue() -> AnyResponse:
        return _decided(_queue)

    @blp.get(f"/{KIND}/<uuid:subject_id>")
    def subject(kind: str, subject_id: object) -> Response:
        return _subject(kind, str(subject_id))

    @blp.post(f"/{KIND}/<uuid:subject_id>")
    def decide_on_subject(kind: str, subject_id: object) -> AnyResponse:
        return _decided(lambda **shown: _subject(kind, str(subject_id), **shown))


def _add_statements(blp: Blueprint) -> None:
    @blp.post("/case/<uuid:case_id>/party/<uuid:party_id>/dispute/<uuid:dispute_id>/erasure")
    def erase_statement(case_id: object, party_id: object, dispute_id: object) -> AnyResponse:
        """Erase the statement of somebody named for good."""
        visit.send("DELETE", f"/cases/{case_id}/parties/{party_id}/disputes/{dispute_id}")
        return redirect(f"/moderation/dispute/{dispute_id}", 303)


def _add_members(blp: Blueprint) -> None:
    @blp.post("/member/<uuid:member_id>/suspension")
    def suspend(member_id: object) -> AnyResponse:
        body = {"reason": request.form["reason"]}
        return _standing(member_id, "PUT", "suspension", body)

    @blp.post("/member/<uuid:member_id>/reinstatement")
    def reinstate(member_id: object) -> AnyResponse:
        return _standing(member_id, "DELETE", "suspension")

    @blp.post("/member/<uuid:member_id>/suspension/reason-removal")
    def remove_reason(member_id: object) -> AnyResponse:
        return _standing(member_id, "DELETE", "suspension/reason")

    @blp.post("/member/<uuid:member_id>/suspension/resolution")
    def resolve(member_id: object) -> AnyResponse:
        body = {"outcome": request.form["outcome"]}
        return _standing(member_id, "POST", "suspension/resolution", body)

    @blp.post("/member/<uuid:member_id>/roles")
    def change_role(member_id: object) -> AnyResponse:
        method = "PUT" if request.form["change"] == "grant" else "DELETE"
        return _standing(member_id, method, f"roles/{quote(request.form['role'], safe='')}")


def _queue(**shown: Any) -> Response:
    """Return the page of what waits. What was decided just now is left out: it leaves the queue
    once its decision is applied, a moment later."""
    answer = visit.fetch(
        "/moderation/queue",
        kind=request.args.get("kind"),
        cursor=request.args.get("cursor"),
        limit=AT_ONCE,
    )
    done = [*session.pop("decided", []), *shown.pop("done", [])]
    waiting = [item for item in answer.body["items"] if key_of(item) not in done]
    return _items_page("moderation/queue.html", waiting, next=next_page(answer), done=done, **shown)


def _subject(kind: str, subject_id: str, **shown: Any) -> Response:
    """Return the page of one subject, whether it waits for a decision or not."""
    waiting = waiting_item(kind, subject_id)
    item = waiting or {"subject_kind": kind, "subject_id": subject_id, "flags": []}
    done = [*session.pop("decided", []), *shown.pop("done", [])]
    return _items_page("moderation/subject.html", [item], done=done, **shown)


def _items_page(template: str, items: Sequence[Item], **shown: Any) -> Response:
    refused, problems = shown.get("refused"), shown.setdefault("problems", {})
    media = MEDIA_ALONE if len(items) == 1 else MEDIA_IN_A_LIST
    form = request.form if request.method == "POST" else {}
    status = refused.status if refused else CONFLICT if problems else 200
    return page(
        template,
        status,
        **{"refused": None, **shown},
        items=[_with_details(item, media) for item in items],
        rules=visit.rules,
        kinds=KINDS,
        form=form,
        here=request.full_path.rstrip("?"),
    )


def _decided(show: Callable[..., Response]) -> AnyResponse:
    """Decide on the chosen subjects alike, and show the page again without them."""
    form = request.form
    chosen = form.getlist("subject")
    body = {
        "subjects": [_subject_of(each) for each in chosen],
        **{name: form.get(name, "") for name in ("decision", "rule", "reason")},
    }
    try:
        items = visit.send("POST", "/moderation/decisions", body, once=form["once"]).body["items"]
    except Refused as refused:
        return show(refused=refused)
    problems = {key_of(item): item["problem"] for item in items if item["problem"]}
    done = [key for item in items if (key := key_of(item)) not in problems]
    if problems:
        return show(problems=problems, done=done)
    session["decided"] = done
    return redirect(request.full_path.rstrip("?"), 303)


def _standing(member_id: object, method: str, what: str, body: Any = None) -> AnyResponse:
    """Change the standing of a member, and show it."""
    place = f"/moderation/member/{member_id}"
    try:
        visit.send(method, f"/members/{member_id}/{what}", body)
    except Refused as refused:
        return _subject("member", str(member_id), refused=refused)
    return redirect(inside(request.form.get("back", place)), 303)


def key_of(item: Item) -> str:
    return f"{item['subject_kind']}/{item['subject_id']}"


def waiting_item(kind: str, subject_id: str) -> Item | None:
    """Return what waits about the subject, for moderators."""
    found: list[Item] = visit.get("/moderation/queue", kind=kind, subject=subject_id)["items"]
    return found[0] if found else None


def _with_details(item: Item, media: int) -> Item:
    """Return the item with what moderators may see of its subject, some of the evidence, and
    earlier decisions."""
    kind, subject_id = item["subject_kind"], item["subject_id"]
    about = _seen(WHERE[kind].format(subject_id)) if kind in WHERE else None
    evidence = [subject_id] if kind == "evidence" else _cited(about)[:media]
    earlier = visit.get("/moderation/ledger", subject=subject_id, limit=EARLIER)["items"]
    return {
        **item,
        "key": key_of(item),
        "about": about,
        "party": _party_of(item) if kind == "dispute" else None,
        "evidence": [seen for each in evidence if (seen := _seen(f"/evidence/{each}"))],
        "earlier": earlier,
    }


def _party_of(statement: Item) -> str | None:
    """Return the id of the party that made the statement, if its case still shows it."""
    case_id = statement.get("case_id")
    case = _seen(f"/cases/{case_id}") if case_id else None
    for party in case["parties"] if case else ():
        if any(each["dispute_id"] == statement["subject_id"] for each in party["disputes"]):
            return str(party["party_id"])
    return None


def _cited(about: Item | None) -> list[str]:
    """Return the evidence of a case that there is something to see of."""
    cited = about.get("cited", []) if about else []
    return [each["evidence_id"] for each in cited if each["progress"] in WITH_MEDIA]


def _seen(path: str) -> Item | None:
    """Return what is there, or None if it is gone."""
    try:
        found: Item = visit.get(path)
    except Refused as refused:
        if refused.status in (404, 410):
            return None
        raise
    return found


def _subject_of(key: str) -> dict[str, str]:
    kind, _, subject_id = key.partition("/")
    return {"subject_kind": kind, "subject_id": subject_id}
