"""``GET /v1/updates``: a stream of Server-Sent Events, resumable by Last-Event-ID."""

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from os import urandom
from threading import Lock
from typing import Any

import marshmallow as ma
import msgspec
from flask import Response, request

from application.ports.opaque_texts import OpaqueTexts
from application.updates import (
    Positions,
    Reached,
    UpdateFilter,
    UpdateKind,
    Updates,
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
PURPOSE = "update"
SALT_BYTES = 8
ID_BYTES = 64
"""All ids have one length, so that it does not tell of the positions."""

LAST_EVENT_ID = {
    "in": "header",
    "name": "Last-Event-ID",
    "schema": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]*$",
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


class EventIds:
    """Opaque ids of updates. The position of an event would tell how many happened before it.

    Each id is different, so that equal ones do not tell that nothing happened in between.
    """

    def __init__(self, texts: OpaqueTexts) -> None:
        self._texts = texts

    def write(self, positions: Positions) -> str:
        """Return the id of an update after which a client resumes at the positions."""
        content = urandom(SALT_BYTES) + written_positions(positions).encode().ljust(ID_BYTES)
        return self._texts.write(content, PURPOSE)

    def read(self, text: str) -> str:
        """Return the positions as text. Raises NotWrittenHere."""
        return self._texts.read(text, PURPOSE)[SALT_BYTES:].decode().rstrip()


def updates_blueprint(updates: Updates, texts: OpaqueTexts, streams: int) -> Blueprint:
    """Return the stream of updates. ``streams`` is how many the process serves at a time."""
    blp = Blueprint("updates", __name__, url_prefix="/v1", description="Public changes")
    places = StreamPlaces(streams)
    ids = EventIds(texts)

    @blp.get("/updates")
    @blp.arguments(UpdatesQuery, location="query", unknown=ma.RAISE)
    @blp.response(200, {"type": "string"}, content_type=MEDIA_TYPE)
    @blp.doc(
        summary="Stream public changes of cases", description=ABOUT, parameters=[LAST_EVENT_ID]
    )
    @problems(blp, 422)
    def stream(query: dict[str, Any]) -> Response:
        after, asker = _beginning(updates, ids), where_from()
        places.take(asker)
        steps = updates.follow(after, UpdateFilter(**query))
        reply = Response(_written(steps, after, ids), content_type=MEDIA_TYPE)
        reply.call_on_close(partial(places.free, asker))
        reply.headers["Cache-Control"] = "no-store"
        reply.headers["X-Accel-Buffering"] = "no"
        return reply

    return blp


def _beginning(updates: Updates, ids: EventIds) -> Positions:
    last = request.headers.get("Last-Event-ID", "")
    try:
        return updates.resume(ids.read(last) if last else "")
    except ValueError:
        raise problem("malformed", "The Last-Event-ID is invalid; send it as received.") from None


def _written(steps: Iterator[Reached], after: Positions, ids: EventIds) -> Iterator[bytes]:
    """Yield the updates as Server-Sent Events, and a comment if there is none for a while.

    A client resumes after the last id, which may be that of a comment.
    """
    began = sent_at = time.monotonic()
    yield f"retry: {RETRY_MILLISECONDS}\nid: {ids.write(after)}\n\n".encode()
    for step in steps:
        now = time.monotonic()
        if now - began >= LONGEST_SECONDS:
            return
        if step.update or now - sent_at >= HEARTBEAT_SECONDS:
            sent_at = now
            yield _event(step, ids)


def _event(step: Reached, ids: EventIds) -> bytes:
    place = f"id: {ids.write(step.positions)}\n".encode()
    if step.update is None:
        return b": still here\n" + place + b"\n"
    data = msgspec.json.encode(step.update)
    return place + f"event: {step.update.kind}\n".encode() + b"data: " + data + b"\n\n"
