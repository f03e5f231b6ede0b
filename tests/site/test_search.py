"""The search and its map, without scripts."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.datastructures import Headers

from config.process import Process
from entrypoints.site.api import Answer
from entrypoints.site.map import MapBox, cases_map
from entrypoints.site.search import Search
from entrypoints.site.visit import Refused
from tests.http.conftest import Caller
from tests.http.public_cases import publish
from tests.site.conftest import Reader

MANY = 23


def place(lat: float, lon: float) -> dict[str, Any]:
    return {"lat": lat, "lon": lon, "precision": "neighbourhood", "name": "Gate"}


@pytest.fixture(scope="module")
def cases(process: Process, anna: Caller) -> None:
    """Cases near each other, one far away, and one that names no place."""
    for number in range(MANY):
        where = place(10 + number / 100, 20 + number / 100)
        last = publish(process, anna, title=f"Near {number}", location=where, category="fraud")
    publish(process, anna, title="Far away", location=place(-33.45, -70.67), tags=["toll"])
    last = publish(process, anna, title="Nowhere", category="extortion")
    for path in (f"/v1/cases/{last.case_id}", "/v1/search?q=nowhere"):
        assert anna("GET", path, headers=last.seen).status_code == 200


def titles(soup: Any) -> list[str]:
    return [card.h3.get_text().strip() for card in soup.select(".card")]


def query_of(link: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(link["href"]).query)


@pytest.mark.usefixtures("cases")
class TestList:
    def test_the_form_is_the_address_and_stays_filled_in(self, reader: Reader) -> None:
        reader.open("/cases")
        page = reader.submit("/cases", q="away", tag="toll")
        assert titles(page) == ["Far away"]
        assert page.find("input", {"name": "q"})["value"] == "away"
        assert page.find("input", {"name": "tag"})["value"] == "toll"
        assert page.title.get_text() == "away · Klarity"

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("category=extortion", 1),
            ("category=", 20),
            ("since=2020-01-01&until=2999-12-31&q=far", 1),
            ("until=2020-01-01", 0),
            ("until=9999-12-31&q=far", 1),
            ("near=-33.4,-70.6", 1),
            ("near=-33.4,-70.6&within_km=1", 0),
            ("within_km=1&q=far", 1),
            ("bbox=-71,-34,-70,-33", 1),
            ("surprise=1&q=far", 1),
        ],
    )
    def test_cases_are_filtered(self, reader: Reader, query: str, found: int) -> None:
        assert len(titles(reader.open(f"/cases?{query}"))) == found
        assert reader.status == 200

    def test_a_day_includes_its_last_hour(self) -> None:
        filters = Search({"since": "2026-03-01", "until": "2026-03-01"}).filters
        assert filters == {
            "created_after": "2026-03-01T00:00:00Z",
            "created_before": "2026-03-02T00:00:00Z",
        }

    def test_more_is_a_link_to_the_rest(self, reader: Reader) -> None:
        page = reader.open("/cases")
        first = titles(page)
        rest = titles(reader.open(page.select_one("#more a")["href"]))
        assert (len(first), len(rest)) == (20, MANY + 2 - 20)
        assert not set(first) & set(rest)
        assert not reader.soup.select_one("#more")

    def test_an_old_link_to_more_begins_anew(self, reader: Reader) -> None:
        assert len(titles(reader.open("/cases?category=fraud&cursor=old"))) == 20
        assert reader.where == "/cases"

    def test_filters_are_words_that_remove_themselves(self, reader: Reader) -> None:
        page = reader.open("/cases?category=fraud&tag=toll&party=X&since=2026-03-01&bbox=1,2,3,4")
        chosen = {link.get_text(): link for link in page.select(".links a[aria-label]")}
        assert "since March 1, 2026 ✕" in chosen
        assert "tag" not in query_of(chosen["#toll ✕"])
        assert query_of(chosen["#toll ✕"])["category"] == ["fraud"]

    def test_the_same_cases_are_offered_in_other_formats(
        self, reader: Reader, anybody: Caller
    ) -> None:
        page = reader.open("/cases?tag=toll&since=2026-03-01&near=-33.4,-70.6")
        links = [link["href"] for link in page.find_all("a") if "/v1/" in link["href"]]
        assert len(links) == 3
        for link in links:
            reply = anybody("GET", link)
            assert reply.status_code == 200
            assert "Far away" in reply.text
            assert "Near" not in reply.text
        assert page.find("link", rel="alternate")["href"] == links[0]

    def test_what_was_found_is_marked_in_title_and_story(self, reader: Reader) -> None:
        card = reader.open("/cases?q=away money").select_one(".card")
        assert [mark.get_text() for mark in card.select("mark")] == ["away", "money"]
        assert titles(reader.soup) == ["Far away"]

    def test_an_unfinished_word_is_found(self, reader: Reader) -> None:
        assert titles(reader.open("/cases?q=awa")) == ["Far away"]

    def test_counts_narrow_the_search(self, reader: Reader) -> None:
        page = reader.open("/cases?q=near")
        counts = {link.get_text(): link for link in page.select("nav.links a")}
        assert query_of(counts[f"Fraud ({MANY})"]) == {"q": ["near"], "category": ["fraud"]}
        page = reader.open("/cases?q=far&category=other")
        counts = {link.get_text(): link for link in page.select("nav.links a")}
        assert query_of(counts["#toll (1)"])["tag"] == ["toll"]

    def test_the_order_is_a_link_and_stays(self, reader: Reader) -> None:
        page = reader.open("/cases?q=near")
        assert page.find("a", string="Best first")["aria-current"] == "page"
        page = reader.open(page.find("a", string="Newest first")["href"])
        assert page.find("a", string="Newest first")["aria-current"] == "page"
        assert page.find("input", {"name": "sort"})["value"] == "newest"
        assert "sort" not in page.find("a", string="CSV")["href"]

    def test_more_of_what_was_found_is_a_link_to_the_rest(self, reader: Reader) -> None:
        first = titles(reader.open("/cases?q=near"))
        rest = titles(reader.open(reader.soup.select_one("#more a")["href"]))
        assert len({*first, *rest}) == len(first) + len(rest) == MANY

    @pytest.mark.parametrize("words", ["zebra", "?!"])
    def test_an_empty_result_says_what_to_do(self, reader: Reader, words: str) -> None:
        page = reader.open(f"/cases?q={words}")
        assert "Nothing was found." in page.get_text()
        assert page.select_one('#found a[href="/cases"]')
        assert page.select_one('#found a[href="/report"]')

    @pytest.mark.parametrize(
        ("query", "field", "words"),
        [
            ("category=gossip", "category", "choose one"),
            ("since=soon", "since", "choose a day"),
            ("until=soon", "until", "choose a day"),
            ("near=1,2&within_km=0", "within_km", "between 0.1 and"),
            ("bbox=1", "bbox", "left out"),
            ("near=here", "near", "left out"),
            (f"party={'x' * 121}", "party", "at most 120"),
        ],
    )
    def test_a_wrong_filter_is_told_in_words_at_its_field(
        self, reader: Reader, query: str, field: str, words: str
    ) -> None:
        page = reader.open(f"/cases?{query}")
        assert reader.status == 422
        assert words in page.find(id=f"{field}-error").get_text()
        assert page.find(role="alert")
        assert page.details.has_attr("open")
        assert reader.headers["Content-Type"].startswith("text/html")

    def test_other_refusals_are_the_usual_page(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unavailable(*_: Any, **__: Any) -> Any:
            raise Refused(Answer(503, Headers(), b""))

        monkeypatch.setattr("entrypoints.site.visit.Visit.fetch", unavailable)
        reader.open("/cases")
        assert reader.status == 503

    def test_nobody_gets_a_cookie(self, reader: Reader) -> None:
        reader.open("/cases?q=far")
        assert "Set-Cookie" not in reader.headers
        assert reader.headers["ETag"]


@pytest.mark.usefixtures("cases")
class TestMap:
    def test_clusters_lead_to_a_smaller_part_and_pins_to_a_case(self, reader: Reader) -> None:
        page = reader.open("/cases?view=map")
        links = page.select("#map svg a")
        assert sorted(link["aria-label"] for link in links) == [f"{MANY} cases here", "Far away"]
        cluster = next(link for link in links if "cases" in link["aria-label"])
        assert cluster.get_text(strip=True) == str(MANY)
        closer = reader.open(cluster["href"])
        assert len(titles(closer)) == MANY
        assert len(closer.select("#map svg a")) > 1

    def test_every_pin_is_in_the_list_and_who_names_no_place_is_counted(
        self, reader: Reader
    ) -> None:
        page = reader.open("/cases?view=map")
        assert len(titles(page)) == MANY + 2
        assert "1 of these cases names no place." in page.get_text()

    def test_a_part_of_the_map_can_be_left(self, reader: Reader) -> None:
        page = reader.open("/cases?view=map&bbox=10,0,20,10&q=far")
        wider, everywhere = page.select(".without-scripts a")
        assert query_of(wider)["bbox"] == ["0.0000,-10.0000,30.0000,20.0000"]
        assert query_of(everywhere) == {"view": ["map"], "q": ["far"]}
        assert not reader.open("/cases?view=map").select(".without-scripts")

    def test_the_map_keeps_the_words_of_the_search(self, reader: Reader) -> None:
        reader.open("/cases?view=map")
        page = reader.submit("/cases", q="far")
        assert page.find(id="map")
        assert titles(page) == ["Far away"]

    def test_it_says_when_the_map_shows_not_all(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("entrypoints.site.search.MAPPED", 5)
        page = reader.open("/cases?view=map&q=near")
        assert "These are the newest ones. Narrow" in page.get_text()
        assert page.select_one('#found a[href="/cases?q=near"]')

    @pytest.mark.parametrize("query", ["", "&category=fraud"])
    def test_the_map_shows_more_cases_than_the_list(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch, query: str
    ) -> None:
        monkeypatch.setattr("entrypoints.site.search.LISTED", 5)
        monkeypatch.setattr("entrypoints.site.search.MAPPED", 5)
        page = reader.open(f"/cases?view=map{query}")
        assert len(titles(page)) == 5
        assert "The map shows all of them" in page.get_text()
        links = {link["aria-label"]: link["href"] for link in page.select("#map svg a")}
        far = [] if query else ["Far away"]
        assert sorted(links) == [f"{MANY} cases here", *far]
        if far:
            assert links["Far away"].startswith("/cases/")
        closer = reader.open(links[f"{MANY} cases here"])
        found = [link["aria-label"] for link in closer.select("#map svg a")]
        assert sum(int(label.split()[0]) for label in found if "cases here" in label) <= MANY
        assert closer.select_one("#map")["data-clusters"] == ((query and "fraud") or "all")

    def test_scripts_of_maps_are_loaded_by_maps_alone(self, reader: Reader) -> None:
        assert "leaflet" not in str(reader.open("/cases?bbox=1,2,3,4"))
        assert "leaflet" in str(reader.open("/cases?view=map"))


class TestBoxes:
    def test_a_box_that_crosses_the_date_line_goes_on_beyond_it(self) -> None:
        box = MapBox.parse("179,-20,-179,-10")
        assert box == MapBox(179, -20, 181, -10)
        assert MapBox.parse("1,2,3") is None
        assert MapBox.parse("a,b,c,d") is None

    def test_cases_at_one_place_are_one_cluster_with_space_around(self) -> None:
        case = {"location": place(1, 2), "case_id": "c", "title": "T"}
        found = cases_map([case, case, {**case, "location": None}], "")
        (cluster,) = found.clusters
        assert str(cluster.box) == "1.9800,0.9800,2.0200,1.0200"
        assert found.without_place == 1

    def test_without_cases_the_map_is_the_world(self) -> None:
        found = cases_map([], "")
        assert found.view.x == pytest.approx(0)
        assert found.view.east == pytest.approx(1)
        assert found.wider == ""

    def test_a_box_that_would_be_wider_than_the_world_is_left_out(self) -> None:
        assert cases_map([], "-100,-80,100,80").wider == ""
        assert cases_map([], "-50,-80,50,80").wider == "-150.0000,-90.0000,150.0000,90.0000"
