"""How many public cases are where on a map?"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from math import floor
from typing import Annotated

from application.engine.filters import CIRCLE, Box
from application.engine.query_service import Private, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, OneOf, Side, by
from domain.cases.case_details import CaseCategory
from domain.cases.case_events import CaseAmended, CaseErased, CasePublished, CaseUnpublished
from domain.cases.place import PersonalPlace
from domain.cases.tags_and_place import PlaceEvent, place_after
from domain.constraints import Limits
from domain.mercator import degrees_of, spot_of

CELLS_A_TILE = 4
"""How many cells lie side by side in a tile of a map, which is 256 pixels wide."""
CLOSEST = 14
"""The zoom of the smallest cells, which are 600 metres wide on the equator."""
MOST_CELLS = 500
WORLD = Box(-180, -90, 180, 90)
MICRO = 1_000_000

PlacedEvent = PlaceEvent | CasePublished | CaseAmended | CaseUnpublished | CaseErased


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What is known of the place of a case, also while it is not public."""

    place: PersonalPlace = None
    category: CaseCategory = CaseCategory.OTHER
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Cases of one category. Sums of whole microdegrees do not drift.

    ``ids`` is the exclusive or of their ids, as hexadecimal digits: of a single one, its id.
    """

    category: CaseCategory
    count: int = 0
    lat: int = 0
    lon: int = 0
    ids: str = "0"

    def plus(self, other: "Tally", step: int = 1) -> "Tally":
        """Return the tally with the cases of another one; with the step -1, without them."""
        return replace(
            self,
            count=self.count + step * other.count,
            lat=self.lat + step * other.lat,
            lon=self.lon + step * other.lon,
            ids=f"{int(self.ids, 16) ^ int(other.ids, 16):x}",
        )

    @property
    def part(self) -> "ClusterPart":
        return ClusterPart(
            category=self.category,
            count=self.count,
            lat=round(self.lat / self.count) / MICRO,
            lon=round(self.lon / self.count) / MICRO,
            case_id=bytes.fromhex(self.ids).decode() if self.count == 1 else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPart:
    """The cases of one category in a cluster, at the mean of their places."""

    category: CaseCategory
    count: int
    lat: float
    lon: float
    case_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCluster:
    """The public cases whose places lie in one cell of the map, at the mean of their places.

    ``bbox`` is the cell, as a filter of cases. ``case_id`` is the id of a single case.
    """

    cell: str
    zoom: int
    bbox: str
    count: int
    lat: float
    lon: float
    case_id: str | None
    categories: tuple[ClusterPart, ...]
    tallies: Annotated[tuple[Tally, ...], Private()]


class CaseClusters(QueryService[CaseCluster]):
    """How many public cases are where on a map?

    Each case counts in the cell of its place at each zoom. The cells of a box are known without a
    search, so an answer takes no longer among a million cases than among ten.
    """

    name, path = "case-clusters", "/cases/clusters"
    document, key, indexes, sides = CaseCluster, "cell", (by("cell"),), (Side(Placed),)
    limits = (MOST_CELLS, MOST_CELLS)

    def project(self, event: PlacedEvent, rows: Rows[CaseCluster]) -> None:
        key, table = event.case_id, rows.table(Placed)
        before = table.get(key)
        after = _after(before, event)
        if after:
            table.put(key, after)
        else:
            table.delete(key)
        gone, come = _tally(key, before), _tally(key, after)
        if gone and gone != come:
            _count(rows, gone, -1)
        if come and come != gone:
            _count(rows, come, +1)

    def ask(self, *, bbox: Box | None = None, zoom: Annotated[int, Limits(0, 30)] = 0) -> Find:
        """Public cases on a part of a map, in clusters of about 64 pixels

        A cluster is a cell that the box touches, at this zoom of a map in Web Mercator. Where there
        are no cells that small, or more than 500, they are larger. `categories` tells the same of
        the cases of each category.
        """
        return Find(where=(OneOf("cell", cells_in(bbox or WORLD, zoom)),))


def _after(row: Placed | None, event: PlacedEvent) -> Placed | None:
    """Return what is known of the case after the event, or None where it was erased."""
    match event:
        case CasePublished():
            return row and replace(row, public=True, category=event.details.category)
        case CaseAmended():
            return row and replace(row, category=event.details.category)
        case CaseUnpublished():
            return row and replace(row, public=False)
        case CaseErased():
            return None
        case _:
            row = row or Placed()
            return replace(row, place=place_after(row.place, event))


# What is counted


def _tally(case_id: str, row: Placed | None) -> Tally | None:
    """Return the tally of one case, or None while it is not public or its place is unknown."""
    if row is None or row.place is None or not row.public:
        return None
    # The date line has two longitudes. The mean of both would be far from it.
    lon = row.place.lon if row.place.lon < CIRCLE / 2 else -CIRCLE / 2
    return Tally(
        category=row.category,
        count=1,
        lat=round(row.place.lat * MICRO),
        lon=round(lon * MICRO),
        ids=case_id.encode().hex(),
    )


def _count(rows: Rows[CaseCluster], tally: Tally, step: int) -> None:
    """Add the case to its cell of each zoom; with the step -1, remove it."""
    lon, lat = tally.lon / MICRO, tally.lat / MICRO
    cells = [_cell_of(lon, lat, zoom) for zoom in range(CLOSEST + 1)]
    rows.load([cell.key for cell in cells])
    for cell in cells:
        known = rows.get(cell.key)
        tallies = {each.category: each for each in known.tallies} if known else {}
        before = tallies.pop(tally.category, Tally(category=tally.category))
        after = [each for each in (*tallies.values(), before.plus(tally, step)) if each.count]
        if after:
            rows.put(cell.key, _cluster(cell, after))
        else:
            rows.delete(cell.key)


def _cluster(cell: "Cell", tallies: Iterable[Tally]) -> CaseCluster:
    tallies = tuple(sorted(tallies, key=lambda each: each.category))
    whole = reduce(Tally.plus, tallies).part
    return CaseCluster(
        cell=cell.key,
        zoom=cell.zoom,
        bbox=cell.bbox,
        count=whole.count,
        lat=whole.lat,
        lon=whole.lon,
        case_id=whole.case_id,
        categories=tuple(each.part for each in tallies),
        tallies=tallies,
    )


# Cells


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of the map at a zoom, counted from the date line to the east and from the north."""

    zoom: int
    x: int
    y: int

    @property
    def key(self) -> str:
        return f"{self.zoom}/{self.x}/{self.y}"

    @property
    def bbox(self) -> str:
        """The cell in degrees. Those at the edges of the map reach to the poles."""
        size, last = 1 / _cells_across(self.zoom), _cells_across(self.zoom) - 1
        west, north = degrees_of((self.x * size, self.y * size))
        east, south = degrees_of(((self.x + 1) * size, (self.y + 1) * size))
        south, north = (-90 if self.y == last else south), (90 if self.y == 0 else north)
        return ",".join(f"{side:.6f}" for side in (west, south, east, north))


