"""Errors as problems (RFC 9457): never a stack trace, never HTML."""

import logging
from collections.abc import Mapping
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
from application.ports.unavailable import Unavailable
from application.use_cases.members.accounts import NotSignedIn
from domain.decider import DomainError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# What each problem means: the readable page behind its type. Broken rules are 409 unless listed.
MEANINGS = {
    "malformed": (400, "The request is not what HTTP or JSON allow."),
    "not-signed-in": (401, "Sign in first, or renew the access token: it is missing or over."),
    "forbidden": (403, "You are known, and you may not do this."),
    "bad-link": (403, "This link is not one of ours, or too old."),
    "suspended": (403, "A moderator suspended this membership; its commands are refused."),
    "wrong-passphrase": (403, "This needs your passphrase, and what came is another one."),
    "not-found": (404, "There is no such thing, or none that you may see."),
    "method-not-allowed": (405, "This resource does not take that method; Allow lists those."),
    "not-acceptable": (406, "This resource has no representation of the kind asked for."),
    "too-slow": (408, "The body came too slowly; send it again."),
    "conflict": (409, "Others kept changing the same thing; try again."),
    "already-registered": (409, "This member is registered already."),
    "already-reported": (409, "A case with this id has been reported already."),
    "already-written": (409, "A comment with this id has been written already."),
    "already-named": (409, "A party with this id has been named already."),
    "already-disputed": (409, "This link has been used for a statement already."),
    "already-flagged": (409, "You have flagged this already; once is what counts."),
    "already-decided": (409, "A decision with this id has been made already."),
    "already-appealed": (409, "A decision is appealed once."),
    "already-resolved": (409, "This appeal has been resolved already."),
    "appeal-pending": (409, "The decision that stands was appealed: resolve the appeal instead."),
    "settled-on-appeal": (409, "It was restored on appeal, and nobody flagged it since."),
    "superseded": (409, "Another decision stands in the place of this one."),
    "already-received": (409, "This evidence has been received already."),
    "locked": (409, "Moderators locked this discussion; nobody adds to it for now."),
    "not-oneself": (409, "Nobody may do this to themselves or on their own case."),
    "own-subject": (409, "Nobody flags what is their own."),
    "nothing-to-decide": (409, "It is so already, and nobody flagged it since."),
    "nothing-to-appeal": (409, "Only what was hidden can be appealed for."),
    "same-moderator": (409, "An appeal, or a decision after it, goes to another moderator."),
    "too-many-flags": (409, "As many of your flags as may be wait for moderators."),
    "evidence-taken": (409, "What backs an anonymous case backs no other: upload another file."),
    "evidence-rejected": (409, "This evidence was rejected and backs no case; detail says why."),
    "not-own-evidence": (409, "Only who uploaded a piece of evidence may back a case with it."),
    "too-many-citations": (409, "This evidence backs as many cases as it may: upload it again."),
    "evidence-retracted": (409, "Evidence that was retracted does not come back to its case."),
    "too-many-changes": (409, "You have changed this case as often as one may, or others have."),
    "too-many-disputes": (409, "The party has disputed as often as a party may."),
    "own-case": (409, "Nobody supports a case of their own."),
    "pseudonym-taken": (409, "Somebody has this pseudonym, or one that looks like it."),
    "too-many-tags": (409, "The case has as many tags as a case may have."),
    "too-much-evidence": (409, "The case has as much evidence as a case may have."),
    "too-many-webhooks": (409, "There are as many webhooks as there may be."),
    "withdrawn": (409, "The author withdrew this case; it does not change any more."),
    "wrong-offset": (409, "The upload is at another offset; ask with HEAD and go on from there."),
    "erased": (410, "What this was about has been erased for good."),
    "stale": (412, "It has changed since the version that If-Match names; fetch it again."),
    "unsupported-tus-version": (412, "This server speaks tus 1.0.0."),
    "too-large": (413, "The body, or the announced upload, is larger than this instance takes."),
    "unsupported-media-type": (415, "This resource does not take content of that type."),
    "range-not-satisfiable": (416, "The content has no such range of bytes."),
    "invalid": (422, "Some fields are not as they should be; errors names each of them."),
    "bad-passphrase": (422, "A passphrase has 8 to 200 characters."),
    "bad-pseudonym": (422, "A pseudonym is plain to see, of one script, and nobody in charge."),
    "unknown-rule": (422, "There is no such rule; GET /v1/rules lists them."),
    "bad-webhook-url": (422, "A webhook's address is an https URL without credentials."),
    "idempotency-key-reused": (422, "This Idempotency-Key came with another request before."),
    "too-many-requests": (429, "Too many requests; Retry-After tells when to go on."),
    "upload-quota-reached": (
        429,
        "You may upload no more on this day (UTC); go on tomorrow.",
    ),
    "checksum-mismatch": (460, "The bytes that arrived do not have the checksum announced."),
    "internal": (500, "Something broke here. It was logged; nothing about you was."),
    "not-implemented": (501, "This server does not speak that format."),
    "not-caught-up": (503, "The answer would not be up to date yet; try again shortly."),
    "too-busy": (503, "Too much is being received just now; try again shortly."),
    "too-many-streams": (503, "As many streams as this process serves are open; try again later."),
    "outdated": (503, "A newer version of this server wrote some of this; try again shortly."),
    "unavailable": (503, "A store or the bus is away; try again shortly."),
}

