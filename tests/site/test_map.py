"""Maps that the server draws."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import render_template_string

from config.process import Process
from domain.mercator import spot_of
from entrypoints.site import world
from entrypoints.site.map import place_map
from entrypoints.site.world import Outline, View, land, outlines, view_around

SANTIAGO = {"lat": -33.45, "lon": -70.67, "precision": "city", "name": "Plaza"}
MACRO = '{% import "maps.html" as maps with context %}{{ maps.place(location) }}'


def test_a_view_shows_all_spots_in_its_middle() -> None:
    view = view_around([(0.2, 0.4), (0.4, 0.5)], 400, 100, least=0.01)
    assert view.pixels == pytest.approx(1000)
    assert (view.x, view.y) == pytest.approx((0.1, 0.4))
    assert (view.east, view.south) == pytest.approx((0.5, 0.5))


def test_a_view_shows_no_more_than_the_world() -> None:
    view = view_around([(0, 0), (1, 1)], 100, 300, least=0.1)
    assert (view.x, view.y, view.pixels) == (0, 0, 100)
    north = view_around([(0.5, 0)], 100, 100, least=0.1)
    assert north.y == 0


def test_a_point_beyond_the_date_line_is_placed_beside_its_neighbours() -> None:
    fiji = view_around([spot_of(179, -17), spot_of(181, -17)], 200, 200, least=0.001)
    assert fiji.place(-179, -17)[0] == pytest.approx(200)
    assert fiji.place(179, -17)[0] == pytest.approx(0)


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    """A square country with a square country in it, and an island, quantised to degrees."""
    square = [[0, 0], [20, 0], [0, 20], [-20, 0], [0, -20]]
    inner = [[5, 5], [10, 0], [0, 10], [-10, 0], [0, -10]]
    half, rest = [[40, 0], [2, 0], [0, 2]], [[42, 2], [-2, 0], [0, -2]]
    countries = [
        {"type": "Polygon", "arcs": [[0], [1]]},
        {"type": "MultiPolygon", "arcs": [[[~1]], [[2, 3]]]},
    ]
    topology = {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": [square, inner, half, rest],
        "objects": {"countries": {"geometries": countries}},
    }
    path = tmp_path / "atlas.json"
    path.write_text(json.dumps(topology))
    return path


def test_outlines_are_decoded_from_arcs(atlas: Path) -> None:
    country, hole, inner, island = outlines(atlas)
    assert len(country.spots) == 4
    assert set(hole.spots) == set(inner.spots)
    assert (island.west, island.south) == spot_of(40, 0)
    assert island.extent == pytest.approx(2 / 360, rel=0.01)


def test_land_is_cut_at_the_view_and_drawn_once_for_each_world(
    atlas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = outlines(atlas)
    monkeypatch.setattr(world, "outlines", lambda: known)
    world.thinned_outlines.cache_clear()
    land.cache_clear()
    try:
        assert land(View(0.503, 0.48, 5000, 20, 20)).count("M") == 1
        assert land(View(0.1, 0.4, 1000, 100, 100)) == ""
        assert land(View(0.3, 0.3, 360, 720, 144)).count("M") == 6  # the island is too small
        assert land(View(0.503, 0.48, 2**16, 20, 20)).startswith("M")
    finally:
        world.thinned_outlines.cache_clear()
        land.cache_clear()


def test_without_the_package_there_is_no_land(tmp_path: Path) -> None:
    assert outlines(tmp_path / "none.json") == ()


def test_the_circle_of_a_place_is_as_large_as_its_precision() -> None:
    city, region = place_map(SANTIAGO), place_map({**SANTIAGO, "precision": "region"})
    assert (city.x, city.y) == (180, 100)
    pixel = world.EQUATOR_METRES * 0.8344 / city.view.pixels  # the cosine of the latitude
    assert city.radius * pixel == pytest.approx(8000, rel=0.02)
    assert 50 < region.radius < 100
    assert place_map({**SANTIAGO, "precision": "street"}).radius == 3


def test_the_map_of_a_place_names_it_and_says_how_precise_it_is(process: Process) -> None:
    with process.site.test_request_context("/"):
        process.site.preprocess_request()
        shown: Any = BeautifulSoup(render_template_string(MACRO, location=SANTIAGO), "html.parser")
    assert shown.find("bdi").get_text() == "Plaza"
    assert "within about 10 kilometres" in shown.get_text()
    assert shown.find("svg")["role"] == "img"
    assert not shown.find(style=True)


def world_of(path: Path, *arcs: list[list[int]]) -> tuple[Outline, ...]:
    """The outlines of countries that have one arc each, whose spots are absolute."""
    steps = [
        [arc[0], *([x - was_x, y - was_y] for (was_x, was_y), (x, y) in pairwise(arc))]
        for arc in arcs
    ]
    countries = [{"type": "Polygon", "arcs": [[number]]} for number in range(len(arcs))]
    topology = {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": steps,
        "objects": {"countries": {"geometries": countries}},
    }
    path.write_text(json.dumps(topology))
    return outlines(path)


def test_a_country_over_the_date_line_goes_on_in_the_next_world(tmp_path: Path) -> None:
    over = [[170, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]]
    (country,) = world_of(tmp_path / "atlas.json", over)
    assert (country.west, country.east) == pytest.approx((350 / 360, 370 / 360))


def test_a_country_around_the_pole_reaches_to_the_edge_of_the_plane(tmp_path: Path) -> None:
    around = [[-180, -80], [-90, -70], [0, -80], [90, -70], [180, -80], [-180, -80]]
    (country,) = world_of(tmp_path / "atlas.json", around)
    assert country.south == 1
    assert country.extent == 1
