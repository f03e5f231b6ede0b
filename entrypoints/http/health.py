"""Liveness, readiness and metrics of this process."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST


def health_blueprint(
    checks: Mapping[str, Callable[[], object]],
    exposition: Callable[[], bytes],
    waits: Callable[[], Mapping[str, Mapping[str, str]]],
    warnings: Callable[[], Mapping[str, str]] = dict,
) -> Blueprint:
    """Serve the health checks and ``/metrics``.

    ``checks`` by name of the dependency: each raises if it is unavailable. ``exposition`` returns
    the metrics. ``waits`` returns what waits for a newer program; it goes on serving what it has,
    so the process stays ready.
    ``warnings`` returns what does not work here and why, while everything else does.
    """
    blp = Blueprint("health", __name__)

    @blp.get("/health/live")
    def live() -> Response:
        return jsonify(status="alive")

    @blp.get("/health/ready")
    def ready() -> Response:
        found = {name: _state(check) for name, check in checks.items()}
        good = all(state == "ready" for state in found.values())
        reply = jsonify(
            status="ready" if good else "not ready",
            checks=found,
            needs_newer_program=waits(),
            warnings=warnings(),
        )
        reply.status_code = 200 if good else 503
        return reply

    @blp.get("/metrics")
    def metrics() -> Response:
        return Response(exposition(), content_type=CONTENT_TYPE_LATEST)

    return blp


def _state(check: Callable[[], object]) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - every failure means that it is not ready
        return type(error).__name__
    return "ready"
