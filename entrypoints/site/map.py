"""Maps that are drawn here, as SVG: they need no script and no other server.

A template shows the map of one place by the macro ``maps.place(location)``:

    {% import "maps.html" as maps with context %}
    {{ maps.place(case.location) }}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import dist
from typing import Any

from entrypoints.site.world import EQUATOR_METRES, Spot, View, land, spot_of, view_around

PLACE_WIDTH, PLACE_HEIGHT = 360, 200
PLACE_METRES = 400_000
"""What the map of one place shows from west to east, at least: without streets, a smaller part of
the world would be plain land."""
RADIUS_METRES = {"street": 80, "neighbourhood": 800, "city": 8_000, "region": 80_000}
"""How far from the stated point a place can be: half the diagonal of the square within which all
points are rounded to the same one."""
SMALLEST_CIRCLE = 3.0
SHARE_OF_CIRCLE = 6
CASES_WIDTH, CASES_HEIGHT = 360, 320
TARGET = 46
"""How many pixels a cluster is wide: wide enough for a thumb."""
MARGIN = 0.8
WORLD_DEGREES = 360
LEAST_DEGREES = 0.02
LEAST_DEGREES_UNASKED = 2
WORLD = ((0.0, 0.0), (1.0, 1.0))


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


@dataclass(frozen=True, slots=True)
class MapBox:
    """A part of the map in degrees. East of the date line, longitudes go on beyond 180."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> "MapBox | None":
        """Read ``west,south,east,north``, or return None if it is no box."""
        try:
            west, south, east, north = map(float, text.split(","))
        except ValueError:
            return None
        return cls(west, south, east if east >= west else east + 360, north)

    def __str__(self) -> str:
        return ",".join(f"{value:.4f}" for value in (self.west, self.south, self.east, self.north))

    @property
    def corners(self) -> tuple[Spot, Spot]:
        return spot_of(self.west, self.north), spot_of(self.east, self.south)

    def grown(self, share: float, least: float = 0) -> "MapBox":
        """Return a box that is larger to each side by a share of its size, or ``least`` degrees."""
        x = max(least, (self.east - self.west) * share)
        y = max(least, (self.north - self.south) * share)
        north, south = min(90, self.north + y), max(-90, self.south - y)
        return MapBox(self.west - x, south, self.east + x, north)


@dataclass(slots=True)
class Cluster:
    """Cases whose places are near each other on a map. The first one says where it is shown."""

    x: float
    y: float
    cases: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def box(self) -> MapBox:
        """The part of the map that holds the cases, with some space around."""
        lats = [case["location"]["lat"] for case in self.cases]
        lons = [case["location"]["lon"] for case in self.cases]
        return MapBox(min(lons), min(lats), max(lons), max(lats)).grown(0.1, LEAST_DEGREES)


@dataclass(frozen=True, slots=True)
class CasesMap:
    """A map of cases. ``box`` is the part of the map that was asked for, if any."""

    view: View
    land: str
    clusters: list[Cluster]
    box: MapBox | None
    without_place: int

    @property
    def wider(self) -> str:
        """A box around the one asked for, or "" for the world."""
        wider = self.box.grown(1) if self.box else None
        return str(wider) if wider and wider.east - wider.west < WORLD_DEGREES else ""


def cases_map(cases: Sequence[Mapping[str, Any]], bbox: str) -> CasesMap:
    """Return a map of the box, or of all places of the cases."""
    box, placed = MapBox.parse(bbox), [case for case in cases if case["location"]]
    view = _view_of(box, [case["location"] for case in placed])
    return CasesMap(view, land(view), _clusters(view, placed), box, len(cases) - len(placed))


def _view_of(box: MapBox | None, places: Sequence[Mapping[str, Any]]) -> View:
    if box:
        spots: Sequence[Spot] = box.corners
        least = LEAST_DEGREES
    else:
        spots = [spot_of(place["lon"], place["lat"]) for place in places] or WORLD
        least = LEAST_DEGREES_UNASKED
    view = view_around(spots, CASES_WIDTH, CASES_HEIGHT, least=least / WORLD_DEGREES)
    return view if box else view.scaled(MARGIN)


def _clusters(view: View, cases: Sequence[Mapping[str, Any]]) -> list[Cluster]:
    """Return clusters that do not overlap: each case joins the first one that is near enough."""
    clusters: list[Cluster] = []
    for case in cases:
        x, y = view.place(case["location"]["lon"], case["location"]["lat"])
        near = (each for each in clusters if dist((x, y), (each.x, each.y)) < TARGET)
        cluster = next(near, None)
        if cluster is None:
            cluster = Cluster(round(x, 1), round(y, 1))
            clusters.append(cluster)
        cluster.cases.append(case)
    return clusters
