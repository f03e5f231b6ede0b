"""Who wants to hear of what: by case, tag, area, or because it is theirs."""

from collections.abc import Iterator
from math import cos, floor, radians

from domain.sphere import Place

KM_A_DEGREE = 111.2


def cell(place: Place) -> str:
    """The square degree that a place lies in."""
    return f"{floor(place.lat)}/{floor(place.lon)}"


def cells_around(place: Place, km: float) -> Iterator[str]:
    """The square degrees that a circle of so many kilometres may touch."""
    tall = km / KM_A_DEGREE
    wide = tall / max(cos(radians(min(abs(place.lat) + tall, 89.0))), 0.02)
    for lat in range(floor(place.lat - tall), floor(place.lat + tall) + 1):
        for lon in range(floor(place.lon - wide), floor(place.lon + wide) + 1):
            yield f"{lat}/{(lon + 180) % 360 - 180}"
