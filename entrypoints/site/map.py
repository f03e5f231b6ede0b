"""Maps that are drawn here, as SVG: they need no script and no other server.

A template shows the map of one place by the macro ``maps.place(location)``:

    {% import "maps.html" as maps with context %}
    {{ maps.place(case.location) }}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrypoints.site.world import EQUATOR_METRES, View, land, spot_of, view_around

PLACE_WIDTH, PLACE_HEIGHT = 360, 200
PLACE_METRES = 400_000
"""What the map of one place shows from west to east, at least: without streets, a smaller part of
the world would be plain land."""
RADIUS_METRES = {"street": 80, "neighbourhood": 800, "city": 8_000, "region": 80_000}
"""How far from the stated point a place can be: half the diagonal of the square within which all
points are rounded to the same one."""
SMALLEST_CIRCLE = 3.0
SHARE_OF_CIRCLE = 6


@dataclass(frozen=True, slots=True)
class PlaceMap:
    """A map of one place: the middle of the circle, and its radius in pixels."""

    view: View
    land: str
    x: float
    y: float
    radius: float


def place_map(location: Mapping[str, Any]) -> PlaceMap:
    """Return the map of a location, as the API gives one: ``lat``, ``lon``, ``precision``.

    The circle around the place is as large as its precision says.
    """
    lon, lat, metres = location["lon"], location["lat"], RADIUS_METRES[location["precision"]]
    middle = spot_of(lon, lat)
    across = max(PLACE_METRES, SHARE_OF_CIRCLE * metres) / EQUATOR_METRES
    view = view_around([middle], PLACE_WIDTH, PLACE_HEIGHT, least=across)
    x, y = view.place(lon, lat)
    radius = max(SMALLEST_CIRCLE, view.pixels_of(metres, lat))
    return PlaceMap(view, land(view), round(x, 1), round(y, 1), round(radius, 1))
