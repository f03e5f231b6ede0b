"""Home, search and map in Debian's Chromium, on cases that are published as the test goes on."""

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
from werkzeug.serving import make_server

from config.process import Process
from tests.http.conftest import Caller, eventually
from tests.http.public_cases import PublicCase, add_poster, publish
from tests.site.conftest import LAPTOP, PHONE, violations
from tests.site.street_map import write_street_map

MOST_BYTES = 60_000
MANY = 21
IS_DRAWN = """
[...document.querySelectorAll("canvas.leaflet-tile")].some(
  (tile) => tile.width && tile.getContext("2d").getImageData(128, 128, 1, 1).data[3] === 255)
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    file = tmp_path_factory.mktemp("streets") / "town.pmtiles"
    return {"TILES": str(write_street_map(file)), "STREAMS": "8"}


def place(lat: float, lon: float) -> dict[str, Any]:
    return {"lat": lat, "lon": lon, "precision": "neighbourhood", "name": "بوابة Gate"}


@pytest.fixture(scope="module", autouse=True)
def cases(process: Process, anna: Caller) -> PublicCase:
    """Cases in one town, two of them at one place, and one with a title of one long word."""
    for number in range(MANY):
        where = place(10 + number / 50, 20 + number / 50)
        publish(process, anna, title=f"Near {number}", location=where)
    publish(process, anna, title="Near again", location=place(10, 20))
    last = publish(process, anna, title="x" * 200, location=place(10.2, 20.2))
    add_poster(process, last, (640, 480))
    path = f"/v1/cases/{last.case_id}"
    assert anna("GET", path, headers=last.seen).status_code == 200
    return last


@pytest.fixture(scope="module")
def url(process: Process) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, process.wsgi, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    process.end_streams()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on a phone, or as the test says. Errors of scripts and of the policy fail the test."""
    viewport = getattr(request, "param", PHONE)
    context = browser.new_context(viewport=viewport, base_url=url, has_touch=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if is_fault(said) else None)
    yield page
    context.close()
    assert not wrong


def is_fault(said: ConsoleMessage) -> bool:
    """Whether it is an error of more than a request: some are refused on purpose."""
    return said.type == "error" and "Failed to load" not in said.text


