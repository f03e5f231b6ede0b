"""What OpenAPI documents for every operation: parameters, headers and problems."""

from collections.abc import Callable
from typing import Any, TypeVar

from entrypoints.http.blueprint import QUERY, Blueprint
from entrypoints.http.problems import MEANINGS, MEDIA_TYPE, ProblemSchema
from entrypoints.http.requests import LONGEST_KEY

F = TypeVar("F", bound=Callable[..., Any])

_PROBLEM = ProblemSchema()

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": LONGEST_KEY},
    "description": (
        "A repeated key with the same body gets the same reply, for ever. A body that contains the "
        "id of the new resource (case_id, comment_id...) can be repeated without a key."
    ),
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string"},
    "description": "Refuse with 412 unless the resource still has this ETag.",
}
READ_TOKEN = {
    "in": "header",
    "name": "Klarity-Token",
    "schema": {"type": "string"},
    "description": "From the reply to a write: the answer includes that write.",
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "schema": {"type": "string"},
    "description": "Answer with 304 while the resource still has this ETag.",
}
WRITE_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "The version after the write."},
    "Klarity-Token": {
        "schema": {"type": "string"},
        "description": "Send it with a GET to read this write back.",
    },
}

MADE_HEADERS = {
    **WRITE_HEADERS,
    "Location": {"schema": {"type": "string"}, "description": "The address of the new resource."},
}


def problems(blueprint: Blueprint, *statuses: int) -> Callable[[F], F]:
    """Document the problems of an operation, besides those that every operation has.

    An operation that documents 415 takes a body, so it gets 408 and 413, too.
    """

    def document(view: F) -> F:
        of_body = {408, 413} if 415 in statuses else set()  # noqa: PLR2004 - statuses are known by number
        for status in sorted({400, 429, 500, 503, *of_body, *statuses}):
            meanings = [text for code, text in MEANINGS.values() if code == status]
            view = blueprint.alt_response(
                status,
                schema=_PROBLEM,
                content_type=MEDIA_TYPE,
                description=" / ".join(meanings),
            )(view)
        return view

    return document


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with what all operations share, and with one tag for each subject."""
    document["components"]["headers"] = HEADERS
    document["components"]["schemas"].pop("PaginationMetadata", None)
    document["components"]["responses"] = {}
    document["tags"] = _tags(document["tags"])
    for path in document["paths"].values():
        for method, operation in path.items():
            if method != "parameters":
                _complete(operation)
                _share_problems(operation["responses"], document["components"]["responses"])
    return document


def _tags(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    about: dict[str, str] = {}
    for tag in tags:
        about.setdefault(tag["name"].removeprefix(QUERY), tag["description"])
    return [{"name": name, "description": description} for name, description in about.items()]


def _complete(operation: dict[str, Any]) -> None:
    operation.setdefault("security", [])
    operation["summary"] = " ".join(operation["summary"].split())
    for status, reply in operation["responses"].items():
        names = (*EVERYWHERE, *BY_STATUS.get(status, ()))
        always = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        reply["headers"] = {**reply.get("headers", {}), **always}


def _share_problems(replies: dict[str, Any], shared: dict[str, Any]) -> None:
    """Describe the problems of a status once, as they are the same for all operations."""
    for status, reply in replies.items():
        name = f"Problem{status}"
        if status >= "400" and shared.setdefault(name, reply) == reply:
            replies[status] = {"$ref": f"#/components/responses/{name}"}


def _header(about: str, kind: str = "string", *, required: bool = False) -> dict[str, Any]:
    return {"description": about, "schema": {"type": kind}, "required": required}


HEADERS = {
    "Allow": _header("The methods that the resource takes."),
    "RateLimit-Limit": _header("How many requests a window allows.", "integer"),
    "RateLimit-Remaining": _header("How many of them are left.", "integer"),
    "RateLimit-Reset": _header("Seconds to the next window.", "integer"),
    "Retry-After": _header("Seconds to wait before trying again.", "integer"),
    "WWW-Authenticate": _header("Bearer.", required=True),
    "X-Request-Id": _header("The id of the request in the logs of the operator.", required=True),
}
EVERYWHERE = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
BY_STATUS = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "409": ("Retry-After",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
