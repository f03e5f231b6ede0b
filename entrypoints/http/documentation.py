"""What OpenAPI says of every operation: parameters, headers and problems it may answer with."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask_smorest import Blueprint

from entrypoints.http.problems import MEANINGS, MEDIA_TYPE, ProblemSchema

F = TypeVar("F", bound=Callable[..., Any])

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key with the same body gives the same reply, for ever.",
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
    "description": "From the reply to a write: answer with that write included.",
}
WRITE_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "The version after the write."},
    "Klarity-Token": {
        "schema": {"type": "string"},
        "description": "Send it with a GET to read this write back.",
    },
}


def problems(blueprint: Blueprint, *statuses: int) -> Callable[[F], F]:
    """Document the problems that an operation may answer with; 400, 429 and 503 always."""

    def document(view: F) -> F:
        for status in sorted({400, 429, 503, *statuses}):
            meanings = [text for code, text in MEANINGS.values() if code == status]
            view = blueprint.alt_response(
                status,
                schema=ProblemSchema,
                content_type=MEDIA_TYPE,
                description=" / ".join(meanings),
            )(view)
        return view

    return document
