"""Turn every error into a problem (RFC 9457), without a stack trace and without HTML."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NoReturn

import msgspec
from flask import Flask, Response, g, request
from flask_smorest import Api
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from application.engine.answers import NotCaughtUp
from application.engine.executor import CommandMismatch, StaleVersion, TooMuchContention
from application.ports.codec import NewerProgram
from application.ports.media_store import MediaDamaged, MediaErased, NoSuchMedia
from application.ports.unavailable import Unavailable
from application.use_cases.members.accounts import PASSPHRASE_LENGTH, NotSignedIn
from domain.decider import DomainError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# What each problem means and what to do about it: the text of the page behind its type. A code that
# a DomainError uses has to be listed here; its status is usually 409. The first code of a status is
# the general one, for errors that Flask and its extensions raise.
MEANINGS = {
    "malformed": (400, "The request breaks a rule of HTTP or JSON; correct it and send it again."),
    "not-signed-in": (401, "The access token is missing, invalid or expired; sign in or renew it."),
    "forbidden": (403, "Your account does not have the right to do this; use one that has."),
    "bad-link": (403, "The link is invalid or has expired; ask a moderator for another one."),
    "suspended": (403, "Your membership is suspended; appeal, or wait until it is reinstated."),
    "wrong-passphrase": (403, "The passphrase is wrong; enter your own and try again."),
    "not-found": (404, "Nothing exists at this address, or you may not see it; check the address."),
    "method-not-allowed": (405, "This resource does not take the method; use one named in Allow."),
    "not-acceptable": (406, "This resource does not have the type that Accept names; omit Accept."),
    "too-slow": (408, "The body arrived too slowly; send it again."),
    "conflict": (409, "Other requests changed the same resource meanwhile; try again."),
    "already-registered": (409, "This member is registered already; sign in."),
    "already-reported": (409, "A case with this id exists already; choose another id."),
    "already-written": (409, "A comment with this id exists already; choose another id."),
    "already-named": (409, "A party with this id exists already; choose another id."),
    "already-disputed": (409, "This link was used already; ask a moderator for another one."),
    "already-flagged": (409, "You have flagged this already; a second flag has no effect."),
    "already-decided": (409, "A decision with this id exists already; choose another id."),
    "already-answered": (409, "You have answered already; wait for a moderator to decide."),
    "already-appealed": (409, "This decision was appealed already; wait for the outcome."),
    "already-resolved": (409, "This appeal is resolved already; fetch the decision in force."),
    "appeal-pending": (409, "The decision in force is under appeal; resolve that appeal first."),
    "settled-on-appeal": (409, "An appeal restored this; wait until a member flags it again."),
    "superseded": (409, "Another decision has replaced this one; fetch the decision in force."),
    "already-received": (
        409,
        "The upload is complete and is evidence now; nothing is left to send or to delete.",
    ),
    "locked": (409, "Moderators locked this discussion; wait until they unlock it."),
    "not-oneself": (409, "Another person must do this: it concerns you or a case of yours."),
    "own-subject": (409, "You cannot flag your own content; change it or remove it instead."),
    "nothing-to-decide": (409, "The decision changes nothing and no flag is open; leave it as is."),
    "nothing-to-answer": (409, "Flags do not hide this; against a decision you can appeal."),
    "nothing-to-appeal": (409, "Only a suspension, or a decision to hide, can be appealed."),
    "same-moderator": (409, "Another moderator has to decide this; leave it to one of them."),
    "too-many-flags": (409, "You have too many open flags; wait until one of them is decided."),
    "evidence-taken": (409, "Evidence of an anonymous case serves no other; upload another file."),
    "evidence-rejected": (409, "This evidence was rejected; read why, and upload another file."),
    "not-own-evidence": (409, "Another member uploaded this evidence; use your own."),
    "too-many-citations": (409, "This evidence serves too many cases; upload it again."),
    "evidence-retracted": (409, "This evidence was retracted from the case; upload it again."),
    "delay-needs-anonymity": (
        409,
        "Only an anonymous case is published later; make it anonymous or omit publish_within.",
    ),
    "too-many-changes": (409, "This case has had the changes it may have; leave it as it is."),
    "too-many-disputes": (409, "The party has made all the statements it may make; keep those."),
    "own-case": (409, "You cannot support your own case."),
    "pseudonym-taken": (
        409,
        "This pseudonym, or one that looks like it, is in use; choose another.",
    ),
    "too-many-proposals": (409, "You have all the open proposals you may have; take one back."),
    "too-many-tags": (409, "The case has all the tags it may have; remove one first."),
    "too-much-evidence": (409, "The case has all the evidence it may have; retract some first."),
    "too-many-webhooks": (409, "This instance has all the webhooks it may have; remove one first."),
    "withdrawn": (409, "The author withdrew this case, so it cannot change any more."),
    "wrong-offset": (409, "The upload is at another offset; get it with HEAD and continue there."),
    "erased": (410, "This was erased and cannot be restored."),
    "stale": (412, "The resource has changed since the ETag in If-Match; fetch it again."),
    "unsupported-tus-version": (412, "This server supports tus 1.0.0; set Tus-Resumable to it."),
    "too-large": (413, "The body or the upload is too large; GET /v1/instance lists the limits."),
    "unsupported-media-type": (
        415,
        "This resource does not take content of that type; /docs shows which it takes.",
    ),
    "range-not-satisfiable": (416, "The content has no such range of bytes; ask for another one."),
    "invalid": (422, "Some fields are invalid; errors says what is wrong with each of them."),
    "bad-passphrase": (
        422,
        f"A passphrase has {PASSPHRASE_LENGTH.least} to {PASSPHRASE_LENGTH.most} characters; "
        "choose another one.",
    ),
    "bad-pseudonym": (422, "This pseudonym cannot be used; detail says what to change."),
    "unknown-rule": (422, "No rule has this id; choose one from GET /v1/rules."),
    "bad-intervention": (422, "Give your name and a reason, each in one line."),
    "bad-webhook-url": (422, "The address of a webhook is a public https URL without credentials."),
    "idempotency-key-reused": (422, "Another request used this Idempotency-Key; choose a new one."),
    "too-many-requests": (
        429,
        "Too many requests; wait the seconds in Retry-After, then try again.",
    ),
    "upload-quota-reached": (
        429,
        "You have used up your uploads for this day (UTC); continue tomorrow.",
    ),
    "checksum-mismatch": (460, "The bytes do not match Upload-Checksum; send them again."),
    "internal": (500, "The server failed and logged the error, without personal data. Try later."),
    "damaged": (
        500,
        "The stored content was changed, so it is not served. The error was logged.",
    ),
    "not-implemented": (
        501,
        "This server does not support this; ask for another format or method.",
    ),
    "unavailable": (503, "A store or another part of the server is away; try again shortly."),
    "not-caught-up": (503, "The answer does not include your latest write yet; try again shortly."),
    "too-busy": (503, "The server is receiving too many uploads; try again shortly."),
    "outdated": (503, "A newer version of the server wrote this data; try again shortly."),
}

TITLES = {460: "Checksum Mismatch"}  # defined by tus: HTTPStatus has no phrase for it

_BY_STATUS = {status: code for code, (status, _) in reversed(MEANINGS.items())}


class ProblemSchema(Schema):
    """Describe a problem in OpenAPI."""

    type = fields.String(
        required=True, metadata={"description": "/problems/<code>, a readable page"}
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.Dict(
        keys=fields.String(), metadata={"description": "Field to messages, for 422"}
    )


class Problem(Exception):
    """An error that the client receives as a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors


