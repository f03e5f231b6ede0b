"""The overview of the monitor as JSON, for tools."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from application.use_cases.operations.overview import Overview, as_json
from entrypoints.http.service_token import must_bear


def state_blueprint(overview: Callable[[], Overview], token: str) -> Blueprint:
    """Serve ``GET /monitor/state.json`` to holders of the token; to everybody if that is empty.

    A listener that only this machine reaches needs no token.
    """
    blp = Blueprint("monitor-state", __name__, url_prefix="/monitor")

    @blp.get("/state.json")
    def state() -> Response:
        if token:
            must_bear(token)
        reply = jsonify(as_json(overview()))
        reply.headers["Cache-Control"] = "no-store"
        return reply

    return blp
