"""Media that not everybody may see. The API takes no cookies, so a page that shows them to their
owner or to a moderator asks the site."""

from collections.abc import Iterator

from flask import Blueprint, Response, request, stream_with_context
from werkzeug.http import parse_content_range_header

from entrypoints.site.api import Answer
from entrypoints.site.visit import visit

PIECE = 1_000_000
KEPT = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Security-Policy",
    "Content-Type",
    "X-Content-Type-Options",
)


def media_pages() -> Blueprint:
    """Serve ``GET /evidence/<id>/poster`` and ``/content``, piece by piece."""
    blp = Blueprint("media", __name__)

    @blp.get("/evidence/<uuid:evidence_id>/<any(poster, content):part>")
    def media(evidence_id: object, part: str) -> Response:
        path = f"/evidence/{evidence_id}/{part}"
        visit.renew()
        asked = _asked_range()
        return _piece(path, *asked) if asked else _whole(path)

    return blp


def _asked_range() -> tuple[int, int | None] | None:
    """Return the first byte, and the one after the last, of the range that the browser asks for.

    A request for the end or for several ranges gets all bytes.
    """
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    first, stop = asked.ranges[0]
    return (first, stop) if first >= 0 else None


def _piece(path: str, first: int, stop: int | None) -> Response:
    """Return the first piece of the range. Browsers ask for the next one."""
    last = min(first + PIECE, stop or first + PIECE) - 1
    answer = visit.fetch_bytes(path, first, last)
    reply = _reply(answer, iter([answer.content]))
    reply.status_code = answer.status
    reply.headers["Content-Range"] = answer.headers["Content-Range"]
    reply.content_length = len(answer.content)
    return reply


def _whole(path: str) -> Response:
    answer = visit.fetch_bytes(path, 0, PIECE - 1)
    size = _size(answer)
    reply = _reply(answer, stream_with_context(_pieces(path, answer.content, size)))
    reply.content_length = size
    return reply


def _pieces(path: str, first: bytes, size: int) -> Iterator[bytes]:
    yield first
    for start in range(len(first), size, PIECE):
        yield visit.fetch_bytes(path, start, start + PIECE - 1).content


def _size(answer: Answer) -> int:
    found = parse_content_range_header(answer.headers["Content-Range"])
    return (found and found.length) or len(answer.content)


def _reply(answer: Answer, content: Iterator[bytes]) -> Response:
    reply = Response(content)
    reply.headers.extend({name: answer.headers[name] for name in KEPT if name in answer.headers})
    reply.content_type = answer.headers["Content-Type"]
    reply.headers["Cache-Control"] = "private, no-store"
    reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return reply
