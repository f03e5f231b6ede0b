"""Pages to join, to sign in and to sign out."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site.pages import page
from entrypoints.site.visit import Refused, visit

Form = Mapping[str, str]


def account_pages() -> Blueprint:
    blp = Blueprint("account", __name__)

    @blp.get("/sign-in")
    def sign_in_form() -> Response:
        form = {"next": request.args.get("next", "/")}
        return page("account/sign_in.html", form=form, refused=None)

    @blp.post("/sign-in")
    def sign_in() -> AnyResponse:
        return _entered("account/sign_in.html")

    @blp.get("/join")
    def join_form() -> Response:
        form = {"next": request.args.get("next", "/")}
        return page("account/join.html", form=form, refused=None)

    @blp.post("/join")
    def join() -> AnyResponse:
        return _entered("account/join.html", _register)

    @blp.post("/sign-out")
    def sign_out() -> AnyResponse:
        visit.sign_out()
        return redirect("/", 303)

    @blp.post("/session/token")
    def token() -> Response:
        """Give the scripts of the site an access token, which they keep in memory only."""
        reply = jsonify(access_token=visit.access_token())
        reply.headers["Cache-Control"] = "no-store"
        return reply

    return blp


def _register(form: Form) -> None:
    body = {"pseudonym": form["pseudonym"].strip(), "passphrase": form["passphrase"]}
    visit.send("POST", "/members", body)


def _entered(template: str, before: Callable[[Form], None] = lambda _: None) -> AnyResponse:
    """Sign in with the form, and go on to where the visitor wanted to go."""
    form = request.form
    try:
        before(form)
        visit.sign_in(form["pseudonym"].strip(), form["passphrase"], keep="keep" in form)
    except Refused as refused:
        return page(template, refused.status, form=form, refused=refused)
    return redirect(inside(form.get("next", "/")), 303)


def inside(place: str) -> str:
    """Return the place if it is on this site, or else the home page."""
    is_path = place.startswith("/") and not place.startswith(("//", "/\\"))
    return place if is_path and place.isprintable() else "/"
