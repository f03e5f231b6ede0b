"""Derive marshmallow schemas from the dataclasses of the domain and of the queries."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from inspect import Parameter, signature
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Union,
    assert_never,
    get_args,
    get_origin,
    get_type_hints,
)

import marshmallow as ma
from marshmallow import validate

from application.engine.query_service import QueryService
from domain.constraints import Length, Limits, OneLine

# A pattern of JSON Schema for texts without NUL, which not every store accepts.
STORABLE = r"^[^\x00]*$"
# The largest that every index holds.
SINCE = "What Klarity-Since said in an earlier export with these filters."
LARGEST_NUMBER = 2**63 - 1
SUGGESTIONS = (10, 20)
"""How many suggestions there are: usually, and at most."""
_SURROGATES = re.compile(r"[\ud800-\udfff\x00]")

# Control characters, line separators, and characters that change the direction of writing.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
# Characters that nobody can see, and that may stand beside others: joiners, marks of direction,
# fillers, variation selectors.
_INVISIBLE = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2064\u206a-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
# The last part is for Python, whose $ also matches before a line break at the end.
ONE_LINE = (
    rf"^([{_INVISIBLE}]*[^\s{_CONTROLS}{_INVISIBLE}]([^{_CONTROLS}]*[^\s{_CONTROLS}])?)?$(?!\n)"
)


class Text(ma.fields.String):
    """A string without NUL and lone surrogates: UTF-8 and every store can hold it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not any(isinstance(each, validate.Regexp) for each in self.validators):
            self.metadata = {"pattern": STORABLE, **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if _SURROGATES.search(text):
            raise ma.ValidationError("Contains a character that cannot be stored; remove it.")
        return text


class Truth(ma.fields.Boolean):
    """A JSON boolean. marshmallow's own would also accept texts and numbers."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Number(ma.fields.Float):
    """A JSON number, or with ``from_text`` the number in a query string."""

    def __init__(self, *, from_text: bool = False, **kwargs: Any) -> None:
        super().__init__(allow_nan=False, **kwargs)
        self._from_text = from_text

    def _validated(self, value: Any) -> float:
        if isinstance(value, bool) or (isinstance(value, str) and not self._from_text):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Whole(ma.fields.Integer):
    """A JSON number without a fraction. As in JSON Schema, 5.0 is one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)

    def _validated(self, value: Any) -> int:
        whole = isinstance(value, float) and value.is_integer()
        return super()._validated(int(value) if whole else value)


class Moment(ma.fields.AwareDateTime):
    """A time with an offset, converted to UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type="datetime") from error


class Parsed(Text):
    """A text of a query string that ``parse`` turns into a filter value, such as a bounding box."""

    def __init__(self, parse: Callable[[str], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._parse = parse

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return self._parse(text)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from error


def uuid_text(**kwargs: Any) -> ma.fields.Field[Any]:
    """Return a field for an id chosen by the client: a UUID, loaded as a string."""
    return UuidText(**kwargs)


def uuid_texts(limits: Length, *, least: int = 0, **kwargs: Any) -> ma.fields.Field[Any]:
    """Return a field for a list of ids, at most as long as the limits say."""
    length = validate.Length(max(least, limits.least), limits.most)
    return ma.fields.List(uuid_text(), validate=length, **kwargs)


class UuidText(ma.fields.UUID):
    """A UUID that is loaded as a string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:  # type: ignore[override]  # ids are strings here
        if not isinstance(value, str):
            raise self.make_error("invalid_uuid")
        return str(super()._deserialize(value, attr, data, **kwargs))


def fields_of(kind: type, *names: str, partial: bool = False) -> dict[str, ma.fields.Field[Any]]:
    """Return a marshmallow field for each of the named fields of a dataclass.

    Without names, for every field of one that holds details. The fields of a command are always
    named: a body does not hold who gives the command and when. Raises TypeError.
    """
    known = {field.name: field for field in fields(kind)}
    if not names and "at" in known:
        raise TypeError(f"name the fields of {kind.__name__} that a client sends")
    hints = get_type_hints(kind, include_extras=True)
    return {
        name: field_of(hints[name], _options(known[name], partial=partial))
        for name in names or known
    }


def length_of(kind: type, name: str) -> Length:
    """Return the Length that a field of a dataclass is annotated with."""
    _, marks = _unwrapped(get_type_hints(kind, include_extras=True)[name])
    return next(mark for mark in marks if isinstance(mark, Length))


def schema(name: str, members: Mapping[str, Any]) -> ma.Schema:
    """Return an instance of a schema that refuses unknown fields. Make it once, not per request."""
    return ma.Schema.from_dict(dict(members), name=name)()


def filter_schema(
    service: QueryService[Any], *, paging: Iterable[str] = ("limit", "cursor")
) -> ma.Schema:
    """Return the query parameters of a list: the filters of the service, and paging."""
    ask, in_path = type(service).ask, service.path_parameters()
    filters = {name: each for name, each in service.filters.items() if name not in in_path}
    members = {**_filter_fields(ask, filters), **_paging(paging, service.limits)}
    return schema(f"{type(service).__name__}Query", members)