def _cells_across(zoom: int) -> int:
    return CELLS_A_TILE << zoom


def _cell_of(lon: float, lat: float, zoom: int) -> Cell:
    x, y = spot_of(lon, lat)
    return Cell(zoom, floor(x * _cells_across(zoom)), floor(y * _cells_across(zoom)))


def cells_in(box: Box, zoom: int) -> tuple[str, ...]:
    """Return the keys of the cells that a box touches, at this zoom or the next that has few."""
    blocks = (_block(box, each) for each in range(min(zoom, CLOSEST), -1, -1))
    columns, lines, found = next(
        (columns, lines, found)
        for columns, lines, found in blocks
        if len(columns) * len(lines) <= MOST_CELLS
    )
    across = _cells_across(found)
    return tuple(Cell(found, x % across, y).key for x in columns for y in lines)


def _block(box: Box, zoom: int) -> tuple[range, range, int]:
    """Return the columns and lines of the cells that a box touches. Columns go on in the east."""
    width = box.east - box.west + (CIRCLE if box.east < box.west else 0)
    first, last = _cell_of(box.west, box.north, zoom), _cell_of(box.west + width, box.south, zoom)
    end = min(last.x, first.x + _cells_across(zoom) - 1) + 1
    return range(first.x, end), range(first.y, last.y + 1), zoom
