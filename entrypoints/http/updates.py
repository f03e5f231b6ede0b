"""``GET /v1/updates``: a stream of Server-Sent Events, resumable by Last-Event-ID."""

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from threading import Lock
from typing import Any

import marshmallow as ma
import msgspec
from flask import Response, request

from application.updates import (
    MalformedPositions,
    Positions,
    Told,
    UpdateKind,
    Updates,
    Wanted,
    written_positions,
)
from domain.cases.case_details import CaseCategory
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import problems
from entrypoints.http.limits import where_from
from entrypoints.http.problems import problem, refuse
from entrypoints.http.schemas import Text, schema, uuid_text

MEDIA_TYPE = "text/event-stream"
RETRY_MILLISECONDS = 3000
RETRY_AFTER = "15"
MOST_OF_ONE = 2
SHARE_IS_USED = "You have too many open streams; close one, then try again."
HEARTBEAT_SECONDS = 15.0
# Clients reconnect when a stream ends. This frees its thread, and lets processes be replaced.
LONGEST_SECONDS = 600.0

LAST_EVENT_ID = {
    "in": "header",
    "name": "Last-Event-ID",
    "schema": {
        "type": "string",
        "pattern": r"^([a-z-]+:(0|[1-9][0-9]{0,17})(,[a-z-]+:(0|[1-9][0-9]{0,17}))*)?$",
    },
    "description": "The id received last: resumes after it. Without it, the stream starts now.",
}
UpdatesQuery = schema(
    "UpdatesQuery",
    {
        "case_id": uuid_text(load_default=None),
        "tag": Text(load_default=None),
        "category": ma.fields.Enum(CaseCategory, by_value=True, load_default=None),
    },
)
ABOUT = (
    f"Each event has the kind of update as its type ({', '.join(UpdateKind)}) and as its data a "
    "JSON object with kind, case_id and at. Comments keep the connection alive. The stream ends "
    f"after some minutes and can be resumed. A client can have {MOST_OF_ONE} streams at a time."
)


class StreamPlaces:
    """Limits the streams of a process, each of which occupies a thread.

    A client gets a few of them, and if there are several, never all.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._share = min(MOST_OF_ONE, max(1, places - 1))
        self._lock = Lock()
        self._held: Counter[str] = Counter()

    def take(self, asker: str) -> None:
        """Take a place. Refuses if the client has its share, or none is left."""
        with self._lock:
            if self._held[asker] >= self._share:
                refuse("too-many-requests", SHARE_IS_USED, **{"Retry-After": RETRY_AFTER})
            if not self._free:
                refuse("too-many-streams", **{"Retry-After": RETRY_AFTER})
            self._free -= 1
            self._held[asker] += 1

    def free(self, asker: str) -> None:
        """Give the client's place back."""
        with self._lock:
            self._free += 1
            self._held[asker] -= 1
            self._held += Counter()  # deletes counts of zero


def updates_blueprint(updates: Updates, streams: int) -> Blueprint:
    """Return the stream of updates. ``streams`` is how many the process serves at a time."""
    blp = Blueprint("updates", __name__, url_prefix="/v1", description="Public changes")
    places = StreamPlaces(streams)

    @blp.get("/updates")
    @blp.arguments(UpdatesQuery, location="query", unknown=ma.RAISE)
    @blp.response(200, {"type": "string"}, content_type=MEDIA_TYPE)
    @blp.doc(summary="Stream what becomes public", description=ABOUT, parameters=[LAST_EVENT_ID])
    @problems(blp, 422)
    def stream(query: dict[str, Any]) -> Response:
        after, asker = _beginning(updates), where_from()
        places.take(asker)
        told = updates.follow(after, Wanted(**query))
        reply = Response(_written(told, after), content_type=MEDIA_TYPE)
        reply.call_on_close(partial(places.free, asker))
        reply.headers["Cache-Control"] = "no-store"
        reply.headers["X-Accel-Buffering"] = "no"
        return reply

    return blp


def _beginning(updates: Updates) -> Positions:
    try:
        return updates.begin(request.headers.get("Last-Event-ID", ""))
    except MalformedPositions:
        raise problem("malformed", "The Last-Event-ID is invalid; send it as received.") from None


def _written(everything: Iterator[Told], after: Positions) -> Iterator[bytes]:
    """Yield the updates as Server-Sent Events, and a comment after a silence.

    Every id moves the position from which a client resumes, also that of a comment.
    """
    began = spoke = time.monotonic()
    yield f"retry: {RETRY_MILLISECONDS}\nid: {written_positions(after)}\n\n".encode()
    for told in everything:
        now = time.monotonic()
        if now - began >= LONGEST_SECONDS:
            return
        if told.update or now - spoke >= HEARTBEAT_SECONDS:
            spoke = now
            yield _event(told)


def _event(told: Told) -> bytes:
    place = f"id: {written_positions(told.positions)}\n".encode()
    if told.update is None:
        return b": still here\n" + place + b"\n"
    data = msgspec.json.encode(told.update)
    return place + f"event: {told.update.kind}\n".encode() + b"data: " + data + b"\n\n"
