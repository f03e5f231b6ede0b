"""The page that shows the events of the system."""

from typing import Any

from bs4 import BeautifulSoup

from domain.catalog import EVENTS
from tests.http.conftest import Caller


def test_the_page_shows_every_event_with_its_fields(anybody: Caller) -> None:
    reply = anybody("GET", "/docs/events")
    assert reply.mimetype == "text/html"
    page: Any = BeautifulSoup(reply.text, "html.parser")
    for name in EVENTS.types:
        heading = page.find(id=f"org.klarity.{name}.v1")
        assert heading is not None, name
        assert heading.find_previous("h2")["id"] == name.partition(".")[0]
    reported = page.find(id="org.klarity.cases.CaseReported.v1").find_next("table")
    cells = [row.get_text(" ", strip=True) for row in reported.find_all("tr")]
    assert "details CaseDetails" in cells
    assert "evidence (optional) list of string" in cells
    assert any(cell.startswith("sealed string Encrypted") for cell in cells)
    assert page.find(id="CaseCategory").find_next("p").text.startswith("One of: abuse_of_power,")


def test_the_page_has_no_scripts_and_loads_nothing(anybody: Caller) -> None:
    reply = anybody("GET", "/docs/events")
    page: Any = BeautifulSoup(reply.text, "html.parser")
    assert not page.find_all(["script", "img", "link", "iframe"])
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_every_link_of_the_page_leads_somewhere(anybody: Caller) -> None:
    page: Any = BeautifulSoup(anybody("GET", "/docs/events").text, "html.parser")
    for link in page.find_all("a"):
        address = link["href"]
        if address.startswith("#"):
            assert page.find(id=address[1:]) is not None, address
        else:
            assert anybody("GET", address).status_code == 200
    ids = [each["id"] for each in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
