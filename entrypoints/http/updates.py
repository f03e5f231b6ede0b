"""``GET /v1/updates``: a stream of Server-Sent Events, resumable by Last-Event-ID."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from os import urandom
from random import uniform
from typing import Any

import marshmallow as ma
import msgspec
from flask import Response, request

from application.engine.answers import NotCaughtUp
from application.ports.opaque_texts import OpaqueTexts
from application.ports.unavailable import Unavailable
from application.updates import (
    Positions,
    Reached,
    Update,
    UpdateFilter,
    UpdateKind,
    Updates,
    written_positions,
)
from domain.cases.case_details import CaseCategory
from entrypoints.asgi.environ import WAKE
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import problems
from entrypoints.http.limits import where_from
from entrypoints.http.problems import Problem, problem, problem_response
from entrypoints.http.schemas import Text, schema, uuid_text
from entrypoints.http.stream_places import Place, StreamPlaces

MEDIA_TYPE = "text/event-stream"
# After how long clients reconnect: at random, so that they do not all come at the same moment.
RETRY_SECONDS = (2.0, 5.0)
RETRY_LATER_SECONDS = (15.0, 45.0)
HEARTBEAT_SECONDS = 15.0
# Clients reconnect when a stream ends. This lets processes be replaced.
LONGEST_SECONDS = 600.0
TEMPORARY = (429, 503)
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
        "kind": ma.fields.Enum(UpdateKind, by_value=True, load_default=None),
        "case_id": uuid_text(load_default=None),
        "tag": Text(load_default=None),
        "category": ma.fields.Enum(CaseCategory, by_value=True, load_default=None),
    },
)
ABOUT = (
    f"Each event has the kind of update as its type ({', '.join(UpdateKind)}) and as its data a "
    "JSON object with kind, case_id, category, at, and url, the path of the case. Comments keep "
    "the connection alive. The stream ends after some minutes and can be resumed. If the server "
    "has no place for it now, it ends at once: browsers try again only after a reply with status "
    "200. Its field retry says when to try again."
)


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
        after = _beginning(updates, ids)
        place = Place(where_from(), request.environ.get(WAKE))
        if not places.take(place):
            return _later(ids.write(after))
        steps = updates.follow(after, UpdateFilter(**query), place.wake)
        reply = _reply(_written(steps, after, ids, place))
        reply.call_on_close(partial(places.free, place))
        return reply

    blp.register_error_handler(Problem, _problem_or_later)
    for temporary in (Unavailable, NotCaughtUp):
        blp.register_error_handler(temporary, lambda _: _later())
    return blp


def _beginning(updates: Updates, ids: EventIds) -> Positions:
    last = request.headers.get("Last-Event-ID", "")
    try:
        return updates.resume(ids.read(last) if last else "")
    except ValueError:
        raise problem("malformed", "The Last-Event-ID is invalid; send it as received.") from None


def _reply(blocks: Iterator[bytes] | bytes) -> Response:
    reply = Response(blocks, content_type=MEDIA_TYPE)
    reply.headers["Cache-Control"] = "no-store"
    reply.headers["X-Accel-Buffering"] = "no"
    return reply


def _later(last_id: str = "") -> Response:
    """Return a stream that ends at once. After another reply browsers would never try again."""
    return _reply(_first_block(RETRY_LATER_SECONDS, last_id))


def _problem_or_later(error: Problem) -> Response:
    return _later() if error.status in TEMPORARY else problem_response(error)


def _first_block(retry: tuple[float, float], last_id: str) -> bytes:
    place = f"id: {last_id}\n" if last_id else ""
    return f"retry: {uniform(*retry) * 1000:.0f}\n{place}\n".encode()  # noqa: S311 - spreads load


def _written(
    steps: Generator[Reached | None, None, None], after: Positions, ids: EventIds, place: Place
) -> Iterator[bytes]:
    """Yield the updates as Server-Sent Events, and a comment if there is none for a while.

    A client resumes after the last id, which may be that of a comment.
    """
    ends, sent_at = time.monotonic() + LONGEST_SECONDS, time.monotonic()
    yield _first_block(RETRY_SECONDS, ids.write(after))
    with closing(steps):
        for step in steps:
            now = time.monotonic()
            if place.is_lost or now >= ends:
                return
            after, update = (step.positions, step.update) if step else (after, None)
            if update or now - sent_at >= HEARTBEAT_SECONDS:
                sent_at = now
                yield _event(update, ids.write(after))
            if step is None:
                yield from place.wait(min(HEARTBEAT_SECONDS, ends - now))


def _event(update: Update | None, event_id: str) -> bytes:
    if update is None:
        return f": still here\nid: {event_id}\n\n".encode()
    data = {**asdict(update), "url": f"/v1/cases/{update.case_id}"}
    head = f"id: {event_id}\nevent: {update.kind}\ndata: ".encode()
    return head + msgspec.json.encode(data) + b"\n\n"
