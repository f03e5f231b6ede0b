"""Boxes of map clients, which repeat the world, against a simple reference."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.read_models.memory import MemoryReadModels
from application.engine.filters import Box, Point, in_box
from application.ports.checkpoints import START
from application.ports.read_models import Find, ReadModel, by_point

LATITUDES = (-90.0, -45.0, 0.0, 45.0, 90.0)
LONGITUDES = tuple(number * 22.5 for number in range(-8, 9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    place: Point


SPOTS = {f"{lat},{lon}": Spot(place=Point(lat, lon)) for lat in LATITUDES for lon in LONGITUDES}


@pytest.fixture(scope="module")
def model() -> ReadModel[Spot]:
    """Points all over the world, on both longitudes of the date line as well."""
    model = MemoryReadModels().open("spots", 1, Spot, (by_point("place"),))
    model.commit(SPOTS, START.next())
    return model


def holds(west: float, south: float, east: float, north: float, point: Point) -> bool:
    """Return whether a map from west to east shows a copy of the point."""
    return south <= point.lat <= north and any(
        west <= point.lon + 360 * world <= east for world in range(-12, 13)
    )


# Floats hold these exactly, also with whole turns added.
longitudes = some.integers(-2880, 2880).map(lambda number: number / 2)
latitudes = some.integers(-180, 180).map(lambda number: number / 2)


@given(
    edges=some.tuples(longitudes, longitudes).map(sorted),
    parallels=some.tuples(latitudes, latitudes).map(sorted),
)
def test_a_box_holds_what_a_map_that_repeats_the_world_shows(
    model: ReadModel[Spot], edges: list[float], parallels: list[float]
) -> None:
    (west, east), (south, north) = edges, parallels
    box = Box.parse(f"{west},{south},{east},{north}")
    rows = model.find(Find(where=in_box("place", box)), limit=1000)
    shown = {key for key, spot in SPOTS.items() if holds(west, south, east, north, spot.place)}
    assert {row.key for row in rows} == shown


@given(west=longitudes, east=longitudes, turns=some.integers(-5, 5))
def test_a_box_is_the_same_in_every_copy_of_the_world(west: float, east: float, turns: int) -> None:
    moved = Box.parse(f"{west + 360 * turns},0,{east + 360 * turns},1")
    assert moved == Box.parse(f"{west},0,{east},1")


@given(lon=some.floats(-179.9, 179.9))
def test_longitudes_of_one_world_are_kept_to_the_last_digit(lon: float) -> None:
    assert Box.parse(f"{lon},0,{lon},0") == Box(lon, 0, lon, 0)
    assert Point.parse(f"0,{lon}") == Point(0, lon)


def test_a_box_with_west_above_east_crosses_the_date_line() -> None:
    assert Box.parse("170,-1,-170,1") == Box(170, -1, -170, 1) == Box.parse("170,-1,190,1")


def test_a_point_in_another_copy_of_the_world_is_wrapped() -> None:
    assert Point.parse("1,190") == Point(1, -170) == Point.parse("1,-530")


@pytest.mark.parametrize(
    "text",
    [
        *("1,2,3", "a,b,c,d", "", "nan,0,1,1", "0,nan,1,1", "0,0,inf,1", "-inf,0,inf,1"),
        *("0,10,0,5", "0,-91,0,0", "0,0,1,90.1"),
    ],
)
def test_a_malformed_box_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Must be"):
        Box.parse(text)


@pytest.mark.parametrize("text", ["1", "a,b", "91,0", "nan,0", "0,inf"])
def test_a_malformed_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Must be"):
        Point.parse(text)
