"""Headers of every reply, and metrics of requests."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from secure import Secure

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHUNK = 1 << 16
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

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


def count_requests(app: Flask, registry: CollectorRegistry) -> None:
    """Count replies and measure their time, for Prometheus."""
    counted = Counter(
        "klarity_requests_total", "Requests", ("endpoint", "method", "status"), registry=registry
    )
    timed = Histogram(
        "klarity_request_seconds", "Seconds to a reply", ("endpoint",), registry=registry
    )
    counter: Callable[[str, str, int], Counter] = cache(counted.labels)
    timer: Callable[[str], Histogram] = cache(timed.labels)

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(reply: Response) -> Response:
        endpoint = request.endpoint or "none"
        method = request.method if request.method in METHODS else "other"
        counter(endpoint, method, reply.status_code).inc()
        timer(endpoint).observe(time.perf_counter() - g.began)
        return reply
