"""The home page, and the cards of cases, without scripts."""

from typing import Any

import pytest

from config.process import Process
from domain.ids import MediaKind
from tests.http.conftest import Caller, eventually
from tests.http.public_cases import PublicCase, publish
from tests.site.conftest import Reader

PLACE = {"lat": 12.34, "lon": 56.78, "precision": "neighbourhood", "name": "Harbour office"}


@pytest.fixture(scope="module")
def case(process: Process, anna: Caller, ben: Caller) -> PublicCase:
    """A public case with a place, a tag and a supporter."""
    found = publish(process, anna, title="A toll for nothing", location=PLACE, tags=["harbour"])
    path = f"/v1/cases/{found.case_id}"
    assert ben("PUT", f"{path}/support", headers=found.seen).status_code == 204
    eventually(lambda: anna("GET", path, headers=found.seen).json["supports"] or None)
    listed = "/v1/popular-cases"
    eventually(lambda: found.case_id in anna("GET", listed).text or None)
    return found


def cards(soup: Any) -> dict[str, Any]:
    """The cards of a page by their titles."""
    return {card.h3.get_text(strip=True): card for card in soup.select(".card")}


def test_a_card_shows_picture_title_place_time_category_and_numbers(
    reader: Reader, case: PublicCase
) -> None:
    card = cards(reader.open("/"))["A toll for nothing"]
    assert card.h3.a["href"] == f"/cases/{case.case_id}"
    picture = card.img
    assert picture["src"] == f"/v1/evidence/{case.evidence_id}/poster"
    assert (picture["loading"], picture["width"], picture["height"]) == ("lazy", "160", "120")
    assert picture["alt"] == "Photo: A toll for nothing"
    text = card.get_text(" ", strip=True)
    assert "Harbour office" in text
    assert "Something else · 1 also" in text
    assert "ago" in card.find("time").get_text()


def test_the_home_page_offers_to_report_to_search_and_to_look_around(
    reader: Reader, case: PublicCase
) -> None:
    page = reader.open("/")
    assert page.find("a", href="/report")
    assert page.find("form", action="/cases").find("input", {"name": "q"})
    assert page.find("a", href="/cases?category=bribery")
    assert page.find("a", href="/cases?near=12.34%2C56.78")
    assert page.find("a", href="/cases?tag=harbour")


def test_popular_cases_are_in_the_order_of_their_support(
    reader: Reader, process: Process, anna: Caller, case: PublicCase
) -> None:
    other = publish(process, anna, title="Nobody else saw it")
    eventually(lambda: other.case_id in anna("GET", "/v1/popular-cases").text or None)
    page = reader.open("/", headers=other.seen)
    popular = page.find("section", {"aria-labelledby": "popular"})
    assert next(iter(cards(popular))) == "A toll for nothing"


def test_an_anonymous_case_shows_its_day_alone(
    reader: Reader, process: Process, anna: Caller
) -> None:
    publish(process, anna, title="No name of mine", anonymous=True)
    card = eventually(lambda: cards(reader.open("/")).get("No name of mine"))
    assert "ago" not in card.find("time").get_text()


def test_a_recording_has_no_picture_but_a_word(
    reader: Reader, process: Process, anna: Caller
) -> None:
    publish(process, anna, MediaKind.AUDIO, title="What he said")
    card = eventually(lambda: cards(reader.open("/")).get("What he said"))
    assert not card.img
    assert card.select_one(".poster").get_text() == "Recording"


def test_what_people_wrote_stays_text(reader: Reader, process: Process, anna: Caller) -> None:
    title = '<img src=x onerror="alert(1)"> رشوة O\'Brien ' + "x" * 150
    publish(process, anna, title=title)
    card = eventually(lambda: cards(reader.open("/")).get(title))
    assert card.h3.bdi["dir"] == "auto"
    assert len(card.find_all("img")) == 1


def test_an_empty_instance_says_so(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.site.visit.Visit.get", lambda *_, **__: {"items": []})
    page = reader.open("/")
    assert "Nothing here yet." in page.get_text()
    assert not page.find("h3")
