"""Resumable uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload), with creation,
creation-with-upload, checksum, expiration and termination. Upload-Metadata is never looked at."""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from flask import Response, request
from flask_smorest import Blueprint
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import http_date

from application.evidence.uploads import (
    ALGORITHMS,
    Checksum,
    ChecksumMismatch,
    CutOff,
    NoSuchUpload,
    NotTaken,
    ReceiveUploads,
    TooLarge,
)
from application.ports.uploads import Upload, UploadConflict
from domain.ids import Actor
from entrypoints.http.documentation import BEARER, IDEMPOTENCY_KEY, problems
from entrypoints.http.problems import problem, problem_response, refuse
from entrypoints.http.requests import TOKEN_HEADER, Requests, write_token

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
CONTENT_TYPE = "application/offset+octet-stream"
CHUNK = 1 << 16

_PROBLEMS = {
    NoSuchUpload: problem("not-found", "There is no such upload."),
    UploadConflict: problem("wrong-offset"),
    TooLarge: problem("too-large"),
    NotTaken: problem("unsupported-media-type", "Only video, photo, audio and PDF are taken."),
    ChecksumMismatch: problem("checksum-mismatch"),
}


def _header(name: str, about: str, *, required: bool = False) -> dict[str, Any]:
    schema = {"type": "string"}
    return {
        "in": "header",
        "name": name,
        "schema": schema,
        "description": about,
        "required": required,
    }


RESUMABLE = _header("Tus-Resumable", "1.0.0")
LENGTH = _header("Upload-Length", "The size of the whole upload in bytes.", required=True)
OFFSET = _header("Upload-Offset", "Where in the upload these bytes belong.", required=True)
CHECKSUM = _header("Upload-Checksum", "Algorithm and base64 digest of the body.")
UPLOAD_HEADERS = {
    name: {"schema": {"type": "string"}}
    for name in ("Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Expires")
}


def uploads_blueprint(uploads: ReceiveUploads, requests: Requests) -> Blueprint:
    """``/v1/uploads``. The last segment of an upload's address is the evidence's id."""
    blp = Blueprint("uploads", __name__, url_prefix="/v1/uploads", description="tus 1.0.0 uploads")
    for error, told in _PROBLEMS.items():
        blp.register_error_handler(error, lambda _, told=told: problem_response(told))

    blp.before_request(_only_this_version)
    blp.after_request(_mark_version)

    @blp.route("", methods=["OPTIONS"])
    def capabilities() -> Response:
        reply = Response(status=204)
        reply.headers["Tus-Version"] = VERSION
        reply.headers["Tus-Extension"] = EXTENSIONS
        reply.headers["Tus-Max-Size"] = str(uploads.largest)
        reply.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)
        return reply

    @blp.post("")
    @blp.response(201, headers={**UPLOAD_HEADERS, "Location": {"schema": {"type": "string"}}})
    @blp.doc(parameters=[RESUMABLE, LENGTH, CHECKSUM, IDEMPOTENCY_KEY], security=BEARER)
    @problems(blp, 401, 403, 412, 413, 415, 460)
    def create() -> Response:
        """Announce an upload, and send its first bytes along if you like"""
        owner = requests.actor()
        length = _number("Upload-Length")
        upload = uploads.begin(owner, length, _upload_id(owner))
        if request.content_length and upload.offset == 0:
            _must_be_offset_octets()
            uploads.append(owner, upload.upload_id, 0, _body(), checksum=_checksum())
        reply = arrived(owner, upload.upload_id, 201)
        reply.headers["Location"] = f"/v1/uploads/{upload.upload_id}"
        return reply

    @blp.route("/<uuid:upload_id>", methods=["HEAD"])
    @blp.response(200, headers=UPLOAD_HEADERS)
    @blp.doc(parameters=[RESUMABLE], security=BEARER)
    @problems(blp, 401, 403, 404, 412)
    def state(upload_id: object) -> Response:
        """How much of an upload has arrived"""
        reply = arrived(requests.actor(), str(upload_id), 200)
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @blp.patch("/<uuid:upload_id>")
    @blp.response(204, headers=UPLOAD_HEADERS)
    @blp.doc(parameters=[RESUMABLE, OFFSET, CHECKSUM], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412, 413, 415, 460)
    def append(upload_id: object) -> Response:
        """Send the next bytes of an upload; the last ones make it evidence"""
        owner = requests.actor()
        _must_be_offset_octets()
        offset = _number("Upload-Offset")
        uploads.append(owner, str(upload_id), offset, _body(), checksum=_checksum())
        return arrived(owner, str(upload_id), 204)

    @blp.delete("/<uuid:upload_id>")
    @blp.response(204)
    @blp.doc(parameters=[RESUMABLE], security=BEARER)
    @problems(blp, 401, 403, 404, 412)
    def terminate(upload_id: object) -> Response:
        """Forget an upload and its bytes"""
        uploads.terminate(requests.actor(), str(upload_id))
        return Response(status=204)

    def arrived(owner: Actor, upload_id: str, status: int) -> Response:
        """The state of the upload; evidence is received as soon as all of it is here."""
        receipt = uploads.finish(owner, upload_id)
        reply = _state(uploads.find(owner, upload_id), status)
        if receipt is not None:
            reply.headers[TOKEN_HEADER] = write_token(receipt)
        return reply

    def _upload_id(owner: Actor) -> str:
        if not requests.idempotency_key():
            return str(uuid4())
        return requests.id_for("upload", requests.context(owner.member_id))

    return blp


def _only_this_version() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        refuse("unsupported-tus-version", **{"Tus-Version": VERSION})


def _mark_version(reply: Response) -> Response:
    reply.headers["Tus-Resumable"] = VERSION
    return reply


def _state(upload: Upload, status: int) -> Response:
    reply = Response(status=status)
    reply.headers["Upload-Offset"] = str(upload.offset)
    reply.headers["Upload-Length"] = str(upload.length)
    reply.headers["Upload-Expires"] = http_date(upload.expires_at)
    return reply


def _number(name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit()):
        refuse("malformed", f"{name} must be a number of bytes.")
    return int(text)


def _must_be_offset_octets() -> None:
    if request.mimetype != CONTENT_TYPE:
        refuse("unsupported-media-type", f"Bytes of an upload come as {CONTENT_TYPE}.")


def _body() -> Iterator[bytes]:
    """What arrives, until the end of the body or of the connection."""
    try:
        while chunk := request.stream.read(CHUNK):
            yield chunk
    except (ClientDisconnected, OSError) as error:
        raise CutOff from error


def _checksum() -> Checksum | None:
    given = request.headers.get("Upload-Checksum")
    if given is None:
        return None
    algorithm, _, digest = given.partition(" ")
    try:
        decoded = b64decode(digest, validate=True)
    except ValueError:
        decoded = b""
    if algorithm not in ALGORITHMS or not decoded:
        refuse("malformed", f"Upload-Checksum is one of {', '.join(ALGORITHMS)} and its base64.")
    return Checksum(algorithm, decoded)
