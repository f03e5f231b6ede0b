"""Streams of updates, as browsers open and leave them, directly and behind nginx."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from application.system import services
from tests.media import photo_with_gps
from tests.servers import free_port
from tests.system.deployment import nginx, one_process, relaxed
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

RELOADS = 10
PLACES = 2
AS_A_BROWSER = (
    "GET /v1/updates?kind=case-published HTTP/1.1\r\nHost: klarity\r\n"
    "Accept: text/event-stream\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n"
)


@pytest.fixture(scope="module", params=["direct", "nginx"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("streams")
    with ExitStack() as stack:
        klarity = stack.enter_context(
            one_process(folder / "klarity", STREAMS=str(PLACES), **relaxed())
        )
        if request.param == "direct":
            yield klarity.url
        else:
            yield stack.enter_context(nginx(folder / "nginx", at_port(klarity.port)))


def at_port(port: int) -> dict[str, str]:
    return {service.id: f"127.0.0.1:{port}" for service in services()}


class Browser:
    """An EventSource on a raw socket, which can be left without a word."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname or "", place.port or 80), 60)
        self._socket.sendall(AS_A_BROWSER.encode())
        self._lines = self._socket.makefile("rb")
        self.status = next(self._lines).split()[1]
        self.type = ""
        for line in iter(self._lines.readline, b"\r\n"):
            name, _, value = line.decode().strip().partition(": ")
            self.type = value if name.lower() == "content-type" else self.type
        assert (self.status, self.type) == (b"200", "text/event-stream")
        self.retry = int(self.field("retry"))

    def field(self, name: str) -> str:
        """The value of the next line with this name. It ends if the stream does."""
        start = f"{name}: ".encode()
        return next(line for line in self._lines if line.startswith(start))[len(start) :].decode()

    def has_ended(self) -> bool:
        return not [line for line in self._lines if b":" in line and line[:3] != b"id:"]

    @property
    def got_a_place(self) -> bool:
        return self.retry < 15_000

    def leave(self) -> None:
        self._lines.close()
        self._socket.close()


def with_a_place(url: str) -> Browser | None:
    """A browser whose stream stays open, unless places are held for those that have just left."""
    browser = Browser(url)
    if browser.got_a_place:
        return browser
    browser.leave()
    return None


def test_a_page_keeps_its_updates_however_often_it_is_reloaded(url: str, tmp_path: Path) -> None:
    for _ in range(RELOADS):
        eventually(lambda: with_a_place(url)).leave()
    browser = eventually(lambda: with_a_place(url))
    with Phone(url) as phone:
        photo = phone.join().upload(photo_with_gps(tmp_path / "photo.jpg"))
        case_id = phone.report(evidence=[photo], category="fraud").json()["case_id"]
        update = json.loads(browser.field("data"))
        browser.leave()
        assert (update["case_id"], update["category"]) == (case_id, "fraud")
        assert phone.get(update["url"]).status_code == 200


def test_a_browser_that_gets_no_place_is_told_to_come_back(url: str) -> None:
    browsers = [eventually(lambda: with_a_place(url)) for _ in range(PLACES)]
    late = Browser(url)
    assert not late.got_a_place
    assert late.has_ended()
    for browser in browsers:
        browser.leave()
    late.leave()
    eventually(lambda: with_a_place(url)).leave()


def test_nginx_tells_browsers_to_come_back_while_the_service_is_away(tmp_path: Path) -> None:
    with nginx(tmp_path / "nginx", at_port(free_port())) as url:
        browser = Browser(url)
        assert browser.has_ended()
        browser.leave()
        assert not browser.got_a_place
        assert requests.get(f"{url}/v1/cases", timeout=60).status_code == 502
