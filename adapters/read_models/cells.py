"""Cells of places, by which stores find the first rows of an area in their order.

An index over cells and then over the sort field holds the rows of each cell in order. A store
merges those of the cells of an area, and stops after a page, however many rows the area holds.
Indexes of places, such as R-trees, have no order.
"""

from collections.abc import Iterable
from itertools import product
from math import floor, prod

from adapters.read_models.indexing import DATE_LINE, POLE, IndexedPoint
from application.ports.read_models import InBox

DEGREES = (1 / 64, 1 / 8, 1.0, 8.0, 64.0)
"""How wide and high the cells of each level are. Eighteen of the last ones cover the Earth."""
MOST_CELLS = 18
"""Of how many cells the rows are merged at most."""
BITS = 20


def cells_of(point: IndexedPoint) -> list[int]:
    """Return the cell of each level in which the point lies."""
    return [
        _cell(level, _line(point.lat, degrees), _column(point.lon, degrees))
        for level, degrees in enumerate(DEGREES)
    ]


def cells_in(boxes: Iterable[InBox]) -> list[int]:
    """Return the cells that the boxes touch, of the finest level at which these are few."""
    sides = [[_sides(box, degrees) for box in boxes] for degrees in DEGREES]
    few = (level for level, each in enumerate(sides) if _size(each) <= MOST_CELLS)
    level = next(few, len(DEGREES) - 1)
    return sorted({_cell(level, *cell) for each in sides[level] for cell in product(*each)})


def _sides(box: InBox, degrees: float) -> tuple[range, range]:
    lines = range(_line(box.south, degrees), _line(box.north, degrees) + 1)
    return lines, range(_column(box.west, degrees), _column(box.east, degrees) + 1)


def _size(sides: Iterable[tuple[range, range]]) -> int:
    return sum(prod(map(len, each)) for each in sides)


def _line(lat: float, degrees: float) -> int:
    return floor((lat + POLE) / degrees)


def _column(lon: float, degrees: float) -> int:
    return floor((lon + DATE_LINE) / degrees)


def _cell(level: int, line: int, column: int) -> int:
    return (level << 2 * BITS) | (line << BITS) | column
