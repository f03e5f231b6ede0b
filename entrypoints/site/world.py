"""Draw land and borders from Natural Earth (npm ``world-atlas``) within any part of the world.

The plane is Web Mercator (``domain.mercator``), as maps in browsers use it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise
from math import cos, floor, inf, log2, radians
from pathlib import Path
from typing import Any

import msgspec

from domain.mercator import Spot, spot_of
from entrypoints.site.assets import PACKAGES

ATLAS = PACKAGES / "world-atlas/countries-50m.json"
EQUATOR_METRES = 40_075_017
UNITS_A_PIXEL = 2
"""Coordinates of outlines are whole halves of a pixel."""
MOST_DETAIL = 15
"""From so many doublings of a pixel for the world on, all spots of the atlas are drawn."""

HALF = 0.5


@dataclass(frozen=True, slots=True)
class View:
    """The part of the plane from its north-west corner on, ``pixels`` of which are one world."""

    x: float
    y: float
    pixels: float
    width: int
    height: int

    @property
    def east(self) -> float:
        return self.x + self.width / self.pixels

    @property
    def south(self) -> float:
        return self.y + self.height / self.pixels

    def place(self, lon: float, lat: float) -> Spot:
        """Return the pixel of a point. Of the repeated worlds, the nearest to the middle counts."""
        x, y = spot_of(lon, lat)
        middle = (self.x + self.east) / 2
        x += floor(middle - x + 0.5)
        return (x - self.x) * self.pixels, (y - self.y) * self.pixels

    def pixels_of(self, metres: float, lat: float) -> float:
        """Return how long a way of so many metres is at a latitude."""
        return metres * self.pixels / (EQUATOR_METRES * cos(radians(lat)))

    def scaled(self, factor: float) -> "View":
        """Return the view with the same middle at another scale."""
        middle = ((self.x + self.east) / 2, (self.y + self.south) / 2)
        least = self.width / self.pixels / factor
        return view_around([middle], self.width, self.height, least=least)


def view_around(corners: Iterable[Spot], width: int, height: int, *, least: float) -> View:
    """Return the nearest view of a size that shows all spots of the plane, and at least a part of
    the world that is as wide as ``least``."""
    xs, ys = zip(*corners, strict=True)
    middle_x, middle_y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    across = max(max(xs) - min(xs), (max(ys) - min(ys)) * width / height, least)
    pixels = width / min(1.0, across)
    shown = min(1.0, height / pixels)
    y = max(0.0, min(1 - shown, middle_y - shown / 2))
    return View(middle_x - width / pixels / 2, y, pixels, width, height)


@dataclass(frozen=True, slots=True)
class Outline:
    """A closed line in the plane, and the box around it."""

    spots: tuple[Spot, ...]
    west: float
    north: float
    east: float
    south: float

    @property
    def extent(self) -> float:
        return max(self.east - self.west, self.south - self.north)


@lru_cache(maxsize=512)
def land(view: View) -> str:
    """Return the path (SVG) of all land in the view, in units of half a pixel.

    It is filled by the rule "evenodd": a country within another one is a hole and an outline.
    """
    margin = 4 / view.pixels
    box = (view.x - margin, view.y - margin, view.east + margin, view.south + margin)
    worlds = range(floor(view.x) - 1, floor(view.east) + 2)
    paths = (
        _path(_clipped(_moved(outline, world), box), view)
        for world in worlds
        for outline in thinned_outlines(_detail(view.pixels))
        if _overlaps(outline, world, box)
    )
    return "".join(paths)


def _detail(pixels: float) -> int:
    """Return the power of two below: views of a similar scale share their outlines."""
    return 1 << min(MOST_DETAIL, floor(log2(pixels)))


@cache
def thinned_outlines(detail: int) -> tuple[Outline, ...]:
    """Return the outlines for views in which the world is at least so many pixels wide."""
    pixel = 1 / detail
    if detail == 1 << MOST_DETAIL:
        return outlines()
    large = (each for each in outlines() if each.extent > 2 * pixel)
    return tuple(replace(each, spots=tuple(_thinned(each.spots, pixel))) for each in large)


def _thinned(spots: Iterable[Spot], least: float) -> Iterator[Spot]:
    """Yield the spots that are at least so far from the one before."""
    x = y = inf
    for spot in spots:
        if abs(spot[0] - x) + abs(spot[1] - y) >= least:
            yield spot
            x, y = spot


@cache
def outlines(atlas: Path = ATLAS) -> tuple[Outline, ...]:
    """Return the outlines of all countries, or none if the package is not installed."""
    return tuple(_outlines(msgspec.json.decode(atlas.read_bytes()))) if atlas.exists() else ()


def _outlines(topology: Any) -> Iterator[Outline]:
    """Decode TopoJSON: outlines are made of arcs, which neighbours share."""
    arcs = [list(_decoded(arc, topology["transform"])) for arc in topology["arcs"]]
    for country in topology["objects"]["countries"]["geometries"]:
        is_one = country["type"] == "Polygon"
        for polygon in [country["arcs"]] if is_one else country["arcs"]:
            for ring in polygon:
                spots = [spot for arc in ring for spot in _directed(arcs, arc)]
                yield _outline(_around_the_pole(list(_unbroken(spots))))


def _decoded(arc: list[list[int]], transform: Any) -> Iterator[Spot]:
    """Yield the spots of an arc, each of which is stored as its distance from the one before."""
    (x_scale, y_scale), (x_shift, y_shift) = transform["scale"], transform["translate"]
    x = y = 0
    for x_step, y_step in arc:
        x, y = x + x_step, y + y_step
        yield spot_of(x * x_scale + x_shift, y * y_scale + y_shift)


def _directed(arcs: list[list[Spot]], index: int) -> list[Spot]:
    """Return an arc without its last spot, the next one's first. ``~index`` means backward."""
    return arcs[index][:-1] if index >= 0 else arcs[~index][:0:-1]


