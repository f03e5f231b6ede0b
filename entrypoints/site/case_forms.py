"""What members write about a case, sent as forms.

What somebody wrote is never lost: if the session has ended, or the form is refused, a page shows
the text again, with what to do.
"""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, redirect, request
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site import case_words
from entrypoints.site.case import FLAGGABLE
from entrypoints.site.language import _, gettext
from entrypoints.site.pages import page, refused_page
from entrypoints.site.sharing import share_addresses
from entrypoints.site.visit import UNAUTHORIZED, Refused, visit

STALE_FORM = 400
SIGN_IN = ("pseudonym", "passphrase")
NOT_KEPT = ("csrf_token", "keep", *SIGN_IN)

WRITTEN = {
    "text": _("Your comment"),
    "note": _("Your note"),
    "title": _("Title"),
    "story": _("What happened"),
    "name": _("Name"),
    "role": _("What they did"),
    "tag": _("Tag"),
}
"""The fields in which people write, by what they are called."""


def case_forms(public_url: str) -> Blueprint:
    """Take ``POST`` below ``/cases/<id>``.

    It checks the CSRF token itself, because a stale one must not lose what was written.
    """
    blp = Blueprint("case_forms", __name__)
    blp.before_request(_trusted)
    blp.register_error_handler(Refused, _refused)
    _add_engagement(blp, public_url)
    _add_discussion(blp)
    _add_details(blp)
    _add_suggestions(blp)
    _add_parties(blp)
    return blp


def _add_engagement(blp: Blueprint, public_url: str) -> None:
    @blp.post("/cases/<uuid:case_id>/support")
    def support(case_id: UUID) -> AnyResponse:
        return _switch(case_id, "support")

    @blp.post("/cases/<uuid:case_id>/follow")
    def follow(case_id: UUID) -> AnyResponse:
        return _switch(case_id, "follow")

    @blp.post("/cases/<uuid:case_id>/shared")
    def shared(case_id: UUID) -> AnyResponse:
        """Count the share, and lead on: a form cannot lead to another site, a page can."""
        network = request.form.get("network", "")
        _send("POST", f"/cases/{case_id}/shares", {"network": network})
        case = visit.get(f"/cases/{case_id}")
        places = share_addresses(f"{public_url}/cases/{case_id}", case["title"])
        name = case_words.word(case_words.NETWORKS, network)
        return page("case/shared.html", case=case, place=places.get(network, ""), name=name)

    @blp.post(f"/cases/<uuid:case_id>/flag/<any({FLAGGABLE}):kind>/<uuid:subject_id>")
    def flag(case_id: UUID, kind: str, subject_id: UUID) -> AnyResponse:
        body = {"subject_kind": kind, "subject_id": str(subject_id), "note": _text("note")}
        _send("POST", "/flags", {**body, "rule": request.form.get("rule", "")})
        return _back(case_id, _("Thank you. A moderator will look at it."))


def _add_discussion(blp: Blueprint) -> None:
    @blp.post("/cases/<uuid:case_id>/comments")
    def comment(case_id: UUID) -> AnyResponse:
        body = {"text": _text("text")}
        if parent := request.form.get("parent_id"):
            body["parent_id"] = parent
        made = _send("POST", f"/cases/{case_id}/comments", body).body
        return _back(case_id, _("Your comment is public."), f"comment-{made['comment_id']}")

    @blp.post("/cases/<uuid:case_id>/comments/<uuid:comment_id>")
    def edit(case_id: UUID, comment_id: UUID) -> AnyResponse:
        visit.send("PATCH", f"/comments/{comment_id}", {"text": _text("text")})
        return _back(case_id, _("Your comment is changed."), f"comment-{comment_id}")

    @blp.post("/cases/<uuid:case_id>/comments/<uuid:comment_id>/remove")
    def remove(case_id: UUID, comment_id: UUID) -> AnyResponse:
        visit.send("DELETE", f"/comments/{comment_id}")
        return _back(case_id, _("Your comment is removed."), "discussion")


def _add_details(blp: Blueprint) -> None:
    @blp.post("/cases/<uuid:case_id>/amend")
    def amend(case_id: UUID) -> AnyResponse:
        form = request.form
        body: dict[str, Any] = {"title": _text("title"), "story": _text("story")}
        body["category"] = form.get("category", "other")
        body["occurred_on"] = form.get("occurred_on") or None
        visit.send("PATCH", f"/cases/{case_id}", body, version=form.get("version", ""))
        return _back(case_id, _("Your report is changed."))

    @blp.post("/cases/<uuid:case_id>/withdraw")
    def withdraw(case_id: UUID) -> AnyResponse:
        visit.send("DELETE", f"/cases/{case_id}")
        return _back(case_id, _("Your report is withdrawn. Nobody else can see it."))


