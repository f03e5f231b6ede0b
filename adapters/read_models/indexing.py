"""Which value of a document an index holds. Both adapters use this, so they agree."""

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
    OneOf,
)
from application.ports.words import words

POLE, DATE_LINE = 90.0, 180.0

T = TypeVar("T")

Scalar = str | int | float | bool | None
Getter = Callable[[Any], Any]

_PLAIN = frozenset({str, int, float, bool, type(None)})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KINDS: Mapping[type[Condition], tuple[str, ...]] = {
    Equals: ("value", "many"),
    OneOf: ("value", "many"),
    Between: ("value",),
    InBox: ("point",),
    Near: ("point",),
    HasWords: ("words",),
}


# How a query service declares an index of each kind.
_DECLARED = {"value": "by", "many": "by_each", "point": "by_point", "words": "by_words"}


@dataclass(frozen=True, slots=True)
class IndexedPoint:
    """A point in degrees."""

    lon: float
    lat: float


def scalar(value: Any) -> Scalar:
    """Return the value in its comparable form: times are microseconds since 1970."""
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
    """Return a function that gets the indexed value from a document.

    It returns a Scalar ("value"), a list of distinct Scalars ("many" and "words"), an IndexedPoint
    or None.
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
    """Raise ValueError if a query needs an index that is not declared."""
    for condition in find.where:
        _check(condition.field, _KINDS[type(condition)], indexes)
    if find.order_by:
        _check(find.order_by, ("value",), indexes)


def side_of(sides: Mapping[type, T], row: type) -> T:
    """Return the declared side table of this row type. Raises ValueError if there is none."""
    if row not in sides:
        raise ValueError(f"{row.__name__} is no declared side table")
    return sides[row]


def _check(field: str, kinds: Sequence[str], indexes: Mapping[str, Index]) -> None:
    index = indexes.get(field)
    if index is None or index.kind not in kinds:
        ways = " or ".join(_DECLARED[kind] for kind in kinds)
        raise ValueError(f"{field} has no index for this: add {ways} to the indexes of the service")


def _getter(path: str) -> Getter:
    names = path.split(".")

    def get(value: Any) -> Any:
        for name in names:
            value = getattr(value, name, None)
        return value

    return get


def _unique(values: Iterable[Scalar]) -> list[Scalar]:
    return list(dict.fromkeys(values))


def _point(place: Any) -> IndexedPoint | None:
    if place is None:
        return None
    if abs(place.lat) > POLE or abs(place.lon) > DATE_LINE:
        raise ValueError("a place must be given in degrees of latitude and longitude")
    return IndexedPoint(lon=place.lon, lat=place.lat)


def _words(texts: Iterable[str | None]) -> list[str]:
    return sorted(words(" ".join(text for text in texts if text)))