def _unbroken(spots: Iterable[Spot]) -> Iterator[Spot]:
    """Yield the spots so that a line over the date line goes on in the next world."""
    before = None
    for x, y in spots:
        before = x if before is None else x - round(x - before)
        yield before, y


def _around_the_pole(spots: list[Spot]) -> list[Spot]:
    """Return a closed line. One that ends in another world goes around the South Pole."""
    (first, _), (last, _) = spots[0], spots[-1]
    return [*spots, (last, 1.0), (first, 1.0)] if abs(last - first) > HALF else spots


def _outline(spots: list[Spot]) -> Outline:
    xs, ys = zip(*spots, strict=True)
    return Outline(tuple(spots), min(xs), min(ys), max(xs), max(ys))


def _moved(outline: Outline, world: int) -> list[Spot]:
    return [(x + world, y) for x, y in outline.spots] if world else list(outline.spots)


def _overlaps(outline: Outline, world: int, box: tuple[float, float, float, float]) -> bool:
    west, north, east, south = box
    return (
        outline.west + world < east
        and outline.east + world > west
        and outline.north < south
        and outline.south > north
    )


def _clipped(spots: list[Spot], box: tuple[float, float, float, float]) -> list[Spot]:
    """Return the part of an outline within the box (Sutherland and Hodgman, 1974)."""
    west, north, east, south = box
    for axis, bound, sign in ((0, west, 1), (0, east, -1), (1, north, 1), (1, south, -1)):
        spots = list(_clipped_at(spots, axis, bound, sign))
    return spots


def _clipped_at(spots: list[Spot], axis: int, bound: float, sign: int) -> Iterator[Spot]:
    """Yield the part of an outline on one side of a vertical or horizontal line."""
    for before, spot in pairwise([*spots[-1:], *spots]):
        was_inside = (before[axis] - bound) * sign >= 0
        is_inside = (spot[axis] - bound) * sign >= 0
        if was_inside != is_inside:
            part = (bound - before[axis]) / (spot[axis] - before[axis])
            yield tuple(b + part * (s - b) for b, s in zip(before, spot, strict=True))  # type: ignore[misc]  # two numbers
        if is_inside:
            yield spot


def _path(spots: list[Spot], view: View) -> str:
    """Return a closed path of whole units. What is smaller than a pixel is left out."""
    scale = view.pixels * UNITS_A_PIXEL
    units = [(round((x - view.x) * scale), round((y - view.y) * scale)) for x, y in spots]
    kept = (
        [spot for spot, following in pairwise([*units, units[0]]) if spot != following]
        if units
        else []
    )
    if len(kept) < 3:  # noqa: PLR2004 - a line is no area
        return ""
    steps = (f"{x - was_x} {y - was_y}" for (was_x, was_y), (x, y) in pairwise(kept))
    return f"M{kept[0][0]} {kept[0][1]}l{' '.join(steps).replace(' -', '-')}z"
