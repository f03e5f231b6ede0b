"""Maps that are drawn here, as SVG: they need no script and no other server.

A template shows the map of one place by the macro ``maps.place(location)``:

    {% import "maps.html" as maps with context %}
    {{ maps.place(case.location) }}
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import dist, log2
from typing import Any

from domain.mercator import Spot, degrees_of, spot_of
from entrypoints.site.world import EQUATOR_METRES, View, land, view_around

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
WORLD_ZOOM = 2
TILE = 256
"""How many pixels of a map are the world at zoom 0."""


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


@dataclass(frozen=True, slots=True)
class Pin:
    """A spot of the map, the box of the cases that are there, and the case if there is one."""

    lat: float
    lon: float
    box: MapBox
    count: int = 1
    case: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Cluster:
    """Pins that are near each other on a map. The first one says where the cluster is shown."""

    x: float
    y: float
    pins: list[Pin] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(pin.count for pin in self.pins)

    @property
    def case(self) -> Mapping[str, Any] | None:
        """The case, if it is a single one."""
        return self.pins[0].case if len(self.pins) == 1 else None

    @property
    def box(self) -> MapBox:
        """The part of the map that holds the cases, with some space around."""
        boxes = [pin.box for pin in self.pins]
        return MapBox(
            min(box.west for box in boxes),
            min(box.south for box in boxes),
            max(box.east for box in boxes),
            max(box.north for box in boxes),
        ).grown(0.1, LEAST_DEGREES)


@dataclass(frozen=True, slots=True)
class CasesMap:
    """A map of cases. ``box`` is the part of the map that was asked for, if any.

    ``shows_all`` says that not only the cases of a list are on it.
    """

    view: View
    land: str
    clusters: list[Cluster]
    box: MapBox | None
    without_place: int = 0
    shows_all: bool = False

    @property
    def wider(self) -> str:
        """A box around the one asked for, or "" for the world."""
        wider = self.box.grown(1) if self.box else None
        return str(wider) if wider and wider.east - wider.west < WORLD_DEGREES else ""

    @property
    def shown(self) -> MapBox:
        """The part of the map that is drawn."""
        return _box_of(self.view)


# Asks for the cells of a part of the map at a zoom. A cell has ``lat``, ``lon``, ``count``,
# ``bbox``, and ``case`` if it holds a single one.
AskForCells = Callable[[str, int], Sequence[Mapping[str, Any]]]


def cases_map(cases: Sequence[Mapping[str, Any]], bbox: str) -> CasesMap:
    """Return a map of the box, or of all places of the cases."""
    box, pins = MapBox.parse(bbox), [_pin_of(case) for case in cases if case["location"]]
    view = _view_of(box, pins)
    clusters = _clusters(view, pins)
    return CasesMap(view, land(view), clusters, box, without_place=len(cases) - len(pins))


def all_cases_map(ask: AskForCells, bbox: str) -> CasesMap:
    """Return a map of all cases in the box, or everywhere, of which there may be any number."""
    box = MapBox.parse(bbox)
    view = _view_of(box, [] if box else [_pin_at(cell) for cell in ask("", WORLD_ZOOM)])
    zoom = max(0, round(log2(view.pixels / TILE)))
    cells = sorted(ask(str(_box_of(view)), zoom), key=lambda cell: -int(cell["count"]))
    clusters = _clusters(view, [_pin_at(cell) for cell in cells])
    return CasesMap(view, land(view), clusters, box, shows_all=True)


def _pin_of(case: Mapping[str, Any]) -> Pin:
    lat, lon = case["location"]["lat"], case["location"]["lon"]
    return Pin(lat, lon, MapBox(lon, lat, lon, lat), case=case)


def _pin_at(cell: Mapping[str, Any]) -> Pin:
    box = MapBox(*map(float, cell["bbox"].split(",")))
    return Pin(cell["lat"], cell["lon"], box, cell["count"], cell.get("case"))


def _box_of(view: View) -> MapBox:
    west, north = degrees_of((view.x, view.y))
    east, south = degrees_of((view.east, view.south))
    return MapBox(west, south, east, north)


def _view_of(box: MapBox | None, pins: Sequence[Pin]) -> View:
    if box:
        spots: Sequence[Spot] = box.corners
        least = LEAST_DEGREES
    else:
        spots = [spot_of(pin.lon, pin.lat) for pin in pins] or WORLD
        least = LEAST_DEGREES_UNASKED
    view = view_around(spots, CASES_WIDTH, CASES_HEIGHT, least=least / WORLD_DEGREES)
    return view if box else view.scaled(MARGIN)


def _clusters(view: View, pins: Sequence[Pin]) -> list[Cluster]:
    """Return clusters that do not overlap: each pin joins the first one that is near enough."""
    clusters: list[Cluster] = []
    for pin in pins:
        x, y = view.place(pin.lon, pin.lat)
        near = (each for each in clusters if dist((x, y), (each.x, each.y)) < TARGET)
        cluster = next(near, None)
        if cluster is None:
            cluster = Cluster(round(x, 1), round(y, 1))
            clusters.append(cluster)
        cluster.pins.append(pin)
    return clusters
