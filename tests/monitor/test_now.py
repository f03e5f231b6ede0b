"""The first page and the map."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from application.system import policy_types, services
from application.use_cases.operations.overview import Overview
from config.process import Process
from entrypoints.monitor.access import Access
from entrypoints.monitor.monitor import create_monitor
from entrypoints.monitor.pages import ago, number, plural, rate, span
from tests.monitor.overviews import in_trouble
from tests.site.conftest import Reader


@pytest.fixture
def troubled(process: Process) -> Reader:
    """An operator of a system in trouble."""
    return seeing(process, in_trouble)


def seeing(process: Process, overview: Callable[[], Overview]) -> Reader:
    access = Access(process.use_cases.accounts, process._attempts, loopback=True)
    monitor = create_monitor(process.monitor_tools(overview), access, bytes(32))
    return Reader(monitor.test_client())


def test_the_verdict_comes_first_in_words_and_since_when(troubled: Reader) -> None:
    troubled.open("/monitor")
    heading = troubled.soup.find("h1").get_text(" ", strip=True)
    assert heading == "Critical The relay of cases has published nothing for 12 minutes."
    assert "Since 20" in troubled.text
    assert "12 min ago" in troubled.text
    assert "The bus brings nothing" in troubled.text
    assert "2 parked events wait" in troubled.text


def test_who_is_furthest_behind_comes_first_and_unknown_is_no_zero(troubled: Reader) -> None:
    troubled.open("/monitor")
    tables = [each.get_text(" ", strip=True) for each in troubled.soup.find_all("tbody")]
    assert tables[0].startswith("relay.cases 4,812 at least 12 min 5 s 0/s 0 nobody runs it")
    queries = next(each for each in tables if "popular-cases" in each)
    assert queries.startswith("videos unknown unknown unknown 2 fails")
    assert "Anna" not in troubled.text


def test_leases_processes_chains_and_parity_are_shown(troubled: Reader) -> None:
    troubled.open("/monitor")
    for text in ("17 (flapping)", "lost", "whole up to 500,000", "3 differences"):
        assert text in troubled.text


def test_a_monitor_that_has_not_looked_yet_says_so(process: Process) -> None:
    reader = seeing(process, lambda: Overview(at=datetime.now(UTC)))
    reader.open("/monitor")
    assert "Unknown" in reader.soup.find("h1").get_text()
    assert "It is unknown how many are parked." in reader.text


def test_the_map_shows_every_service_and_policy_as_svg_and_as_a_table(troubled: Reader) -> None:
    troubled.open("/monitor/map")
    drawn = " ".join(each.get_text() for each in troubled.soup.find_all("desc"))
    listed = troubled.soup.find("table").get_text(" ")
    names = [each.id for each in services()] + [each.name for each in policy_types()]
    for name in names:
        assert f"{name}:" in drawn, name
        assert name in listed, name
    assert "cases 12/s" in troubled.text


def test_a_page_renews_itself_until_it_is_told_to_stop(operator: Reader) -> None:
    operator.open("/monitor")
    assert operator.soup.find("meta", {"http-equiv": "refresh"})
    operator.open("/monitor?live=off")
    assert not operator.soup.find("meta", {"http-equiv": "refresh"})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "unknown"), (0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (90_000, "1 d 1 h")],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_what_is_unknown_is_told_as_such() -> None:
    assert number(None) == rate(None) == ago(None) == "unknown"
    assert (rate(0.25), rate(0), rate(1200)) == ("0.2/s", "0/s", "1,200/s")
    assert (plural(1, "event"), plural(2, "event")) == ("1 event", "2 events")
    assert "ago" in ago("2026-03-01T12:00:00")
