"""What a service that is searched adds to its list: what was found, counts, and suggestions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import marshmallow as ma

from application.engine.answers import Answers, Page
from application.engine.query_service import QueryService
from application.ports.read_models import Fragment
from entrypoints.http.documents import document_fields, served
from entrypoints.http.schemas import Text, schema

PIECE = schema(
    "Piece",
    {
        "text": Text(required=True),
        "found": ma.fields.Boolean(
            required=True, metadata={"description": "Whether these are words that were found."}
        ),
    },
)
SUGGESTIONS = schema(
    "Suggestions",
    {
        "items": ma.fields.List(
            ma.fields.Nested(schema("Suggestion", {"text": Text(required=True)})), required=True
        )
    },
)


def searched_schema(service: QueryService[Any]) -> ma.Schema:
    """Return the OpenAPI schema of a page of documents in which something was found."""
    name = service.document.__name__
    highlights = ma.fields.Nested(
        schema(f"{name}Highlights", dict(_highlights(service))),
        required=True,
        metadata={
            "description": "An excerpt of each text in which words were found, in pieces that "
            "follow each other."
        },
    )
    document = schema(name, {**document_fields(service.document), "highlights": highlights})
    counts = {each: _counts() for each in service.facets}
    return schema(
        f"{name}Page",
        {
            "items": ma.fields.List(ma.fields.Nested(document), required=True),
            "facets": ma.fields.Nested(schema(f"{name}Facets", counts), required=True),
        },
    )


def searched_page(page: Page[Any]) -> dict[str, Any]:
    """Return the page as clients get it."""
    found = zip(page.documents, page.highlights, strict=True)
    items = [
        {**served(document), "highlights": {name: pieces(each) for name, each in texts.items()}}
        for document, texts in found
    ]
    return {"items": items, "facets": page.facets}


def suggested(answers: Answers[Any], query: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """Return the suggestions as clients get them."""
    return {"items": [{"text": text} for text in answers.suggestions(query, limit=limit)]}


def pieces(fragment: Fragment) -> Sequence[dict[str, Any]]:
    """Return the excerpt in pieces, so that no client has to count characters."""
    return list(_pieces(fragment))


def _pieces(fragment: Fragment) -> Iterator[dict[str, Any]]:
    text, end = fragment.text, 0
    for start, stop in fragment.found:
        if end < start:
            yield {"text": text[end:start], "found": False}
        yield {"text": text[start:stop], "found": True}
        end = stop
    if end < len(text):
        yield {"text": text[end:], "found": False}


def _highlights(service: QueryService[Any]) -> Iterator[tuple[str, ma.fields.Field[Any]]]:
    for index in service.indexes:
        if index.kind == "text":
            yield index.name, ma.fields.List(ma.fields.Nested(PIECE))


def _counts() -> ma.fields.Field[Any]:
    return ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Integer(),
        required=True,
        metadata={"description": "How many of all that was found have each of these values."},
    )
