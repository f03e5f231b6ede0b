"""Serving a blob: whole, or one range of it (RFC 9110), to whoever has not got it yet."""

from flask import Response, request
from werkzeug.datastructures import ContentRange

from application.ports.media_store import MediaStore, NoSuchMedia
from entrypoints.http.problems import refuse


def media_response(store: MediaStore, key: str, media_type: str, etag: str) -> Response:
    """The blob as the request wants it: 200, 206, 304, or the problem for 404 and 416."""
    try:
        size = store.size(key)
    except NoSuchMedia:
        refuse("not-found", "There is no such evidence to show.")
    wanted = _wanted_range(size, etag)
    if wanted is None:
        reply = Response(store.read(key), content_type=media_type)
        reply.content_length = size
    else:
        start, stop = wanted
        reply = Response(store.read(key, start, stop - start), 206, content_type=media_type)
        reply.content_length = stop - start
        reply.content_range = ContentRange("bytes", start, stop, size)
    reply.set_etag(etag)
    reply.headers["Accept-Ranges"] = "bytes"
    reply.headers["Content-Disposition"] = "inline"
    reply.headers["Content-Security-Policy"] = "sandbox"
    if wanted is None:
        reply.make_conditional(request)
    return reply


def _wanted_range(size: int, etag: str) -> tuple[int, int] | None:
    """The one range of bytes that is asked for, if there is one and it still means this blob."""
    condition = request.if_range
    if condition is not None and condition.etag not in (None, etag):
        return None
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    found = asked.range_for_length(size)
    if found is None:
        refuse("range-not-satisfiable", **{"Content-Range": f"bytes */{size}"})
    return found
