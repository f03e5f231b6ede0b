"""What clients get of a document: its public fields, and the addresses of its media."""

from collections.abc import Hashable
from dataclasses import fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import marshmallow as ma

from application.engine.query_service import FromOtherStreams, HasMedia, Private, fields_with
from application.queries.case_document import CaseEvidence, CaseParty
from entrypoints.http.links import media_addresses
from entrypoints.http.schemas import Text, field_of, schema

# The names of schemas in OpenAPI where the class has another name.
NAMES: dict[Hashable, str] = {CaseEvidence: "Exhibit", CaseParty: "Party"}

NOTE = "`off`: the member has turned this list off, so it is empty."


@cache
def public_fields(kind: type) -> tuple[str, ...]:
    """Return the names of the fields that are served."""
    private = fields_with(Private, kind)
    return tuple(field.name for field in fields(kind) if field.name not in private)


def served(document: Any) -> dict[str, Any]:
    """Return the document as clients get it."""
    kind: Any = type(document)
    body = {name: getattr(document, name) for name in public_fields(kind)}
    for name in _lists_with_media(kind):
        body[name] = [served(item) for item in body[name]]
    for name in fields_with(HasMedia, kind):
        body.update(media_addresses(body[name]))
    return body


def served_as_it_stood(document: Any) -> dict[str, Any]:
    """Return a document of the past as clients get it: without what its stream does not tell."""
    kind: Any = type(document)
    unknown = fields_with(FromOtherStreams, kind)
    return {name: value for name, value in served(document).items() if name not in unknown}


@cache
def document_schema(kind: type) -> ma.Schema:
    """Return the OpenAPI schema of a document."""
    return schema(NAMES.get(kind, kind.__name__), document_fields(kind))


def document_fields(kind: type) -> dict[str, ma.fields.Field[Any]]:
    """Return the fields of its schema. All are required: replies contain them."""
    hints = get_type_hints(kind, include_extras=True)
    shown = {
        name: field_of(hints[name], {"required": True}, nested=document_schema)
        for name in public_fields(kind)
    }
    if fields_with(HasMedia, kind):
        shown |= {name: Text(required=True) for name in media_addresses("")}
    return shown


@cache
def page_schema(kind: type, *, noted: bool = False) -> ma.Schema:
    """Return the OpenAPI schema of a page of documents, with a note on it or without."""
    items = ma.fields.List(ma.fields.Nested(document_schema(kind)), required=True)
    note = ma.fields.String(required=True, allow_none=True, metadata={"description": NOTE})
    return schema(
        f"{kind.__name__}Page", {"items": items, "note": note} if noted else {"items": items}
    )


@cache
def _lists_with_media(kind: type) -> tuple[str, ...]:
    """The names of the public fields that hold lists of documents with media."""
    hints = get_type_hints(kind)
    lists = {
        name: get_args(hints[name])[0]
        for name in public_fields(kind)
        if get_origin(hints[name]) is tuple
    }
    return tuple(name for name, item in lists.items() if fields_with(HasMedia, item))
