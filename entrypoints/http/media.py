"""Serve a blob, or one range of it (RFC 9110), with conditional requests."""

from itertools import chain

from flask import Response, request
from werkzeug.datastructures import ContentRange, Range
from werkzeug.http import quote_etag

from application.ports.media_store import Blob, MediaStore
from entrypoints.http.problems import refuse

# A browser must not guess another type than the declared one, and must not run scripts.
_HARMLESS = {
    "Accept-Ranges": "bytes",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "sandbox",
    # Other sites may embed it. Content that is not public needs a token, which they cannot send.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


def media_response(store: MediaStore, key: str, media_type: str, etag: str) -> Response:
    """Return the blob as requested: 200, 206 or 304. Refuses with 416, and raises MediaLost."""
    blob = store.open(key)
    if request.if_none_match.contains_weak(etag):
        reply = Response(status=304)
    else:
        reply = _content(blob, _wanted(blob.size, etag))
    reply.content_type = media_type
    reply.set_etag(etag)
    reply.headers.update(_HARMLESS)
    return reply


def _content(blob: Blob, wanted: tuple[int, int] | None) -> Response:
    start, stop = wanted or (0, blob.size)
    chunks = blob.read(start, stop - start)
    # What is wrong with the first chunk can still be answered with a problem. An error in a later
    # one closes the connection before the announced length.
    first = next(chunks, b"") if request.method == "GET" else b""
    reply = Response(chain([first], chunks), 206 if wanted else 200)
    reply.content_length = stop - start
    if wanted:
        reply.content_range = ContentRange("bytes", start, stop, blob.size)
    return reply


def _wanted(size: int, etag: str) -> tuple[int, int] | None:
    """Return the first byte and the one after the last, or None for all.

    A request for several ranges gets all bytes.
    """
    asked = request.range
    if request.method != "GET" or not _is_still_meant(etag):
        return None
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    first, stop = asked.ranges[0]
    # A suffix longer than the blob means the whole blob; werkzeug's Range does not handle it.
    found = Range("bytes", [(max(first, -size), stop)]).range_for_length(size)
    if found is None:
        refuse("range-not-satisfiable", **{"Content-Range": f"bytes */{size}"})
    return found


def _is_still_meant(etag: str) -> bool:
    """Return whether If-Range allows a range: the ETag does. A date never does: none is sent."""
    return request.headers.get("If-Range", quote_etag(etag)) == quote_etag(etag)
