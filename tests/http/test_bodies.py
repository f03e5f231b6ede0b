"""Bodies that msgspec loads directly: with the same result as marshmallow."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any

import marshmallow as ma
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.constraints import Limits
from domain.moderation.flag import RaiseFlag
from entrypoints import http
from entrypoints.http.bodies import loaded_quickly
from entrypoints.http.schemas import Moment, Number, Text, Truth, fields_of, schema

Values = st.SearchStrategy[Any]

LETTERS = st.characters(categories=("L", "N", "So"))
ODD_TEXTS = [
    "",
    " a",
    "a ",
    "a\n",
    "a\nb",
    "a\x00b",
    "\ud800",
    "\u202eabc",
    "x" * 21_000,
    "20260201",
    "2026-02-30",
    "2026-W05",
    "2026-02-01T00:00:00Z",
    "0" * 32,
    "urn:uuid:12345678-1234-4234-8234-123456789ABC",
    "12345678-1234-4234-8234-123456789ABC",
    "12345678-1234-4234-8234-123456789abc\n",
]
ODD: Values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([90, -180, 90.00001, 10**30, -0.0, 1.0]),
    st.text(),
    st.sampled_from(ODD_TEXTS),
    st.lists(st.text(max_size=3), max_size=60),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
)


MODULES = [import_module(f"entrypoints.http.{found.name}") for found in iter_modules(http.__path__)]


def test_a_body_must_name_the_fields_of_its_command() -> None:
    """A body never holds who gives the command and when."""
    with pytest.raises(TypeError, match="name the fields of RaiseFlag"):
        fields_of(RaiseFlag)
    assert list(fields_of(RaiseFlag, "rule", "note")) == ["rule", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Numbers that a body may hold, though none does today."""

    people: int
    money: int | None = None
    years: Annotated[int, Limits(0, 100)] = 0


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**30])
def test_a_number_beyond_64_bits_is_refused(number: int) -> None:
    body = schema("Loss", fields_of(Loss))
    assert body.load({"people": 2**63 - 1}) == {"people": 2**63 - 1}
    with pytest.raises(ma.ValidationError, match="people"):
        body.load({"people": number})


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    starts_at: datetime


BODIES = [
    pytest.param(value, id=name)
    for module in MODULES
    for name, value in vars(module).items()
    if name.endswith("Body") and isinstance(value, ma.Schema)
] + [
    pytest.param(schema("Loss", fields_of(Loss)), id="integers"),
    pytest.param(schema("Meeting", fields_of(Meeting)), id="a time"),
]


def holds_a_time(its_schema: ma.Schema) -> bool:
    """msgspec rounds times that marshmallow cuts off, so marshmallow loads all of them."""
    return any(isinstance(field, Moment) for field in its_schema.fields.values())


def plain(field: Any) -> Values:
    """Values as our own clients write them."""
    match field:
        case ma.fields.List():
            least, most = sizes(field)
            return st.lists(plain(field.inner), min_size=least, max_size=min(most, least + 3))
        case ma.fields.Nested():
            return body(field.schema, plain)
        case ma.fields.Enum():
            return st.sampled_from([each.value for each in field.enum])
        case ma.fields.UUID():
            return st.uuids().map(str)
        case Moment():
            return st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
        case ma.fields.Date():
            return st.dates().map(str)
        case Truth():
            return st.booleans()
        case ma.fields.Integer():
            ranges = [each for each in field.validators if isinstance(each, ma.validate.Range)]
            least, most = (ranges[0].min, ranges[0].max) if ranges else (-(2**40), 2**40)
            return st.integers(least, most)
        case Number():
            limits: Any = field.validators[0]
            return st.floats(limits.min, limits.max)
    chosen = [each for each in field.validators if isinstance(each, ma.validate.OneOf)]
    least, most = sizes(field)
    texts = st.text(LETTERS, min_size=least, max_size=min(most, least + 9))
    return st.sampled_from(list(chosen[0].choices)) if chosen else texts


def sizes(field: Any) -> tuple[int, int]:
    for validator in field.validators:
        if isinstance(validator, ma.validate.Length):
            return validator.min or 0, validator.max or 9
    return 0, 9


def body(its_schema: ma.Schema, values: Any) -> Values:
    members = {name: values(field) for name, field in its_schema.fields.items()}
    required = {name for name, field in its_schema.fields.items() if field.required}
    return st.fixed_dictionaries(
        {name: members[name] for name in required},
        optional={name: members[name] for name in members.keys() - required},
    )


def odd(field: Any) -> Values:
    inner = body(field.schema, odd) if isinstance(field, ma.fields.Nested) else plain(field)
    return st.one_of(inner, inner, ODD)


def odd_body(its_schema: ma.Schema) -> Values:
    more = st.dictionaries(st.sampled_from([*its_schema.fields, "surprise"]), ODD, max_size=1)
    without = st.sampled_from([None, *its_schema.fields])
    return st.builds(
        lambda all_, more, gone: {k: v for k, v in {**all_, **more}.items() if k != gone},
        body(its_schema, odd),
        more,
        without,
    )


def loaded(its_schema: ma.Schema, encoded: bytes) -> Any:
    try:
        return its_schema.load(msgspec.json.decode(encoded))
    except ValueError:
        return None


@pytest.mark.parametrize("its_schema", BODIES)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_a_plain_valid_body_is_loaded_directly(its_schema: ma.Schema, data: Any) -> None:
    encoded = json.dumps(data.draw(body(its_schema, plain)), ensure_ascii=False).encode()
    found = loaded_quickly(its_schema, encoded)
    if holds_a_time(its_schema):
        assert found is None
        return
    assert found is not None, "give each of its fields and validators a type in bodies.py"
    assert repr(found) == repr(loaded(its_schema, encoded))


@pytest.mark.parametrize("its_schema", BODIES)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_a_directly_loaded_body_equals_the_one_of_marshmallow(
    its_schema: ma.Schema, data: Any
) -> None:
    encoded = json.dumps(data.draw(odd_body(its_schema) | ODD)).encode()
    found = loaded_quickly(its_schema, encoded)
    assert found is None or repr(found) == repr(loaded(its_schema, encoded))


@pytest.mark.parametrize("encoded", [b"", b"{", b"[" * 100_000, b'{"network": "\xff"}', b"{}{}"])
def test_malformed_json_is_not_loaded_directly(encoded: bytes) -> None:
    assert loaded_quickly(schema("Any", {"network": Text()}), encoded) is None


@pytest.mark.parametrize(
    "field",
    [
        ma.fields.Raw(),
        Text(load_default=""),
        Text(data_key="name"),
        Text(validate=ma.validate.Email()),
        Text(validate=ma.validate.Length(equal=3)),
    ],
)
def test_a_schema_with_an_unsupported_field_is_not_loaded_directly(field: Any) -> None:
    assert loaded_quickly(schema("Any", {"text": field}), b'{"text": "abc"}') is None
