"""Distances and areas on the earth, taken as a sphere."""

from collections.abc import Iterator
from math import asin, cos, floor, radians, sin, sqrt
from typing import Protocol

EARTH_KM = 6378.1
"""The radius of the earth at the equator."""
KM_A_DEGREE = radians(EARTH_KM)
# Nearer to a pole, a circle touches up to 360 cells of each latitude; some are left out there.
FARTHEST_LAT = 88.85


class Coordinates(Protocol):
    """A point on the sphere, in degrees."""

    @property
    def lat(self) -> float: ...

    @property
    def lon(self) -> float: ...


def km_between(one: Coordinates, other: Coordinates) -> float:
    """Return the great-circle distance, by the haversine formula (R. W. Sinnott, 1984)."""
    north = sin(radians(other.lat - one.lat) / 2) ** 2
    east = sin(radians(other.lon - one.lon) / 2) ** 2
    inside = north + cos(radians(one.lat)) * cos(radians(other.lat)) * east
    return 2 * EARTH_KM * asin(sqrt(min(inside, 1.0)))


def cell(place: Coordinates) -> str:
    """Return the name of the square degree that a place lies in."""
    return f"{floor(place.lat)}/{floor(place.lon)}"


def cells_around(place: Coordinates, km: float) -> Iterator[str]:
    """Yield the names of the square degrees that a circle around the place may touch."""
    lats = km / KM_A_DEGREE
    lons = lats / cos(radians(min(abs(place.lat) + lats, FARTHEST_LAT)))
    for lat in range(floor(place.lat - lats), floor(place.lat + lats) + 1):
        for lon in range(floor(place.lon - lons), floor(place.lon + lons) + 1):
            yield f"{lat}/{(lon + 180) % 360 - 180}"