def suggestion_schema(service: QueryService[Any]) -> ma.Schema:
    """Return the query parameters of its suggestions."""
    suggest = type(service).suggest
    filters = dict(signature(suggest).parameters)
    filters.pop("self")
    members = {**_filter_fields(suggest, filters), **_paging(("limit",), SUGGESTIONS)}
    return schema(f"{type(service).__name__}Suggest", members)


def _filter_fields(
    question: Callable[..., Any], filters: Mapping[str, Parameter]
) -> dict[str, ma.fields.Field[Any]]:
    hints = get_type_hints(question, include_extras=True)
    return {name: _filter_field(hints[name], each.default) for name, each in filters.items()}


def _paging(names: Iterable[str], limits: tuple[int, int]) -> dict[str, ma.fields.Field[Any]]:
    usual, most = limits
    pages: dict[str, ma.fields.Field[Any]] = {
        "limit": ma.fields.Integer(load_default=usual, validate=validate.Range(1, most)),
        "cursor": Text(load_default=None),
        "since": Text(load_default=None, metadata={"description": SINCE}),
    }
    return {name: pages[name] for name in names}


def _options(field: "Field[Any]", *, partial: bool) -> dict[str, Any]:
    required = field.default is MISSING and field.default_factory is MISSING
    return {"required": required and not partial}


def _filter_field(hint: Any, default: Any) -> ma.fields.Field[Any]:
    bare, _ = _unwrapped(hint)
    required = default is Parameter.empty
    options = {"required": True} if required else {"load_default": default}
    if hasattr(bare, "parse"):
        about = (bare.__doc__ or "").replace("``", "")
        return Parsed(bare.parse, metadata={"description": about}, **options)
    return field_of(hint, options, from_text=True)


def field_of(
    hint: Any,
    options: dict[str, Any],
    *,
    from_text: bool = False,
    nested: Callable[[type], ma.Schema] | None = None,
) -> ma.fields.Field[Any]:
    """Return a marshmallow field for a type. ``nested`` makes the schema of a dataclass in it."""
    bare, marks = _unwrapped(hint)
    if _may_be_none(hint):
        options = {**options, "allow_none": True}
    validators = [_validator(mark) for mark in marks if isinstance(mark, Length | Limits | OneLine)]
    if bare is int and nested is None and not validators:
        validators = [validate.Range(-LARGEST_NUMBER, LARGEST_NUMBER)]
    if validators:
        options = {**options, "validate": validators}
    if get_origin(bare) is tuple:
        return ma.fields.List(field_of(get_args(bare)[0], {}, nested=nested), **options)
    if isinstance(bare, type) and is_dataclass(bare):
        return ma.fields.Nested((nested or _part)(bare), **options)
    return _scalar(bare, options, from_text=from_text)


def _scalar(kind: Any, options: dict[str, Any], *, from_text: bool) -> ma.fields.Field[Any]:
    kind = getattr(kind, "__supertype__", kind)
    if issubclass(kind, Enum):
        return ma.fields.Enum(kind, by_value=True, **options)
    if kind is datetime:
        return Moment("iso", **options)
    if kind is date:
        return ma.fields.Date("iso", **options)
    if kind is bool and from_text:
        return ma.fields.Boolean(truthy={"true"}, falsy={"false"}, **options)
    if kind is bool:
        return Truth(**options)
    if kind is int:
        return ma.fields.Integer(**options) if from_text else Whole(**options)
    if kind is float:
        return Number(from_text=from_text, **options)
    return Text(**options)


class _Part(ma.Schema):
    maker: ClassVar[type]

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Any:
        return self.maker(**data)


def maker_of(schema: ma.Schema) -> type:
    """Return what the schema makes of the loaded fields: a dataclass, or dict."""
    return schema.maker if isinstance(schema, _Part) else dict


@cache
def _part(kind: type) -> ma.Schema:
    """Return the schema of a nested part of a body. It loads as the dataclass."""

    class Part(_Part):
        maker = kind

    return Part.from_dict(fields_of(kind), name=f"{kind.__name__}Body")()


def _unwrapped(hint: Any) -> tuple[Any, list[Any]]:
    """Return the type without Annotated and ``| None``, and the marks that Annotated holds."""
    marks: list[Any] = []
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            marks += hint.__metadata__
            hint = hint.__origin__
        elif origin in (Union, UnionType):
            (hint,) = [kind for kind in get_args(hint) if kind is not type(None)]
        else:
            return hint, marks


def _may_be_none(hint: Any) -> bool:
    bare = hint.__origin__ if get_origin(hint) is Annotated else hint
    return type(None) in get_args(bare)


def _validator(mark: Length | Limits | OneLine) -> Any:
    match mark:
        case Length():
            return validate.Length(mark.least, mark.most)
        case Limits():
            return validate.Range(mark.least, mark.most)
        case OneLine():
            return one_line()
        case _:
            assert_never(mark)


def one_line() -> validate.Regexp:
    """Return a validator for one line of plain text."""
    return validate.Regexp(
        ONE_LINE,
        error="Must be one line that can be seen, and neither starts nor ends with a space.",
    )
