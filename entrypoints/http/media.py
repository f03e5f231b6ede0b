"""Serving a blob: whole, or one range of it (RFC 9110), to whoever has not got it yet."""

from flask import Response, request
from werkzeug.datastructures import ContentRange, Range
from werkzeug.http import quote_etag

from application.ports.media_store import MediaStore, NoSuchMedia
from entrypoints.http.problems import refuse

# Whatever a blob pretends to be, a browser shows it as what it is said to be, and runs nothing.
_HARMLESS = {
    "Accept-Ranges": "bytes",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "sandbox",
    # Other pages may show it; what is not public asks for a token, which pages do not send along.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


def media_response(store: MediaStore, key: str, media_type: str, etag: str) -> Response:
    """The blob as the request wants it: 200, 206, 304, or the problem for 404 and 416."""
    try:
        size = store.size(key)
    except NoSuchMedia:
        refuse("not-found", "There is no such content to show.")
    if request.if_none_match.contains_weak(etag):
        reply = Response(status=304)
    else:
        reply = _content(store, key, size, _wanted(size, etag))
    reply.content_type = media_type
    reply.set_etag(etag)
    reply.headers.update(_HARMLESS)
    return reply


def _content(store: MediaStore, key: str, size: int, wanted: tuple[int, int] | None) -> Response:
    start, stop = wanted or (0, size)
    reply = Response(store.read(key, start, stop - start), 206 if wanted else 200)
    reply.content_length = stop - start
    if wanted:
        reply.content_range = ContentRange("bytes", start, stop, size)
    return reply


def _wanted(size: int, etag: str) -> tuple[int, int] | None:
    """First byte and the one after the last; None for all. Several ranges are answered with all."""
    asked = request.range
    if request.method != "GET" or not _is_still_meant(etag):
        return None
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    first, stop = asked.ranges[0]
    # More of the end than there is means all of it, which Range itself does not know.
    found = Range("bytes", [(max(first, -size), stop)]).range_for_length(size)
    if found is None:
        refuse("range-not-satisfiable", **{"Content-Range": f"bytes */{size}"})
    return found


def _is_still_meant(etag: str) -> bool:
    """Whether If-Range lets the range through: its ETag does, and no date, as none is told."""
    return request.headers.get("If-Range", quote_etag(etag)) == quote_etag(etag)
