"""The internal application: health, metrics and history, on an address of their own."""

from collections.abc import Iterable

from flask import Blueprint, Flask

from entrypoints.http.problems import register_problems
from entrypoints.http.replies import with_headers


def create_internal_app(blueprints: Iterable[Blueprint]) -> Flask:
    """Return a Flask application that serves the blueprints to operators and other services."""
    app = Flask("klarity.internal", static_folder=None)
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask documents it
    register_problems(app)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app
