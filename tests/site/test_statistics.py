"""The figures: pictures, and the tables beside them."""

from typing import Any

import msgspec
import pytest
from werkzeug.datastructures import Headers

from adapters.workrooms import Workrooms
from entrypoints.site.api import Answer
from entrypoints.site.site import create_site
from entrypoints.site.statistics import LARGEST_CIRCLE, WIDTH, areas_map, bars
from tests.site.conftest import Reader
from tests.site.test_over_http import SETTINGS

NONE = {"count": None, "median": None, "p90": None}
NO_FIGURES = {
    "cases": 0,
    "categories": [],
    "areas": {"shown": [], "others": 0},
    "months": {"shown": [], "others": 0},
    "hours_to_public": NONE,
    "days_to_decision": NONE,
    "appeals": {"resolved": None, "restored": None, "share_restored": None},
}
FIGURES = {
    "cases": 1240,
    "categories": [
        {"category": "bribery", "cases": 1200},
        {"category": "fraud", "cases": 36},
        {"category": "other", "cases": 4},
    ],
    "areas": {
        "shown": [
            {"lat": 27, "lon": 85, "cases": 900},
            {"lat": -33, "lon": -70, "cases": 300},
            {"lat": None, "lon": None, "cases": 30},
        ],
        "others": 10,
    },
    "months": {
        "shown": [{"month": "2026-11", "cases": 640}, {"month": "2026-10", "cases": 590}],
        "others": 10,
    },
    "hours_to_public": {"count": 1000, "median": 1, "p90": 5},
    "days_to_decision": NONE,
    "appeals": {"resolved": 20, "restored": 5, "share_restored": 0.25},
}


def shown(figures: Any, language: str = "en") -> Reader:
    """Return a reader of the page, on which the API gives these figures."""
    answer = Answer(
        200, Headers({"Content-Type": "application/json"}), msgspec.json.encode(figures)
    )
    reader = Reader(create_site(lambda *_: answer, SETTINGS, Workrooms().room).test_client())
    reader.open("/statistics", headers={"Accept-Language": language})
    return reader


def rows(reader: Reader, section: str) -> list[tuple[str, ...]]:
    found = reader.soup.find("section", attrs={"aria-labelledby": section}).select("tbody tr")
    return [
        tuple(cell.get_text(strip=True) for cell in row.find_all(["th", "td"])) for row in found
    ]


def test_each_table_holds_all_numbers_of_its_picture() -> None:
    reader = shown(FIGURES)
    assert rows(reader, "categories")[0] == ("Bribery", "1,200")
    assert rows(reader, "months") == [
        ("November 2026", "640"),
        ("October 2026", "590"),
        ("Months with few cases", "10"),
    ]
    assert rows(reader, "areas") == [
        ("27, 85", "900"),
        ("-33, -70", "300"),
        ("Without a place", "30"),
        ("Areas with few cases", "10"),
    ]
    assert len(reader.soup.select("main svg rect[rx]")) == 5


def test_durations_and_appeals_are_told_or_said_to_be_too_few() -> None:
    reader = shown(FIGURES)
    assert [row[1:] for row in rows(reader, "work")] == [
        ("1 hour", "5 hours"),
        ("too few to say", "too few to say"),
    ]
    assert "Of 20 appeals, 5 restored" in reader.text
    assert "Too few appeals" in shown(NO_FIGURES).text


def test_without_a_case_there_is_no_picture() -> None:
    reader = shown(NO_FIGURES)
    assert reader.status == 200
    assert not reader.soup.select("main svg")


def test_bars_begin_where_readers_begin() -> None:
    assert {bar["x"] for bar in shown(FIGURES).soup.select("rect[rx]")} == {"0"}
    mirrored = shown(FIGURES, "ar").soup.select("rect[rx]")
    ends = {float(bar["x"]) + float(bar["width"]) for bar in mirrored}
    assert ends == {WIDTH}


def test_the_largest_bar_and_circle_are_whole_and_the_smallest_are_seen() -> None:
    chart = bars(FIGURES["categories"], "category")  # type: ignore[arg-type] # it is a list
    assert [bar.length for bar in chart.bars] == [WIDTH, 9.6, 2.0]
    circles = areas_map(FIGURES["areas"]["shown"]).circles  # type: ignore[index] # it is a dict
    assert [circle.radius for circle in circles] == [LARGEST_CIRCLE, pytest.approx(12.7)]


def test_the_link_of_an_area_finds_its_cases(reader: Reader) -> None:
    for link in shown(FIGURES).soup.select('td a, th a[href*="bbox"]'):
        assert reader.open(link["href"])
        assert reader.status == 200


def test_the_page_asks_the_real_api(reader: Reader) -> None:
    reader.open("/statistics")
    assert reader.status == 200
    assert "Set-Cookie" not in reader.headers
