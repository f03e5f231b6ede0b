"""The figures of this Klarity, drawn as SVG with the table of the same numbers beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import sqrt
from typing import Any

from flask import Blueprint, Response

from entrypoints.site.map import WORLD
from entrypoints.site.pages import page
from entrypoints.site.visit import visit
from entrypoints.site.world import View, land, view_around

WIDTH = 320
LABEL, BAR, GAP = 18, 14, 10
ROW = LABEL + BAR + GAP
LEAST_BAR = 2.0
MAP_HEIGHT = 240
LARGEST_CIRCLE, SMALLEST_CIRCLE = 22.0, 4.0
MONTHS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a chart. ``words_y`` and ``y`` are pixels from above: of its words and its bar."""

    of: Any
    cases: int
    words_y: int
    y: int
    length: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of bars from one side, one below the other."""

    bars: Sequence[Bar]
    width: int = WIDTH
    thick: int = BAR

    @property
    def height(self) -> int:
        return len(self.bars) * ROW


@dataclass(frozen=True, slots=True)
class Circle:
    """Cases of an area, on the map: its middle and radius in pixels."""

    x: float
    y: float
    radius: float
    cases: int


@dataclass(frozen=True, slots=True)
class AreasMap:
    view: View
    land: str
    circles: Sequence[Circle]


def statistics_pages() -> Blueprint:
    blp = Blueprint("statistics", __name__)

    @blp.get("/statistics")
    def statistics() -> Response:
        figures = visit.get("/stats")
        return page(
            "statistics/statistics.html",
            figures=figures,
            categories=bars(figures["categories"], "category"),
            months=bars(figures["months"]["shown"][:MONTHS], "month"),
            areas=areas_map(figures["areas"]["shown"]),
        )

    return blp


def bars(counts: Sequence[Mapping[str, Any]], of: str) -> Bars:
    """Return a chart of counts, as the API gives them. The largest one takes the whole width."""
    most = max((each["cases"] for each in counts), default=1)
    lengths = (max(LEAST_BAR, round(each["cases"] / most * WIDTH, 1)) for each in counts)
    rows = zip(count(step=ROW), counts, lengths)
    return Bars(
        [
            Bar(each[of], each["cases"], top + LABEL - 5, top + LABEL, length)
            for top, each, length in rows
        ]
    )


def areas_map(areas: Sequence[Mapping[str, Any]]) -> AreasMap:
    """Return a map of the world, on which the area of a circle stands for its cases."""
    view = view_around(WORLD, WIDTH, MAP_HEIGHT, least=1)
    placed = [area for area in areas if area["lat"] is not None]
    most = max((area["cases"] for area in placed), default=1)
    return AreasMap(view, land(view), [_circle(view, area, most) for area in placed])


def _circle(view: View, area: Mapping[str, Any], most: int) -> Circle:
    x, y = view.place(area["lon"], area["lat"])
    radius = max(SMALLEST_CIRCLE, LARGEST_CIRCLE * sqrt(area["cases"] / most))
    return Circle(round(x, 1), round(y, 1), round(radius, 1), area["cases"])
