"""The cells of places, which stores keep."""

import pytest

from adapters.read_models.cells import MOST_CELLS, cells_in, cells_of
from adapters.read_models.indexing import IndexedPoint
from application.ports.read_models import STORED_AS, InBox

KATHMANDU = IndexedPoint(lat=27.7172, lon=85.3240)
# What each way to store indexes makes of a point. Another one needs another STORED_AS: builds of
# earlier programs would be asked for cells that they do not have.
STORED = {2: [7898939988, 1100498339914, 2199145939209, 3298549563425, 4398047559684]}


def test_other_cells_are_stored_under_another_number() -> None:
    assert STORED[STORED_AS] == cells_of(KATHMANDU)


@pytest.mark.parametrize("degrees", [0.001, 0.05, 0.4, 3, 20, 90])
def test_an_area_touches_few_cells_and_one_of_them_holds_its_points(degrees: float) -> None:
    south, west = KATHMANDU.lat - degrees / 2, KATHMANDU.lon - degrees / 2
    cells = cells_in([InBox("", west, south, west + degrees, south + degrees)])
    assert len(cells) <= MOST_CELLS
    assert len({*cells} & {*cells_of(KATHMANDU)}) == 1


def test_eighteen_cells_cover_the_earth() -> None:
    assert len(cells_in([InBox("", -180, -90, 180, 90)])) == MOST_CELLS
