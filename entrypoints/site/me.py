"""The member's own pages: what is theirs, what happened to it, and their account."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request, session
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site.cards import with_reasons
from entrypoints.site.pages import page, refused_page
from entrypoints.site.paging import next_page
from entrypoints.site.visit import UNAUTHORIZED, Refused, visit

LISTS = {
    "": "/me/cases",
    "comments": "/me/comments",
    "supports": "/me/supports",
    "follows": "/me/follows",
    "flags": "/me/flags",
    "notifications": "/me/notifications",
}
"""The lists of a member by their place below ``/me``, and where the API has them."""
DEFAULT_KM = 25.0
RECOMMENDED = 20


def me_pages() -> Blueprint:
    """Serve ``/me`` and what is below it, and the progress of an erasure."""
    blp = Blueprint("me", __name__)
    for name, resource in LISTS.items():
        blp.add_url_rule(f"/me/{name}".rstrip("/"), name or "cases", _list(name, resource))
    _add_recommendations(blp)
    _add_account(blp)
    _add_sessions(blp)
    _add_leaving(blp)
    return blp


def _list(name: str, resource: str) -> Any:
    def show() -> Response:
        found = visit.fetch(resource, cursor=request.args.get("cursor"))
        items, more = found.body["items"], next_page(found)
        return page(f"me/{name or 'cases'}.html", here=name, items=items, more=more)

    return show


def _add_recommendations(blp: Blueprint) -> None:
    @blp.get("/me/recommended")
    def recommended() -> Response:
        found = visit.get("/me/recommended-cases", limit=RECOMMENDED)
        off, items = found["note"] == "off", with_reasons(found["items"])
        return page("me/recommended.html", here="recommended", items=items, off=off)

    @blp.post("/me/recommendations")
    def switch() -> AnyResponse:
        visit.send("PUT", "/me/recommendations", {"on": request.form["on"] == "yes"})
        return redirect("/me/recommended", 303)


def _add_account(blp: Blueprint) -> None:
    @blp.get("/me/settings")
    def settings() -> Response:
        return _settings()

    @blp.post("/me/interests")
    def choose_interests() -> AnyResponse:
        return _changed("PUT", "/me/interests", _interests(), "interests")

    @blp.post("/me/passphrase")
    def change_passphrase() -> AnyResponse:
        body = {"current": request.form["current"], "new": request.form["new"]}
        return _changed("PUT", "/me/passphrase", body, "passphrase")

    @blp.get("/me/export")
    def export() -> AnyResponse:
        """Return all that is held about the member, as a file."""
        answer = visit.fetch("/me/export")
        reply = Response(answer.content, content_type=answer.headers["Content-Type"])
        reply.headers["Content-Disposition"] = answer.headers["Content-Disposition"]
        reply.headers["Cache-Control"] = "private, no-store"
        return reply


def _add_sessions(blp: Blueprint) -> None:
    @blp.post("/me/sessions/<uuid:session_id>/end")
    def end_session(session_id: object) -> AnyResponse:
        return _changed("DELETE", f"/sessions/{session_id}", None, "sessions")

    @blp.post("/me/sessions/end")
    def end_all() -> AnyResponse:
        visit.send("DELETE", "/sessions")
        session.clear()
        return redirect("/", 303)


def _add_leaving(blp: Blueprint) -> None:
    @blp.get("/me/leave")
    def leave_form() -> Response:
        return page("me/leave.html", here="leave", me=visit.get("/me"), refused=None)

    @blp.post("/me/leave")
    def leave() -> AnyResponse:
        body = {
            "passphrase": request.form["passphrase"],
            "anonymous_later": "anonymous_later" in request.form,
        }
        try:
            erased = visit.send("DELETE", "/me", body)
        except Refused as refused:
            me = visit.get("/me")
            return page("me/leave.html", refused.status, here="leave", me=me, refused=refused)
        session.clear()
        return redirect(erased.headers["Location"].removeprefix("/v1"), 303)

    @blp.get("/erasures/<receipt>")
    def erasure(receipt: str) -> Response:
        return page("me/erasure.html", progress=visit.get(f"/erasures/{quote(receipt, safe='')}"))


def _changed(method: str, path: str, body: Any, section: str) -> AnyResponse:
    """Change the account, and go back to that section of the settings."""
    try:
        visit.send(method, path, body)
    except Refused as refused:
        if refused.status == UNAUTHORIZED:
            return refused_page(refused)
        return _settings(refused.status, refused, section)
    return redirect(f"/me/settings?saved={section}#{section}", 303)


def _settings(status: int = 200, refused: Refused | None = None, section: str = "") -> Response:
    me, sessions = visit.get("/me"), visit.get("/sessions")["items"]
    return page(
        "me/settings.html",
        status,
        here="settings",
        me=me,
        sessions=sessions,
        refused=refused,
        section=section,
        form=request.form,
        saved=request.args.get("saved", ""),
    )


def _interests() -> dict[str, Any]:
    """Return the tags, one for each line or between commas, and the areas that are kept."""
    form = request.form
    tags = (tag.strip() for tag in form["interests"].replace("\n", ",").split(","))
    areas = [_area(text) for text in form.getlist("area")]
    if form.get("lat") and form.get("lon"):
        areas.append(_area(f"{form['lat']} {form['lon']} {form.get('km') or DEFAULT_KM}"))
    return {"interests": [tag for tag in tags if tag], "areas": areas}


def _area(text: str) -> dict[str, Any]:
    """Return an area from its latitude, longitude and kilometres. The API checks the numbers."""
    return dict(zip(("lat", "lon", "km"), map(_number, text.split()), strict=False))


def _number(text: str) -> float | str:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text
