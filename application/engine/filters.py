"""Filter values that clients write as text, and conditions that several queries share."""

from dataclasses import dataclass

from application.ports.read_models import Between, Condition, Equals, HasWords, InBox, Near

POLE = 90.0
DATE_LINE = 180.0


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in degrees, written ``west,south,east,north``."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> "Box":
        west, south, east, north = _numbers(text, 4)
        inside = _is_lon(west) and _is_lon(east) and _is_lat(south) and _is_lat(north)
        if not (inside and south <= north):
            raise ValueError(
                "Must be a box in degrees: west,south,east,north, with south below north."
            )
        return cls(west, south, east, north)


@dataclass(frozen=True, slots=True)
class Point:
    """A point in degrees, written ``lat,lon``."""

    lat: float
    lon: float

    @classmethod
    def parse(cls, text: str) -> "Point":
        lat, lon = _numbers(text, 2)
        if not (_is_lat(lat) and _is_lon(lon)):
            raise ValueError("Must be a point in degrees: lat,lon.")
        return cls(lat, lon)


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
    """Return the condition that the field contains all words of the text, if one is given."""
    return (HasWords(field, text),) if text else ()


def _numbers(text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise ValueError(f"Must be {count} numbers with commas between them.")
    return numbers


def _is_lat(value: float) -> bool:
    return -POLE <= value <= POLE


def _is_lon(value: float) -> bool:
    return -DATE_LINE <= value <= DATE_LINE
