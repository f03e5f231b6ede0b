"""The application factory: what all resources share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from flask import Blueprint as PlainBlueprint
from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from application.ports.access_tokens import AccessTokens
from application.ports.telemetry import Telemetry
from entrypoints.http.attempts import Attempts, limit_attempts
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import completed
from entrypoints.http.json import MsgspecJson
from entrypoints.http.limits import limit_rates
from entrypoints.http.problems import ProblemApi, register_problems
from entrypoints.http.replies import identify_reply, observe_requests, with_headers
from entrypoints.http.requests import (
    LARGEST_BODY,
    identify_request,
    limit_body,
    only_json,
    read_claims,
    refuse_unread,
)

EXPOSED = (
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Klarity-Since",
    "Klarity-Token",
    "Link",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Offset",
    "X-Request-Id",
)


API = {
    "API_TITLE": "Klarity",
    "API_VERSION": version("klarity"),
    "OPENAPI_VERSION": "3.1.0",
    "API_SPEC_OPTIONS": {
        "servers": [{"url": "/", "description": "The instance that serves this document."}],
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The access_token of POST /v1/sessions; valid for minutes.",
                },
            },
        },
        "info": {
            "description": (
                "Report petty corruption, safely and backed by evidence.\n\n"
                "Times are rounded down, in UTC: to the hour in named cases, to the day in "
                "anonymous cases and everywhere else. Choose random ids (UUID version 4)."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
    },
}
"""How flask-smorest documents the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all resources share: limits, and how a request is read."""

    tokens: AccessTokens
    request_key: bytes
    telemetry: Telemetry
    attempts: Attempts
    largest_upload: int
    rate_limit: str
    cors_origins: Sequence[str]
    proxies: int


class SynchronousFlask(Flask):
    """Flask without the check on every call whether a view is a coroutine: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(shared: Shared, blueprints: Iterable[PlainBlueprint]) -> Flask:
    """Return a Flask application that serves the blueprints."""
    app = SynchronousFlask("klarity", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        TOKEN_KEY=shared.request_key,
        **API,
    )
    app.json = MsgspecJson(app)
    # werkzeug would redirect a doubled slash, with a body in HTML.
    app.url_map.merge_slashes = False
    if shared.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=shared.proxies)  # type: ignore[method-assign]  # as Flask documents it
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask documents it
    app.before_request(identify_request)
    observe_requests(app, shared.telemetry)
    app.before_request(refuse_unread)
    app.before_request(partial(read_claims, shared.tokens))
    app.before_request(partial(limit_body, shared.largest_upload))
    app.before_request(only_json)
    app.after_request(identify_reply)
    if shared.cors_origins:
        CORS(app, origins=list(shared.cors_origins), expose_headers=list(EXPOSED))
    limit_attempts(app, shared.attempts)
    limit_rates(app, shared.rate_limit)
    api = ProblemApi(app)
    register_problems(app)
    for blueprint in blueprints:
        (api if isinstance(blueprint, Blueprint) else app).register_blueprint(blueprint)
    return app


def openapi_document(blueprints: Iterable[PlainBlueprint]) -> dict[str, Any]:
    """Return the OpenAPI document of those blueprints that belong to the API."""
    app = Flask("klarity", static_folder=None)
    app.config.update(API)
    api = ProblemApi(app)
    for blueprint in blueprints:
        if isinstance(blueprint, Blueprint):
            api.register_blueprint(blueprint)
    return completed(api.document())
