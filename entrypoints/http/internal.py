"""The internal application: health, metrics and history, on an address of their own.

A browser on this machine also runs pages of other sites, which could send it here under a name of
their own (DNS rebinding). So an address that only this machine reaches answers to the names of this
machine alone, and to whoever has the token of the services.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Blueprint, Flask, request
from werkzeug.exceptions import HTTPException

from entrypoints.http.problems import register_problems
from entrypoints.http.replies import with_headers
from entrypoints.http.service_token import bears

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class MisdirectedRequest(HTTPException):
    code = 421
    description = "This address is not one of this machine."


def create_internal_app(blueprints: Iterable[Blueprint], token: str, *, loopback: bool) -> Flask:
    """Return a Flask application that serves the blueprints to operators and other services.

    ``token`` is that of the services. ``loopback`` says that only this machine reaches it.
    """
    app = Flask("klarity.internal", static_folder=None)
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask documents it
    register_problems(app)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    if loopback:
        app.before_request(lambda: _must_name_this_machine(token))
    return app


def names_this_machine() -> bool:
    """Return whether the Host header of the request does so."""
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return False
    return host in LOCAL_NAMES


def _must_name_this_machine(token: str) -> None:
    if not names_this_machine() and not bears(token):
        raise MisdirectedRequest
