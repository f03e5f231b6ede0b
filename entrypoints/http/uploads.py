"""Resumable uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload).

The extensions are creation, creation-with-upload, checksum, expiration and termination.
Upload-Metadata is ignored and not stored: a file name can identify a reporter.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from hashlib import md5, sha1, sha256
from hmac import compare_digest
from typing import Any

from flask import Response, request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import http_date

from application.use_cases.evidence.uploads import Progress, QuotaReached, ReceiveUploads
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import BEARER, IDEMPOTENCY_KEY, WRITE_HEADERS, problems
from entrypoints.http.problems import refuse
from entrypoints.http.requests import TOKEN_HEADER, Requests, write_token

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
CONTENT_TYPE = "application/offset+octet-stream"
CHUNK = 1 << 16

# A checksum detects errors of transmission only, so weak algorithms suffice; phones use them.
_HASHES: dict[str, Any] = {"sha1": sha1, "sha256": sha256, "md5": md5}
ALGORITHMS = ",".join(_HASHES)


def _parameter(name: str, about: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "description": about,
        "required": required,
        "schema": schema or {"type": "string"},
    }


_BYTES = {"type": "integer", "minimum": 0}
RESUMABLE = _parameter("Tus-Resumable", "The version of tus.", required=True, enum=[VERSION])
LENGTH = _parameter("Upload-Length", "Size of the whole file in bytes.", required=True, **_BYTES)
OFFSET = _parameter("Upload-Offset", "Position of the body's first byte.", required=True, **_BYTES)
CHECKSUM = _parameter(
    "Upload-Checksum", f"One of {ALGORITHMS}, a space, and the base64 of the body's digest."
)
METADATA = _parameter("Upload-Metadata", "Accepted and ignored.")
OVERRIDE = _parameter(
    "X-HTTP-Method-Override", "The method.", required=True, enum=["PATCH", "DELETE", "HEAD"]
)


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"schema": {"type": "string"}} for name in ("Tus-Resumable", *names)}


STATE = _headers("Upload-Offset", "Upload-Length", "Upload-Expires")
STATE["Klarity-Token"] = WRITE_HEADERS["Klarity-Token"]
SUPPORTED = _headers("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")
BODY = {"content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
SOME_BODY = {**BODY, "required": True}


def uploads_blueprint(uploads: ReceiveUploads, requests: Requests) -> Blueprint:
    """Serve ``/v1/uploads``. An upload has the id of the evidence that it becomes."""
    blp = Blueprint("uploads", __name__, url_prefix="/v1/uploads", description="tus 1.0.0 uploads")
    blp.before_request(requests.members_only)
    blp.before_request(_only_this_version)
    blp.after_request(_mark_version)

    @blp.route("", methods=["OPTIONS"], endpoint="options_of_all")
    @blp.route("/<uuid:upload_id>", methods=["OPTIONS"])
    @blp.response(204, headers=SUPPORTED)
    @problems(blp, 404)
    def options(upload_id: object = None) -> Response:  # noqa: ARG001 - the same for every address
        """The version, extensions and limits of tus on this server"""
        reply = _empty(204)
        reply.headers["Tus-Version"] = VERSION
        reply.headers["Tus-Extension"] = EXTENSIONS
        reply.headers["Tus-Max-Size"] = str(uploads.largest)
        reply.headers["Tus-Checksum-Algorithm"] = ALGORITHMS
        return reply

    @blp.post("")
    @blp.response(201, headers={**STATE, **_headers("Location")})
    @blp.doc(
        parameters=[RESUMABLE, LENGTH, METADATA, CHECKSUM, IDEMPOTENCY_KEY],
        requestBody=BODY,
        security=BEARER,
    )
    @problems(blp, 401, 403, 404, 409, 410, 412, 413, 415, 422, 460)
    def create() -> Response:
        """Create an upload; the body may contain its first bytes"""
        owner = requests.actor()
        context = requests.context(owner.member_id)
        length = _number("Upload-Length") or refuse("malformed", "Upload-Length must be 1 or more.")
        body = _body() if _has_body() else iter(())
        try:
            upload = uploads.begin(owner, requests.id_for("upload", context), length)
        except QuotaReached as reached:
            refuse("upload-quota-reached", **{"Retry-After": str(reached.seconds)})
        # A repeated request whose upload has bytes by now only reports the offset.
        if upload.offset:
            progress = uploads.look(owner, upload.upload_id, context)
        else:
            progress = uploads.append(
                owner, upload.upload_id, 0, body, context, whole=_is_checked()
            )
        reply = _state(progress, 201)
        reply.headers["Location"] = f"/v1/uploads/{upload.upload_id}"
        return reply

    @blp.route("/<uuid:upload_id>", methods=["HEAD"])
    @blp.response(200, headers=STATE)
    @blp.doc(parameters=[RESUMABLE], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415)
    def look(upload_id: object) -> Response:
        """The offset of an upload"""
        owner = requests.actor()
        context = requests.context(owner.member_id)
        reply = _state(uploads.look(owner, str(upload_id), context), 200)
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @blp.patch("/<uuid:upload_id>")
    @blp.response(204, headers=STATE)
    @blp.doc(parameters=[RESUMABLE, OFFSET, CHECKSUM], requestBody=SOME_BODY, security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 413, 415, 460)
    def append(upload_id: object) -> Response:
        """Append bytes to an upload; with the last ones it becomes evidence"""
        owner = requests.actor()
        context = requests.context(owner.member_id)
        offset, body = _number("Upload-Offset"), _body()
        progress = uploads.append(owner, str(upload_id), offset, body, context, whole=_is_checked())
        return _state(progress, 204)

    @blp.delete("/<uuid:upload_id>")
    @blp.response(204, headers=_headers())
    @blp.doc(parameters=[RESUMABLE], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def terminate(upload_id: object) -> Response:
        """Delete an upload; one that is complete is evidence and stays"""
        uploads.terminate(requests.actor(), str(upload_id))
        return _empty(204)

    views = {"PATCH": append, "DELETE": terminate, "HEAD": look}

    @blp.post("/<uuid:upload_id>")
    @blp.response(204, headers=STATE)
    @blp.alt_response(200, headers=STATE)
    @blp.doc(parameters=[RESUMABLE, OVERRIDE], requestBody=BODY, security=BEARER)
    @problems(blp, 401, 403, 404, 405, 409, 410, 412, 413, 415, 460)
    def override(upload_id: object) -> Response:
        """Use X-HTTP-Method-Override, for networks that block other methods than POST"""
        view = views.get(request.headers.get("X-HTTP-Method-Override", "").upper())
        if view is None:
            refuse("method-not-allowed", Allow="OPTIONS, HEAD, PATCH, DELETE")
        reply: Response = view(upload_id)
        return reply

    return blp


def _only_this_version() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        refuse("unsupported-tus-version", **{"Tus-Version": VERSION})


def _mark_version(reply: Response) -> Response:
    reply.headers["Tus-Resumable"] = VERSION
    return reply


def _state(progress: Progress, status: int) -> Response:
    reply = _empty(status)
    reply.headers["Upload-Offset"] = str(progress.upload.offset)
    reply.headers["Upload-Length"] = str(progress.upload.length)
    reply.headers["Upload-Expires"] = http_date(progress.upload.expires_at)
    if progress.receipt:
        reply.headers[TOKEN_HEADER] = write_token(progress.receipt)
    return reply


def _empty(status: int) -> Response:
    reply = Response(status=status)
    del reply.headers["Content-Type"]
    return reply


def _number(name: str) -> int:
    text = request.headers.get(name, "")
    if not re.fullmatch("[0-9]{1,18}", text):
        refuse("malformed", f"{name} must be a number of bytes.")
    return int(text)


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def _is_checked() -> bool:
    return "Upload-Checksum" in request.headers


def _body() -> Iterator[bytes]:
    """Yield the body in chunks, as it arrives. Refuses a wrong checksum after the last one."""
    if request.mimetype != CONTENT_TYPE:
        refuse("unsupported-media-type", f"Send the bytes of an upload as {CONTENT_TYPE}.")
    return _checked(_arriving()) if _is_checked() else _arriving()


def _arriving() -> Iterator[bytes]:
    """Yield chunks until the body or the connection ends."""
    try:
        while chunk := request.stream.read(CHUNK):
            yield chunk
    except (ClientDisconnected, OSError):
        return


def _checked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    algorithm, expected = _announced()
    digest = _HASHES[algorithm](usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if not compare_digest(digest.digest(), expected):
        refuse("checksum-mismatch")


def _announced() -> tuple[str, bytes]:
    algorithm, _, encoded = request.headers["Upload-Checksum"].partition(" ")
    if algorithm not in _HASHES:
        refuse("malformed", f"The algorithm of Upload-Checksum must be one of {ALGORITHMS}.")
    try:
        return algorithm, b64decode(encoded, validate=True)
    except ValueError:
        refuse("malformed", "Upload-Checksum needs the digest in base64 after the algorithm.")