class ProblemApi(Api):  # type: ignore[misc]  # flask-smorest comes without types
    """flask-smorest's Api, whose own errors become problems, too."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.undocumented: list[Callable[[], None]] = []

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document of all blueprints. It can be made only once."""
        for add in self.undocumented:
            add()
        document: dict[str, Any] = self.spec.to_dict()
        return document

    def handle_http_exception(self, error: HTTPException) -> Response:
        return _from_http(error)


def register_problems(app: Flask) -> None:
    """Answer every exception of a request with a problem."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(DomainError, _from_domain)
    app.register_error_handler(Exception, _unexpected)
    for kind, problem in _TRANSLATED.items():
        app.register_error_handler(kind, lambda _, problem=problem: problem_response(problem))


def problem_response(problem: Problem) -> Response:
    """Return the problem as an HTTP response."""
    body: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": TITLES.get(problem.status) or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = problem.errors
    reply = Response(msgspec.json.encode(body), problem.status, content_type=MEDIA_TYPE)
    reply.headers.update(problem.headers)
    return reply


def problem(code: str, detail: str = "", **headers: str) -> Problem:
    """Return the problem with this code. Its detail defaults to the meaning of the code."""
    status, meaning = MEANINGS[code]
    return Problem(status, code, detail or meaning, headers)


def refuse(code: str, detail: str = "", **headers: str) -> NoReturn:
    """Raise the problem with this code."""
    raise problem(code, detail, **headers)


_RETRY = {"Retry-After": "1"}
_TRANSLATED: dict[type[Exception], Problem] = {
    NotSignedIn: problem(
        "not-signed-in",
        "The pseudonym, the passphrase or the token is invalid; correct it and try again.",
        **{"WWW-Authenticate": "Bearer"},
    ),
    StaleVersion: problem("stale"),
    CommandMismatch: Problem(
        *(422, "idempotency-key-reused", MEANINGS["idempotency-key-reused"][1]),
        errors={"Idempotency-Key": ["Another request used it; choose a new one."]},
    ),
    TooMuchContention: Problem(409, "conflict", MEANINGS["conflict"][1], _RETRY),
    NotCaughtUp: Problem(503, "not-caught-up", MEANINGS["not-caught-up"][1], _RETRY),
    NewerProgram: Problem(503, "outdated", MEANINGS["outdated"][1], {"Retry-After": "5"}),
    NoSuchMedia: problem("not-found", "There is no such content."),
    MediaErased: problem("erased"),
    MediaDamaged: problem("damaged"),
    Unavailable: Problem(503, "unavailable", MEANINGS["unavailable"][1], _RETRY),
}


def _from_domain(error: DomainError) -> Response:
    status = MEANINGS[error.code][0]
    return problem_response(Problem(status, error.code, error.message))


def _from_http(error: HTTPException) -> Response:
    status = error.code or 500
    code = _BY_STATUS.get(status, "internal" if status >= 500 else "malformed")  # noqa: PLR2004 - a class of statuses
    data = getattr(error, "data", None) or {}
    messages = data.get("messages") or data.get("errors")
    errors = _flattened(messages) if isinstance(messages, dict) else None
    headers = {
        name: value
        for name, value in error.get_headers(request.environ)
        if name.lower() not in ("content-type", "content-length")
    }
    detail = MEANINGS[code][1]
    return problem_response(Problem(status, code, detail, headers, errors))


def _flattened(messages: Mapping[str, Any]) -> Mapping[str, Any]:
    """Remove the level by which webargs groups messages (json, query): clients know fields only."""
    merged: dict[str, Any] = {}
    for place, found in messages.items():
        merged.update(found if isinstance(found, dict) else {place: found})
    return {str(field): found for field, found in merged.items()}


def _unexpected(error: Exception) -> Response:
    log.error("request failed", exc_info=error, extra={"correlation_id": g.get("correlation_id")})
    return problem_response(problem("internal"))
