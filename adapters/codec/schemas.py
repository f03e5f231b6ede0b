"""JSON Schema of events as they are stored and published: with their personal fields encrypted."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from inspect import cleandoc
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from adapters.codec.cloudevents import envelope_schema
from adapters.codec.personal import SEALED, Path, personal_fields
from domain.catalog import EventCatalog

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSchemas:
    """The schemas of a catalog, for a document that holds them all.

    ``events`` holds the schema of each CloudEvent, by the log that publishes it and by its type.
    ``shared`` holds what they refer to.
    """

    events: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, Mapping[str, Any]]


def published_schemas(catalog: EventCatalog, ref_template: str) -> PublishedSchemas:
    """Return the schemas. ``ref_template`` says where the document has the shared ones."""
    kinds = [published_type(kind) for kind in catalog.types.values()]
    data, shared = msgspec.json.schema_components(kinds, ref_template=ref_template)
    events = {
        name: envelope_schema(name, catalog.version(name), schema)
        for name, schema in zip(catalog.types, data, strict=True)
    }
    return PublishedSchemas(events=events, shared=_unindented(shared))


def event_schema(catalog: EventCatalog, name: str) -> dict[str, Any]:
    """Return the schema of the data of one event. It refers to nothing outside of itself."""
    title = f"{name}, version {catalog.version(name)}"
    schema = _unindented(msgspec.json.schema(published_type(catalog.types[name])))
    return {"$schema": DIALECT, "title": title, **schema}


@cache
def published_type(event_type: type) -> type[msgspec.Struct]:
    """Return a type with the fields that are published of an event."""
    personal = personal_fields(event_type)
    if personal is None:
        return _without(event_type, frozenset())
    paths = frozenset(personal.paths)
    return _without(event_type, paths, sealed=_blob(paths))


def _blob(paths: Iterable[Path]) -> Any:
    """Return the type of the encrypted blob, which says what it holds."""
    held = ", ".join(sorted(".".join(path) for path in paths))
    about = f"Encrypted under keys of the instance: {held}."
    more = {"contentEncoding": "base64"}
    return Annotated[str, msgspec.Meta(description=about, extra_json_schema=more)]


@cache
def _without(kind: type, paths: frozenset[Path], sealed: Any = None) -> type[msgspec.Struct]:
    """Return a type like the dataclass, without the fields at the paths."""
    hints = get_type_hints(kind)
    kept: list[Any] = [(SEALED, sealed)] if sealed else []
    for field in fields(kind):
        inner = frozenset(path[1:] for path in paths if path[0] == field.name)
        if () not in inner:
            hint = _nested(hints[field.name], inner) if inner else hints[field.name]
            default = () if field.default is MISSING else (field.default,)
            kept.append((field.name, hint, *default))
    return msgspec.defstruct(
        kind.__name__,
        kept,
        module=kind.__module__,
        namespace={"__doc__": _docstring(kind)},
        kw_only=True,
    )


def _docstring(kind: type) -> str | None:
    """Return what somebody wrote: a dataclass without a docstring shows its signature."""
    text = kind.__doc__ or ""
    return None if text.startswith(f"{kind.__name__}(") else text or None


def _nested(hint: Any, paths: frozenset[Path]) -> Any:
    """Return the type of a field with a dataclass or None, without the fields at the paths."""
    options = get_args(hint)
    if not options:
        return _without(hint, paths)
    (kind,) = (each for each in options if each is not type(None))
    return _without(kind, paths) | None


def _unindented(schema: Any) -> Any:
    """Return the schema with descriptions as docstrings are shown."""
    match schema:
        case dict():
            return {name: _unindented(value) for name, value in schema.items()}
        case list():
            return [_unindented(each) for each in schema]
        case str():
            return cleandoc(schema)
    return schema