def _add_parties(blp: Blueprint) -> None:
    @blp.post("/cases/<uuid:case_id>/name")
    def name(case_id: UUID) -> AnyResponse:
        form = request.form
        body = {"kind": form.get("kind", "person"), "name": _text("name"), "role": _text("role")}
        evidence = form.getlist("evidence")
        _send("POST", f"/cases/{case_id}/parties", {**body, "evidence": evidence})
        return _back(case_id, _("They are named in the case. They can answer."), "named")

    @blp.post("/cases/<uuid:case_id>/parties/<uuid:party_id>/retract")
    def retract(case_id: UUID, party_id: UUID) -> AnyResponse:
        visit.send("DELETE", f"/cases/{case_id}/parties/{party_id}")
        return _back(case_id, _("They are not named in the case any more."), "named")

    @blp.post("/cases/<uuid:case_id>/parties/<uuid:party_id>/invite")
    def invite(case_id: UUID, party_id: UUID) -> AnyResponse:
        made = _send("POST", f"/cases/{case_id}/parties/{party_id}/dispute-link")
        return page("case/invited.html", case_id=case_id, url=made.body["url"])

    @blp.post("/cases/<uuid:case_id>/evidence/<uuid:evidence_id>/retract")
    def retract_evidence(case_id: UUID, evidence_id: UUID) -> AnyResponse:
        visit.send("DELETE", f"/cases/{case_id}/evidence/{evidence_id}")
        return _back(case_id, _("This evidence is not part of your report any more."))


def _add_suggestions(blp: Blueprint) -> None:
    @blp.post("/cases/<uuid:case_id>/tags")
    def tag(case_id: UUID) -> AnyResponse:
        visit.send("POST", f"/cases/{case_id}/tags", {"tag": _text("tag")})
        return _back(case_id, _("Your tag is sent."), "about")

    @blp.post("/cases/<uuid:case_id>/tags/remove")
    def untag(case_id: UUID) -> AnyResponse:
        visit.send("DELETE", f"/cases/{case_id}/tags?{urlencode({'tag': _text('tag')})}")
        return _back(case_id, _("The tag is removed."), "about")

    @blp.post("/cases/<uuid:case_id>/proposals/<int:number>")
    def answer(case_id: UUID, number: int) -> AnyResponse:
        path = f"/cases/{case_id}/proposals/{number}"
        if request.form.get("answer") == "accept":
            visit.send("POST", f"{path}/acceptance")
            return _back(case_id, _("The suggestion is part of the case now."), "about")
        visit.send("DELETE", path)
        return _back(case_id, _("The suggestion is gone."), "about")


def _switch(case_id: UUID, what: str) -> AnyResponse:
    """Begin or end supporting or following."""
    method = "PUT" if request.form.get("on") == "1" else "DELETE"
    visit.send(method, f"/cases/{case_id}/{what}")
    return redirect(f"/cases/{case_id}#actions", 303)


def _send(method: str, path: str, body: Any = None) -> Any:
    """Send it; repeated, it takes effect once."""
    return visit.send(method, path, body, once=request.form.get("once", ""))


def _text(name: str) -> str:
    """Return what somebody wrote, with the line ends of the API."""
    return request.form.get(name, "").replace("\r\n", "\n").strip()


def _back(case_id: object, told: str, place: str = "") -> AnyResponse:
    flash(gettext(told))
    return redirect(f"/cases/{case_id}" + (f"#{place}" if place else ""), 303)


def _trusted() -> Response | None:
    """Check that a page of this site sent the form, and sign in if it holds a passphrase."""
    try:
        current_app.extensions["csrf"].protect()
    except CSRFError:
        return _again(STALE_FORM)
    return _entered() if "passphrase" in request.form else None


def _entered() -> Response | None:
    pseudonym, passphrase = (request.form.get(name, "") for name in SIGN_IN)
    try:
        visit.sign_in(pseudonym.strip(), passphrase)
    except Refused as refused:
        return _again(refused.status, refused)
    return None


def _refused(refused: Refused) -> Response:
    if refused.status == UNAUTHORIZED:
        return _again(UNAUTHORIZED)
    if any(request.form.get(name) for name in WRITTEN):
        return _again(refused.status, refused)
    return refused_page(refused)


def _again(status: int, refused: Refused | None = None) -> Response:
    """Return a page with all that the form held, to be sent again."""
    form = request.form
    kept = [(name, value) for name, value in form.items(multi=True) if name not in NOT_KEPT]
    written = [(name, value) for name, value in kept if name in WRITTEN]
    hidden = [(name, value) for name, value in kept if name not in WRITTEN]
    return page(
        "case/again.html",
        status,
        form=form,
        written=written,
        hidden=hidden,
        labels=WRITTEN,
        refused=refused,
        to=request.path,
    )
