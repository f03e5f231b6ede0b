"""Headers of every reply, and telemetry of requests."""

import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from secure import Secure

from application.ports.telemetry import ANY_METHOD, OF_MEMBERS, Telemetry

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHUNK = 1 << 16

_PROTECTING = [
    (name, value, name.lower()) for name, value in Secure.with_default_headers().headers.items()
]


def with_headers(app: "WSGIApplication") -> "WSGIApplication":
    """Return the application with security headers added where a reply does not set its own.

    This is WSGI middleware, so that replies that never reach Flask's hooks have them, too.
    """

    def protected(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            own = {name.lower() for name, _ in headers}
            more = [(name, value) for name, value, lower in _PROTECTING if lower not in own]
            return start_response(status, headers + more, *rest)

        return app(environ, start)

    return protected


def after_reading(app: "WSGIApplication", most: int) -> "WSGIApplication":
    """Return the application; before it replies, it reads up to ``most`` bytes of the body's rest.

    A server resets a connection that it closes with unread bytes. A client that is still sending
    would then not receive the refusal.
    """

    def replies_late(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        reply = app(environ, start_response)
        left = most
        with suppress(OSError):
            while left > 0 and (piece := environ["wsgi.input"].read(CHUNK)):
                left -= len(piece)
        return reply

    return replies_late


def identify_reply(reply: Response) -> Response:
    """Add the request's id and, if none is set, the Cache-Control of the reply."""
    if "Cache-Control" not in reply.headers:
        private = "Authorization" in request.headers or request.method == "POST"
        reply.headers["Cache-Control"] = "no-store" if private else "no-cache"
    reply.headers["X-Request-Id"] = g.get("correlation_id", "")
    return reply


def observe_requests(app: Flask, telemetry: Telemetry) -> None:
    """Tell telemetry of each request. It learns the template of the route, not the path."""

    @app.before_request
    def begin() -> None:
        g.began = time.time_ns()
        g.answering = ExitStack()
        g.answering.enter_context(telemetry.answering(g.get("correlation_id", "")))

    @app.after_request
    def end(reply: Response) -> Response:
        telemetry.answered(*_method_and_route(), reply.status_code, g.began)
        return reply

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if answering := g.pop("answering", None):
            answering.close()


def _method_and_route() -> tuple[str, str]:
    """Return the method and the template of the route.

    What members do for themselves is one route: the time of one act could tell who did it.
    """
    route = request.url_rule.rule if request.url_rule else "none"
    own = route.startswith(("/v1/me", "/v1/sessions"))
    return (ANY_METHOD, OF_MEMBERS) if own else (request.method, route)