def is_too_wide(page: Page) -> bool:
    """Whether the page can be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_new_cases_are_counted_and_the_list_stays(
    page: Page, process: Process, anna: Caller
) -> None:
    with page.expect_response("**/v1/updates?*"):
        page.goto("/")
    first = page.locator(".card").first.inner_text()
    made = [publish(process, anna, title=f"Just now {number}") for number in range(2)]
    news = page.get_by_role("status").get_by_role("link", name="New cases: 2")
    expect(news).to_be_visible()
    assert page.locator(".card").first.inner_text() == first
    assert violations(page) == []
    assert not is_too_wide(page)
    news.click()
    expect(page.get_by_role("status").get_by_role("link")).to_have_count(0)
    listed = anna("GET", "/v1/cases?limit=100").text
    assert all(case.case_id in listed for case in made)


def test_filters_and_more_work_without_another_page(page: Page) -> None:
    page.goto("/cases?q=near")
    page.evaluate("window.isTheSamePage = true")
    page.get_by_role("button", name="More").click()
    expect(page.locator(".card")).to_have_count(MANY + 1)
    assert violations(page) == []
    page.get_by_label("Words to look for").fill("again")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    assert "q=again" in page.url
    assert page.evaluate("window.isTheSamePage")
    page.go_back()
    expect(page.locator(".card")).to_have_count(20)


def test_a_wrong_filter_is_shown_at_its_field(page: Page) -> None:
    page.goto("/cases?q=near")
    page.get_by_text("More filters").click()
    page.get_by_label("Person or organisation").fill("x" * 121)
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("at most 120 characters")).to_be_visible()
    assert violations(page) == []


def test_the_map_is_used_by_keyboard(page: Page) -> None:
    page.goto("/cases?view=map")
    pins = page.locator(".leaflet-marker-icon")
    expect(pins.first).to_be_visible()
    assert violations(page) == []
    assert not is_too_wide(page)
    before = pins.count()
    cluster = page.locator(".cluster").first
    cluster.focus()
    page.keyboard.press("Enter")
    expect(pins).not_to_have_count(before)
    expect(page.get_by_role("button", name="Search here")).to_be_visible()


@pytest.mark.parametrize("query", ["", "&category=other"])
def test_the_map_shows_more_cases_than_the_list(
    page: Page, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr("entrypoints.site.search.MAPPED", 3)
    page.goto(f"/cases?view=map{query}")
    whole = page.get_by_role("button", name=f"Cases here: {MANY + 2}", exact=True)
    expect(whole).to_be_visible()
    assert page.locator(".card").count() == 3
    assert violations(page) == []
    whole.focus()
    page.keyboard.press("Enter")
    expect(whole).to_have_count(0)


def test_cases_that_the_list_leaves_out_are_links_in_a_popup(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.site.search.MAPPED", 1)
    popup = page.locator(".leaflet-popup")
    page.goto("/cases?view=map&bbox=20.05,10.05,20.09,10.09")
    page.get_by_role("button", name="Near 4", exact=True).click()
    expect(popup.get_by_role("link", name="Near 4")).to_be_focused()
    page.goto("/cases?view=map&bbox=19.9999,9.9999,20.0001,10.0001")
    pin = page.get_by_role("button", name="Cases here: 2", exact=True)
    for _ in range(2):  # closer twice: then they are at one place
        before = pin.element_handle()
        pin.click()
        before.wait_for_element_state("hidden")  # a click on it would go closer once more
    pin.click()
    expect(popup.get_by_role("link")).to_have_count(2)


def test_cases_at_one_place_are_links_in_a_popup(page: Page) -> None:
    page.goto("/cases?view=map&q=near&bbox=19.99,9.99,20.01,10.01")
    pin = page.get_by_role("button", name="Cases here: 2")
    pin.focus()
    page.keyboard.press("Space")
    popup = page.locator(".leaflet-popup")
    expect(popup.get_by_role("link")).to_have_count(2)
    expect(popup.get_by_role("link").first).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(popup).to_have_count(0)
    expect(pin).to_be_focused()


def test_search_here_looks_for_cases_where_the_map_was_moved(page: Page) -> None:
    page.goto("/cases?view=map&q=near")
    page.get_by_role("button", name="Closer").click()
    page.get_by_role("button", name="Closer").click()
    page.get_by_role("button", name="Search here").click()
    page.wait_for_url("**/cases?*bbox=*")
    assert "q=near" in page.url
    assert 0 < page.locator(".card").count() < MANY + 1


def test_the_ground_is_the_street_map_of_the_operator(page: Page) -> None:
    ranges: list[str] = []
    page.on("request", lambda sent: ranges.append(sent.headers.get("range", "")))
    page.goto("/cases?view=map&q=near")
    eventually(lambda: page.evaluate(IS_DRAWN) or None)
    assert "bytes=0-16383" in ranges
    expect(page.get_by_text("OpenStreetMap")).to_be_visible()


@pytest.mark.parametrize(
    ("page", "path"), [(LAPTOP, "/"), (PHONE, "/cases")], ids=["home", "search"], indirect=["page"]
)
def test_the_first_visit_is_light_and_axe_finds_nothing(page: Page, path: str) -> None:
    loaded: list[Request] = []

    def note(request: Request) -> None:
        loaded.append(request)

    page.on("requestfinished", note)
    page.goto(path)
    page.wait_for_load_state("load")
    assert violations(page) == []
    assert not is_too_wide(page)
    assert weight(loaded) < MOST_BYTES
    assert "leaflet" not in "".join(each.url for each in loaded)


def weight(loaded: list[Request]) -> int:
    """The bytes that were loaded, with their headers, as they were sent. Posters do not count."""
    sizes = [each.sizes() for each in loaded if "/poster" not in each.url]
    return sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)


def test_cases_are_found_while_words_are_typed(page: Page) -> None:
    page.goto("/cases")
    field = page.get_by_label("Words to look for")
    with page.expect_response(lambda reply: "/v1/search/suggest" in reply.url):
        field.press_sequentially("agai")
    expect(page.locator(".card h3")).to_have_text(["Near again"])
    expect(page.locator(".card mark").first).to_have_text("again")
    assert page.locator("#suggestions option").get_attribute("value") == "again"
    expect(field).to_be_focused()
    expect(field).to_have_value("agai")
    assert page.url.endswith("/cases")
    assert violations(page) == []