TITLES = {460: "Checksum Mismatch"}  # a status of tus, not of HTTP

_BY_STATUS = {
    400: "malformed",
    401: "not-signed-in",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    410: "erased",
    412: "stale",
    413: "too-large",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
    422: "invalid",
    429: "too-many-requests",
}


class ProblemSchema(Schema):
    """How OpenAPI shows a problem."""

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
    """Something to be told to the client as a problem."""

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
    """flask-smorest's Api, speaking RFC 9457."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def handle_http_exception(self, error: HTTPException) -> Response:
        return _from_http(error)


def register_problems(app: Flask) -> None:
    """Let every failure of a request become a problem."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(DomainError, _from_domain)
    app.register_error_handler(Exception, _unexpected)
    for kind, problem in _TRANSLATED.items():
        app.register_error_handler(kind, lambda _, problem=problem: problem_response(problem))


def problem_response(problem: Problem) -> Response:
    """The reply that tells of the problem."""
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
    """The problem with this code; its meaning is the detail where none is given."""
    status, meaning = MEANINGS[code]
    return Problem(status, code, detail or meaning, headers)


def refuse(code: str, detail: str = "", **headers: str) -> NoReturn:
    """Answer with the problem that has this code."""
    raise problem(code, detail, **headers)


_RETRY = {"Retry-After": "1"}
_TRANSLATED: dict[type[Exception], Problem] = {
    NotSignedIn: Problem(
        401, "not-signed-in", "These credentials prove nothing.", {"WWW-Authenticate": "Bearer"}
    ),
    StaleVersion: problem("stale"),
    CommandMismatch: Problem(
        *(422, "idempotency-key-reused", MEANINGS["idempotency-key-reused"][1]),
        errors={"Idempotency-Key": ["Came with another request before."]},
    ),
    TooMuchContention: Problem(409, "conflict", MEANINGS["conflict"][1], _RETRY),
    NotCaughtUp: Problem(503, "not-caught-up", MEANINGS["not-caught-up"][1], _RETRY),
    NewerProgram: Problem(503, "outdated", MEANINGS["outdated"][1], {"Retry-After": "5"}),
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
    """webargs groups messages by where the fields were; a client only knows fields."""
    merged: dict[str, Any] = {}
    for place, found in messages.items():
        merged.update(found if isinstance(found, dict) else {place: found})
    return {str(field): found for field, found in merged.items()}


def _unexpected(error: Exception) -> Response:
    log.error("request failed", exc_info=error, extra={"correlation_id": g.get("correlation_id")})
    return problem_response(problem("internal"))
