"""Put the site together: a Flask application of its own, which serves all that is not the API."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, abort, current_app, redirect, request, session
from flask_compress import Compress
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.asgi.environ import REFUSAL
from entrypoints.http.replies import with_headers
from entrypoints.site.about import about_pages
from entrypoints.site.account import account_pages, inside
from entrypoints.site.api import Api
from entrypoints.site.assets import assets_blueprint
from entrypoints.site.case import case_pages
from entrypoints.site.case_forms import case_forms
from entrypoints.site.decisions import decision_pages
from entrypoints.site.dispute import dispute_pages
from entrypoints.site.evidence_form import Rooms
from entrypoints.site.fixed_words import in_words
from entrypoints.site.ground import ground_blueprint, ground_of, read_street_map
from entrypoints.site.home import home_pages
from entrypoints.site.language import COOKIE, LANGUAGES, choose_language
from entrypoints.site.me import me_pages
from entrypoints.site.media import media_pages
from entrypoints.site.moderation import moderation_pages
from entrypoints.site.pages import page, prepare_templates, protect, refused_page
from entrypoints.site.phone import phone_pages
from entrypoints.site.report import report_pages
from entrypoints.site.search import search_pages
from entrypoints.site.statistics import statistics_pages
from entrypoints.site.visit import Refused, begin_visit, forget_what_was_read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DAYS_SIGNED_IN = 60
YEAR_SECONDS = 365 * 86_400
LARGEST_FORM = 200_000
LONGEST_FIXED_WORDS = 1000
ELSEWHERE = ("cross-site", "same-site")
"""What browsers say in ``Sec-Fetch-Site`` of a request that another site caused."""
AGAIN = "again"
"""In the address of a page that loaded itself again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """``public_url`` is the site's address, ``leave_url`` where "leave quickly" leads.

    ``proxies`` is how many proxies of one's own add to ``X-Forwarded-For``, ``tiles`` the file of
    the street map, if there is one.
    """

    public_url: str
    leave_url: str
    key: bytes
    proxies: int
    tiles: Path | None = None

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")


class Site(Flask):
    """Logs what broke without the address: that of a dispute link contains its token."""

    def log_exception(self, exc_info: Any) -> None:
        self.logger.error("page failed: %s", request.endpoint, exc_info=exc_info)


def create_site(api: Api, settings: SiteSettings, rooms: Rooms) -> Flask:
    """Return the WSGI application of the pages. ``rooms`` are folders in memory."""
    app = Site("klarity-site", static_folder=None, root_path=str(Path(__file__).parent))
    app.secret_key = settings.key
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        # A browser takes a cookie with this prefix from this address alone, and over TLS alone.
        SESSION_COOKIE_NAME="__Host-klarity" if settings.secure else "klarity",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=DAYS_SIGNED_IN * 86_400,
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,
        # It would ask for a Referer, and the site's pages send none.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.before_request(choose_language)
    app.before_request(_refuse_unread)
    app.before_request(_refuse_other_sites)
    app.before_request(partial(begin_visit, api))
    app.after_request(protect)
    app.after_request(_after_reading)
    app.after_request(_keep_session)
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask documents it
    csrf = CSRFProtect(app)
    Compress(app)
    prepare_templates(app, settings.public_url, settings.leave_url)
    _add_ground(app, settings.tiles)
    report = report_pages(rooms)
    csrf.exempt(report)  # its forms are checked while they arrive
    for blueprint in (
        account_pages(),
        assets_blueprint(),
        home_pages(),
        me_pages(),
        moderation_pages(),
        decision_pages(),
        media_pages(),
        about_pages(),
        search_pages(),
        statistics_pages(),
        phone_pages(),
        report,
    ):
        app.register_blueprint(blueprint)
    app.register_blueprint(case_pages(settings.public_url))
    # These check for themselves that they may trust a form.
    for forms in (case_forms(settings.public_url), dispute_pages()):
        csrf.exempt(forms)
        app.register_blueprint(forms)
    _handle_errors(app)
    _add_languages(app, secure=settings.secure)
    return app


def _refuse_unread() -> None:
    """Refuse a request whose body the ASGI server did not read to its end."""
    match request.environ.get(REFUSAL):
        case "too-large":
            abort(413)
        case "too-slow":
            abort(408)
        case "too-busy":
            abort(503)


def _refuse_other_sites() -> None:
    """Refuse a form that a page of another site sent, even if its fields would only be shown."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site") in ELSEWHERE:
        raise CSRFError("another site sent it")


def _keep_session(reply: Response) -> Response:
    """Keep the session of a member who followed a link of another site to a page with a form.

    The browser held their cookie back, and that of the page would replace it. So none is set: the
    page loads itself again, once, as a page of this site, and the browser sends what it has.
    """
    elsewhere = request.headers.get("Sec-Fetch-Site") in ELSEWHERE and AGAIN not in request.args
    if elsewhere and current_app.config["SESSION_COOKIE_NAME"] not in request.cookies and session:
        session.clear()
        session.modified = False
        asked = request.query_string.decode("latin-1")
        reply.headers["Refresh"] = f"0; url=?{asked}{'&' if asked else ''}{AGAIN}=1"
    return reply


def _after_reading(reply: Response) -> Response:
    forget_what_was_read()
    return reply


def _add_ground(app: Flask, tiles: Path | None) -> None:
    street_map = read_street_map(tiles) if tiles else None
    app.jinja_env.globals["ground"] = ground_of(street_map)
    app.register_blueprint(ground_blueprint(street_map))


def _handle_errors(app: Flask) -> None:
    app.register_error_handler(Refused, refused_page)

    @app.errorhandler(CSRFError)
    def stale_form(_: CSRFError) -> AnyResponse:
        return page("errors/stale_form.html", 400)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> AnyResponse:
        status = error.code or 500
        return page("errors/error.html", status, code=status)


def _add_languages(app: Flask, *, secure: bool) -> None:
    @app.get("/language/<code>")
    def switch(code: str) -> AnyResponse:
        """Remember the language, and go back to the page."""
        reply = redirect(inside(request.args.get("next", "/")), 303)
        if code in LANGUAGES:
            reply.set_cookie(
                COOKIE, code, YEAR_SECONDS, secure=secure, httponly=True, samesite="Lax"
            )
        return reply

    @app.get("/in-words")
    def translate() -> AnyResponse:
        """Translate fixed words of the API for the scripts of a page."""
        text = request.args.get("text", "")[:LONGEST_FIXED_WORDS]
        return Response(in_words(text), content_type="text/plain; charset=utf-8")


def beside(api: Flask, site: "WSGIApplication") -> "WSGIApplication":
    """Return an application that sends each request to the API or, if that has no such place, to
    the site. The first part of the path decides."""
    api_wsgi = api.wsgi_app
    places = {str(rule).split("/", 2)[1] for rule in api.url_map.iter_rules()}

    def both(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        place = environ.get("PATH_INFO", "").split("/", 2)[1:2]
        chosen = api_wsgi if place and place[0] in places else site
        return chosen(environ, start_response)

    return both
