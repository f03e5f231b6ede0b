"""Decode and validate bodies in one step with msgspec.

For each marshmallow schema an msgspec type is derived. The type accepts a subset of what the schema
accepts, and loads it to the same values. A body that it rejects is loaded by marshmallow, which
decides and writes the error messages.
"""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import marshmallow as ma
import msgspec
from marshmallow import validate

from entrypoints.http.schemas import Number, Text, Truth, UuidText, Whole, maker_of

# The only way to write the character NUL in JSON; texts must not contain it.
_NUL = rb"\u0000"
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$(?!\n)"


class _Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The decoded fields of a body. ``made`` turns them into what the schema loads."""

    made: ClassVar[Callable[..., Any]] = dict


class _NoType(Exception):
    """The schema has a field or a validator that no msgspec type can express."""


def loaded_quickly(schema: ma.Schema, body: bytes) -> dict[str, Any] | None:
    """Return what the schema loads from the body, or None if marshmallow has to decide."""
    decoder = _decoder(schema)
    if decoder is None or _NUL in body:
        return None
    try:
        loaded: dict[str, Any] = _made(decoder.decode(body))
    except (ValueError, RecursionError):
        return None
    return loaded


def _made(value: Any) -> Any:
    if isinstance(value, _Body):
        fields = msgspec.structs.asdict(value).items()
        return value.made(
            **{name: _made(each) for name, each in fields if each is not msgspec.UNSET}
        )
    return [_made(each) for each in value] if isinstance(value, list) else value


@cache
def _decoder(schema: ma.Schema) -> msgspec.json.Decoder[Any] | None:
    try:
        return msgspec.json.Decoder(_struct(schema))
    except _NoType:
        return None


def _struct(schema: ma.Schema) -> type:
    members = [_member(name, field) for name, field in schema.fields.items()]
    made = {"made": maker_of(schema)}
    name = type(schema).__name__
    return msgspec.defstruct(name, members, bases=(_Body,), namespace=made, kw_only=True)


def _member(name: str, field: ma.fields.Field[Any]) -> tuple[str, Any, Any]:
    if field.load_default is not ma.missing or field.data_key or field.attribute:
        raise _NoType(name)
    kind = _type(field)
    return (name, kind, msgspec.NODEFAULT) if field.required else (name, kind, msgspec.UNSET)


def _type(field: ma.fields.Field[Any]) -> Any:
    kind = _bare_type(field)
    for validator in field.validators:
        kind = _narrowed(kind, validator)
    return kind | None if field.allow_none else kind


def _bare_type(field: Any) -> Any:
    match field:
        case ma.fields.List():
            return list[_type(field.inner)]  # type: ignore[misc]  # made while running
        case ma.fields.Nested(many=None):
            return _struct(field.schema)
        case ma.fields.Enum(by_value=True):
            return field.enum
    if type(field) not in _SCALARS:
        raise _NoType(field)
    return _SCALARS[type(field)]


_SCALARS: dict[type, Any] = {
    Text: str,
    ma.fields.String: str,
    UuidText: Annotated[str, msgspec.Meta(pattern=_UUID)],
    Truth: bool,
    Number: float,
    Whole: int,
    ma.fields.Date: date,
}


def _narrowed(kind: Any, validator: Any) -> Any:
    match validator:
        case validate.Length(min=least, max=most, equal=None):
            return Annotated[kind, msgspec.Meta(min_length=least, max_length=most)]
        case validate.Range(min=least, max=most, min_inclusive=True, max_inclusive=True):
            return Annotated[kind, msgspec.Meta(ge=least, le=most)]
        case validate.Regexp(regex=regex):
            return Annotated[kind, msgspec.Meta(pattern=str(regex.pattern))]
        case validate.OneOf(choices=choices):
            return Literal[tuple(choices)]
    raise _NoType(validator)
