"""Which value of a document an index holds. Both adapters use this, so they agree."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from math import asin, cos, degrees, radians, remainder, sin
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
from domain.sphere import EARTH_KM

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
    HasWords: ("text",),
}


# How a query service declares an index of each kind.
_DECLARED = {"value": "by", "many": "by_each", "point": "by_point", "text": "by_text"}


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

    It returns a Scalar ("value"), a list of distinct Scalars ("many"), an IndexedPoint
    or None.
    """
    first = _getter(index.sources[0])
    match index.kind:
        case "value":
            return lambda document: scalar(first(document))
        case "many":
            return lambda document: _unique(map(scalar, first(document) or ()))
        case "point":
            return lambda document: _point(first(document))
    raise ValueError(f"no such kind of index: {index.kind}")


def check(find: Find, indexes: Mapping[str, Index]) -> None:
    """Raise ValueError if a query needs an index that is not declared."""
    if find.matches:
        raise ValueError("only a search index can search in texts")
    for condition in find.where:
        _check(condition.field, _KINDS[type(condition)], indexes)
        if isinstance(condition, Between):
            _check_ordered(condition.field, indexes)
    if find.order_by:
        _check(find.order_by, ("value",), indexes)
        _check_ordered(find.order_by, indexes)


def boxes_of(condition: InBox | Near) -> list[InBox]:
    """Return boxes that together hold all points that meet the condition.

    None of them crosses the date line. Of a circle, they hold more.
    """
    box = condition if isinstance(condition, InBox) else box_around(condition)
    if box.west <= box.east:
        return [box]
    return [replace(box, east=DATE_LINE), replace(box, west=-DATE_LINE)]


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


def _check_ordered(field: str, indexes: Mapping[str, Index]) -> None:
    if not indexes[field].ordered:
        raise ValueError(f"{field} has no index for this: declare it with by_range instead of by")


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


def box_around(near: Near) -> InBox:
    """Return the box around a circle. It is slightly larger, because distances are rounded."""
    reach = degrees(near.km / EARTH_KM) + 1e-9
    south, north = max(near.lat - reach, -POLE), min(near.lat + reach, POLE)
    if abs(near.lat) + reach >= POLE:
        return InBox(near.field, -DATE_LINE, south, DATE_LINE, north)
    lons = degrees(asin(sin(near.km / EARTH_KM) / cos(radians(near.lat)))) + 1e-9
    west, east = (remainder(near.lon + side, 2 * DATE_LINE) for side in (-lons, lons))
    return InBox(near.field, west, south, east, north)
