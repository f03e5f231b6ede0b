"""Pages about what moderators decided: the ledger for everybody, and appeals and answers for those
concerned."""

from typing import Any

from flask import Blueprint, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site.account import inside
from entrypoints.site.moderation import KIND, KINDS, waiting_item
from entrypoints.site.pages import page
from entrypoints.site.paging import next_page
from entrypoints.site.visit import Refused, visit

AT_ONCE = 20
OF_ONE_DECISION = 100


def decision_pages() -> Blueprint:
    blp = Blueprint("decisions", __name__)
    _add_ledger(blp)
    _add_resolutions(blp)
    _add_appeals(blp)
    _add_answers(blp)
    _add_suspension(blp)
    return blp


def _add_ledger(blp: Blueprint) -> None:
    @blp.get("/decisions")
    def ledger() -> Response:
        asked = {name: request.args.get(name) for name in ("kind", "rule", "waits", "cursor")}
        answer = visit.fetch("/moderation/ledger", limit=AT_ONCE, **asked)
        return page(
            "moderation/ledger.html",
            entries=answer.body["items"],
            rules=visit.rules,
            kinds=KINDS,
            asked=asked,
            next=next_page(answer),
        )

    @blp.get("/decisions/<uuid:decision_id>")
    def decision(decision_id: object) -> Response:
        return _decision_page(str(decision_id))


def _add_resolutions(blp: Blueprint) -> None:
    @blp.post("/decisions/<uuid:decision_id>/resolution")
    def resolve(decision_id: object) -> AnyResponse:
        form = request.form
        body = {"outcome": form["outcome"], "reason": form["reason"]}
        path = f"/moderation/appeals/{decision_id}/resolution"
        try:
            visit.send("POST", path, body, once=form["once"])
        except Refused as refused:
            return _decision_page(str(decision_id), refused)
        return redirect(inside(form.get("back", f"/decisions/{decision_id}")), 303)

    @blp.post("/decisions/<uuid:decision_id>/reason-removal")
    def remove_reason(decision_id: object) -> AnyResponse:
        of = "appeals" if request.form["of"] == "outcome" else "decisions"
        try:
            visit.send("DELETE", f"/moderation/{of}/{decision_id}/reason")
        except Refused as refused:
            return _decision_page(str(decision_id), refused)
        return redirect(f"/decisions/{decision_id}", 303)


def _add_appeals(blp: Blueprint) -> None:
    @blp.get("/decisions/<uuid:decision_id>/appeal")
    def appeal_form(decision_id: object) -> AnyResponse:
        return _only_signed_in() or _appeal_page(decision_id)

    @blp.post("/decisions/<uuid:decision_id>/appeal")
    def appeal(decision_id: object) -> AnyResponse:
        path = f"/moderation/decisions/{decision_id}/appeals"
        if refused := _stated(path):
            return _appeal_page(decision_id, refused)
        return redirect(f"/decisions/{decision_id}", 303)


def _add_answers(blp: Blueprint) -> None:
    @blp.get(f"/answer/{KIND}/<uuid:subject_id>")
    def answer_form(kind: str, subject_id: object) -> AnyResponse:
        return _only_signed_in() or _answer_page(kind, subject_id)

    @blp.post(f"/answer/{KIND}/<uuid:subject_id>")
    def answer(kind: str, subject_id: object) -> AnyResponse:
        if refused := _stated(f"/moderation/{kind}/{subject_id}/answer"):
            return _answer_page(kind, subject_id, refused)
        return redirect(f"/answer/{kind}/{subject_id}?sent=1", 303)


def _add_suspension(blp: Blueprint) -> None:
    @blp.get("/suspension")
    def suspension() -> AnyResponse:
        return _only_signed_in() or _suspension_page()

    @blp.post("/suspension")
    def appeal_suspension() -> AnyResponse:
        if refused := _stated("/me/suspension/appeal"):
            return _suspension_page(refused)
        return redirect("/suspension", 303)


def _decision_page(decision_id: str, refused: Refused | None = None) -> Response:
    """Return the page of a decision with all that followed, the oldest first."""
    entries = _entries(decision_id)
    latest = entries[-1]
    waits = any(entry["waits"] for entry in entries)
    moderates = visit.person is not None and visit.person.moderates
    item = waiting_item(latest["subject_kind"], latest["subject_id"]) if moderates else None
    return page(
        "moderation/decision.html",
        refused.status if refused else 200,
        entries=entries,
        decision_id=decision_id,
        appeal=item and item["appeal"],
        waits=waits,
        appealable=_is_appealable(entries),
        moderates=moderates,
        rule=_rule(entries[0]["rule"]),
        form=request.form,
        refused=refused,
    )


def _entries(decision_id: str) -> list[dict[str, Any]]:
    found = visit.get("/moderation/ledger", decision=decision_id, limit=OF_ONE_DECISION)["items"]
    return list(reversed(found)) or abort(404)


def _is_appealable(entries: list[dict[str, Any]]) -> bool:
    """Return whether the page offers an appeal. The API decides who may make it."""
    deeds = {entry["what"] for entry in entries}
    hides = any(entry["verdict"] == "hide" for entry in entries)
    return hides and not deeds & {"appealed", "decision_set_aside"}


def _rule(rule_id: str | None) -> dict[str, str] | None:
    return next((rule for rule in visit.rules if rule["rule_id"] == rule_id), None)


def _appeal_page(decision_id: object, refused: Refused | None = None) -> Response:
    entries = _entries(str(decision_id))
    return _statement_page("appeal", refused, entries=entries)


def _answer_page(kind: str, subject_id: object, refused: Refused | None = None) -> Response:
    entries = visit.get("/moderation/ledger", subject=subject_id, kind=kind, limit=1)["items"]
    return _statement_page("answer", refused, entries=entries, sent="sent" in request.args)


def _suspension_page(refused: Refused | None = None) -> Response:
    """Return the page of the member's own suspension. Somebody whose session has ended sees the
    form alone."""
    person = visit.person
    me = visit.get("/me") if person else {"suspended": True, "appeal_waits": False}
    about = visit.get(f"/members/{person.member_id}") if person else {"suspension": None}
    return _statement_page("suspension", refused, me=me, reason=about["suspension"])


def _statement_page(what: str, refused: Refused | None, **shown: Any) -> Response:
    return page(
        f"moderation/{what}.html",
        refused.status if refused else 200,
        form=request.form,
        refused=refused,
        here=request.path,
        **shown,
    )


def _only_signed_in() -> AnyResponse | None:
    return None if visit.person else redirect(f"/sign-in?next={request.path}", 303)


def _stated(path: str) -> Refused | None:
    """Send the statement of the form.

    Whose session has ended gets the form again, filled, with fields to sign in.
    """
    form = request.form
    try:
        if "passphrase" in form:
            visit.sign_in(form["pseudonym"].strip(), form["passphrase"])
        visit.send("POST", path, {"statement": form["statement"]}, once=form["once"])
    except Refused as refused:
        return refused
    return None
