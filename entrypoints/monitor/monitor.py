"""Put the monitor together: a Flask application of its own, below ``/monitor``."""

from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from application.engine.answers import NotCaughtUp
from application.ports.unavailable import Unavailable
from entrypoints.http.replies import with_headers
from entrypoints.monitor.access import ROOT, Access, access_pages, protect_app
from entrypoints.monitor.alerts import alert_pages
from entrypoints.monitor.commands import command_pages
from entrypoints.monitor.events import event_pages
from entrypoints.monitor.interventions import intervention_pages
from entrypoints.monitor.map import map_pages
from entrypoints.monitor.now import now_pages
from entrypoints.monitor.pages import HERE, page, prepare_templates, protect, serve_assets
from entrypoints.monitor.parked import parked_pages
from entrypoints.monitor.rebuilds import rebuild_pages
from entrypoints.monitor.subscribers import subscriber_pages
from entrypoints.monitor.tools import MonitorTools

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOURS_SIGNED_IN = 12
LARGEST_FORM = 100_000


def create_monitor(tools: MonitorTools, access: Access, key: bytes) -> Flask:
    """Return the WSGI application of the pages. ``key`` signs the session cookie."""
    app = Flask("klarity-monitor", static_folder=None, root_path=str(HERE))
    app.secret_key = key
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        SESSION_COOKIE_NAME="klarity-monitor",
        SESSION_COOKIE_PATH=ROOT,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=HOURS_SIGNED_IN * 3600,
        WTF_CSRF_TIME_LIMIT=HOURS_SIGNED_IN * 3600,
    )
    protect_app(app, access)
    CSRFProtect(app)
    app.after_request(protect)
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask documents it
    prepare_templates(app)
    serve_assets(app)
    app.register_blueprint(access_pages(access))
    for pages in (
        now_pages,
        map_pages,
        parked_pages,
        rebuild_pages,
        event_pages,
        command_pages,
        subscriber_pages,
        intervention_pages,
        alert_pages,
    ):
        app.register_blueprint(pages(tools))
    _handle_errors(app)
    return app


def beside(internal: Flask, monitor: "WSGIApplication") -> "WSGIApplication":
    """Return an application that sends requests below ``/monitor`` to the monitor."""
    internal_wsgi = internal.wsgi_app
    own = {rule.rule for rule in internal.url_map.iter_rules()}

    def both(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        path = environ.get("PATH_INFO", "")
        is_page = path == ROOT or path.startswith(f"{ROOT}/")
        chosen = monitor if is_page and path not in own else internal_wsgi
        return chosen(environ, start_response)

    return both


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def stale_form(_: CSRFError) -> AnyResponse:
        text = "This form is too old, or was sent by another site. Open the page and try again."
        return page("error.html", 400, title="Nothing was done", text=text)

    @app.errorhandler(Unavailable)
    @app.errorhandler(NotCaughtUp)
    def unavailable(_: Exception) -> AnyResponse:
        text = "A store that this page reads does not answer, or has not caught up. Try again soon."
        return page("error.html", 503, title="Not available now", text=text)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> AnyResponse:
        return page("error.html", error.code or 500, title=error.name, text=error.description)
