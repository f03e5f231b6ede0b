"""Distances on the earth, taken as a sphere."""

from math import asin, cos, radians, sin, sqrt
from typing import Protocol

EARTH_KM = 6378.1
"""The radius of the earth at the equator."""


class Place(Protocol):
    """A point on the sphere, in degrees."""

    @property
    def lat(self) -> float: ...

    @property
    def lon(self) -> float: ...


def km_between(one: Place, other: Place) -> float:
    """Return the great-circle distance, by the haversine formula (R. W. Sinnott, 1984)."""
    north = sin(radians(other.lat - one.lat) / 2) ** 2
    east = sin(radians(other.lon - one.lon) / 2) ** 2
    inside = north + cos(radians(one.lat)) * cos(radians(other.lat)) * east
    return 2 * EARTH_KM * asin(sqrt(min(inside, 1.0)))
