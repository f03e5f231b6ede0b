"""Filter values that clients write as text, and conditions that several queries share."""

from dataclasses import dataclass
from math import isfinite, remainder
from typing import Annotated

from application.ports.read_models import (
    Between,
    Condition,
    Equals,
    HasWords,
    InBox,
    Matches,
    Near,
    OneOf,
)
from domain.constraints import Length

POLE = 90.0
DATE_LINE = 180.0
CIRCLE = 360.0
MOST_KEYS = 100

SearchText = Annotated[str, Length(1, 200)]
SearchName = Annotated[str, Length(1, 120)]
"""What to search for. A text without a word, such as "?!", is found nowhere."""


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in degrees. With west > east, it crosses the date line."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> "Box":
        """Read a box written ``west,south,east,north``.

        Longitudes go on beyond the date line, as maps count them that repeat the world.
        """
        west, south, east, north = _numbers(text, 4)
        if not (_is_lat(south) and _is_lat(north) and south <= north):
            raise ValueError(
                "Must be a box in degrees: west,south,east,north, with south not above north, "
                "and both between -90 and 90."
            )
        if east - west >= CIRCLE:
            return cls(-DATE_LINE, south, DATE_LINE, north)
        return cls(_western(west), south, _eastern(east), north)


@dataclass(frozen=True, slots=True)
class Point:
    """A point in degrees."""

    lat: float
    lon: float

    @classmethod
    def parse(cls, text: str) -> "Point":
        """Read a point written ``lat,lon``. The longitude may go on beyond the date line."""
        lat, lon = _numbers(text, 2)
        if not _is_lat(lat):
            raise ValueError("Must be a point in degrees: lat,lon, with lat between -90 and 90.")
        return cls(lat, _wrapped(lon))


@dataclass(frozen=True, slots=True)
class KeyList:
    """At most 100 ids with commas between them."""

    keys: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "KeyList":
        keys = tuple(text.split(","))
        if len(keys) > MOST_KEYS:
            raise ValueError(f"Must be at most {MOST_KEYS} ids with commas between them.")
        return cls(keys)


def equal(**values: object) -> tuple[Condition, ...]:
    """Return conditions that the fields have these values. None means any value."""
    return tuple(Equals(field, value) for field, value in values.items() if value is not None)


def between(field: str, least: object, below: object) -> tuple[Condition, ...]:
    """Return the condition that the field lies between these bounds. None is no bound; 0 is one."""
    unbound = least is None and below is None
    return () if unbound else (Between(field, least, below),)


def in_box(field: str, box: Box | None) -> tuple[Condition, ...]:
    """Return the condition that the point lies in the box, if one is given."""
    return (InBox(field, box.west, box.south, box.east, box.north),) if box else ()


def within(field: str, km: float, point: Point | None) -> tuple[Condition, ...]:
    """Return the condition that the field lies within ``km`` of the point, if one is given."""
    return (Near(field, point.lat, point.lon, km),) if point else ()


def with_words(field: str, text: str | None) -> tuple[Condition, ...]:
    """Return the condition that the texts contain the words of this one, if one is given."""
    return () if text is None else (HasWords(field, text),)


def matching(text: str | None) -> Matches | None:
    """Return the search for a text in all texts, if one is given."""
    return None if text is None else Matches(text)


def one_of(field: str, wanted: KeyList | None) -> tuple[Condition, ...]:
    """Return the condition that the field is one of the keys, if they are given."""
    return (OneOf(field, wanted.keys),) if wanted else ()


def _numbers(text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(isfinite, numbers)):
        raise ValueError(f"Must be {count} numbers with commas between them.")
    return numbers


def _is_lat(value: float) -> bool:
    return -POLE <= value <= POLE


def _wrapped(lon: float) -> float:
    """Return the same longitude between -180 and 180. No digit is lost."""
    return remainder(lon, CIRCLE)


# The date line has two longitudes. A box that ends at it is written as crossing it, so that it
# holds the points of both.


def _western(lon: float) -> float:
    """Return the western edge of a box, wrapped."""
    wrapped = _wrapped(lon)
    return DATE_LINE if wrapped == -DATE_LINE else wrapped


def _eastern(lon: float) -> float:
    """Return the eastern edge of a box, wrapped."""
    wrapped = _wrapped(lon)
    return -DATE_LINE if wrapped == DATE_LINE else wrapped
