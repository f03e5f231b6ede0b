"""The internal history feed: serves the events of a log to subscribers in other processes."""

from flask import Blueprint, Response, jsonify, request

from application.ports.codec import Wire
from application.ports.history import History
from entrypoints.http.problems import refuse
from entrypoints.http.service_token import must_bear

MEDIA_TYPE = "application/cloudevents-batch+json"
MOST_COMMITS = 5000
LAST = 2**63 - 1


def history_blueprint(
    history: History, wire: Wire, service_token: str, logs: tuple[str, ...]
) -> Blueprint:
    """Serve ``GET /events/<log>?after=&limit=`` to holders of the service token."""
    blp = Blueprint("history", __name__, url_prefix="/events")

    @blp.before_request
    def only_services() -> None:
        must_bear(service_token)
        if request.view_args is None or request.view_args.get("log") not in logs:
            refuse("not-found", "This process does not own the log; ask the one that does.")

    @blp.get("/<log>")
    def feed(log: str) -> Response:
        after = _bounded("after", 0, 0, LAST)
        limit = _bounded("limit", 100, 1, MOST_COMMITS)
        events = history.read(log, after, limit)
        reply = Response(wire.pack(events), content_type=MEDIA_TYPE)
        # A full page never changes. A shorter one is the end of the log, which grows.
        full = len(events) >= limit
        reply.headers["Cache-Control"] = "private, max-age=86400" if full else "no-store"
        return reply

    @blp.get("/<log>/streams/<stream>")
    def stream_(log: str, stream: str) -> Response:
        reply = Response(wire.pack(history.stream(log, stream)), content_type=MEDIA_TYPE)
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @blp.get("/<log>/positions/last")
    def last(log: str) -> Response:
        return jsonify(position=history.last_position(log))

    @blp.get("/<log>/positions/<stream>/<int(max=9223372036854775807):version>")
    def position(log: str, stream: str, version: int) -> Response:
        found = history.position_of(log, stream, version)
        if found is None:
            refuse("not-found")
        return jsonify(position=found)

    return blp


def _bounded(name: str, default: int, least: int, most: int) -> int:
    asked: int = request.args.get(name, default, type=int)
    return max(least, min(asked, most))
