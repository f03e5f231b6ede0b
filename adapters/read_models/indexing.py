"""What both read model adapters must agree on: which value of a document an index holds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from application.ports.read_models import (
    Between,
    Condition,
    Equals,
    Find,
    HasWords,
    InBox,
    Index,
    Near,
)
from application.ports.words import words

EARTH_KM = 6378.1
POLE, DATE_LINE = 90.0, 180.0

T = TypeVar("T")

Scalar = str | int | float | bool | None
Getter = Callable[[Any], Any]

_PLAIN = frozenset({str, int, float, bool, type(None)})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KINDS: Mapping[type[Condition], tuple[str, ...]] = {
    Equals: ("value", "many"),
    Between: ("value",),
    InBox: ("point",),
    Near: ("point",),
    HasWords: ("words",),
}


@dataclass(frozen=True, slots=True)
class Point:
    """A place in degrees."""

    lon: float
    lat: float


def scalar(value: Any) -> Scalar:
    """Return the value as it is compared: times are microseconds since 1970."""
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return] # its type was just looked at
    if isinstance(value, Enum):
        return scalar(value.value)
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (str, int, float)):
        return value
    raise ValueError(f"cannot compare a {type(value).__name__}")


def extractor(index: Index) -> Getter:
    """Gets from a document what the index holds.

    A Scalar ("value"), a list of Scalars without repeats ("many" and "words"), a Point or None.
    """
    getters = [_getter(source) for source in index.sources]
    first = getters[0]
    match index.kind:
        case "value":
            return lambda document: scalar(first(document))
        case "many":
            return lambda document: _unique(map(scalar, first(document) or ()))
        case "point":
            return lambda document: _point(first(document))
        case "words":
            return lambda document: _words(get(document) for get in getters)
    raise ValueError(f"no such kind of index: {index.kind}")


def check(find: Find, indexes: Mapping[str, Index]) -> None:
    """ValueError where a question needs an index that was not declared."""
    for condition in find.where:
        _check(condition.field, _KINDS[type(condition)], indexes)
    if find.order_by:
        _check(find.order_by, ("value",), indexes)


def side_of(sides: Mapping[type, T], row: type) -> T:
    """The side table of these rows. ValueError where it was not declared."""
    if row not in sides:
        raise ValueError(f"{row.__name__} is no declared side table")
    return sides[row]


def _check(field: str, kinds: Sequence[str], indexes: Mapping[str, Index]) -> None:
    index = indexes.get(field)
    if index is None or index.kind not in kinds:
        raise ValueError(f"{field} has no index over a {' or '.join(kinds)}")


def _getter(path: str) -> Getter:
    names = path.split(".")

    def get(value: Any) -> Any:
        for name in names:
            value = getattr(value, name, None)
        return value

    return get


def _unique(values: Iterable[Scalar]) -> list[Scalar]:
    return list(dict.fromkeys(values))


def _point(place: Any) -> Point | None:
    if place is None:
        return None
    if abs(place.lat) > POLE or abs(place.lon) > DATE_LINE:
        raise ValueError("a place is given in degrees of latitude and longitude")
    return Point(lon=place.lon, lat=place.lat)


def _words(texts: Iterable[str | None]) -> list[str]:
    return sorted(words(" ".join(text for text in texts if text)))
