"""Read a form with files (multipart/form-data, RFC 7578) while it arrives.

Flask would write large files to a disk first, and a plain original must not touch one.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Request
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

CHUNK = 1 << 16
MOST_PARTS = 200
MOST_WAITING = 1 << 18
"""Bytes before, between or after parts, or of the headers of one."""


class BrokenForm(Exception):
    """The form did not arrive whole: the connection broke, or it is not a form."""


@dataclass(frozen=True, slots=True)
class FormPart:
    """A field or, with a ``filename``, a file. Read ``pieces`` before asking for the next part."""

    name: str
    filename: str | None
    pieces: Iterator[bytes]


def parts_of(request: Request) -> Iterator[FormPart]:
    """Yield the parts of the body as they arrive. Raises BrokenForm, and RequestEntityTooLarge."""
    events = _events(request)
    for event in events:
        if isinstance(event, File | Field):
            pieces = _content(events)
            yield FormPart(event.name, getattr(event, "filename", None), pieces)
            deque(pieces, maxlen=0)


def _content(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return


def _events(request: Request) -> Iterator[Event]:
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise BrokenForm
    decoder = MultipartDecoder(boundary.encode(), MOST_WAITING, max_parts=MOST_PARTS)
    try:
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, NeedData):
                decoder.receive_data(request.stream.read(CHUNK) or None)
            else:
                yield event
    except (OSError, ValueError) as error:
        raise BrokenForm from error
