"""The site in a process of its own, which asks the API over HTTP."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server

from adapters.workrooms import Workrooms
from config.process import Process
from entrypoints.site.api import ApiOverHttp
from entrypoints.site.site import SiteSettings, create_site
from tests.http.conftest import Caller
from tests.media import photo_with_gps
from tests.servers import free_port
from tests.site.conftest import Reader

SETTINGS = SiteSettings(
    public_url="http://127.0.0.1:8000",
    leave_url="https://www.wikipedia.org/",
    key=b"k" * 32,
    proxies=1,
)


@pytest.fixture
def seen() -> list[str]:
    """The addresses for which the API was asked."""
    return []


@pytest.fixture
def url(process: Process, seen: list[str]) -> Iterator[str]:
    """Where the API is served."""

    def noting(environ: Any, start_response: Any) -> Any:
        seen.append(environ["HTTP_X_FORWARDED_FOR"])
        return process.app(environ, start_response)

    server = make_server("127.0.0.1", 0, noting, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def reader_of(url: str, proxies: int = 1) -> Reader:
    api, rooms = ApiOverHttp(url, proxies=proxies), Workrooms().room
    return Reader(create_site(api, SETTINGS, rooms).test_client())


def test_pages_are_the_same_as_in_one_process(url: str, anna: Caller, reader: Reader) -> None:
    far = reader_of(url)
    assert far.open("/") == reader.open("/")
    far.sign_in(anna)
    assert far.soup.find("a", href="/me")


def test_the_api_learns_for_whom_it_is_asked(url: str, seen: list[str]) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    reader_of(url).open("/", headers=forwarded, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert set(seen) == {"203.0.113.7"}
    seen.clear()
    straight = reader_of(url, proxies=0)
    straight.open("/", headers=forwarded, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert set(seen) == {"192.0.2.1"}


def test_a_photo_is_reported(url: str, anna: Caller, tmp_path: Path) -> None:
    far = reader_of(url)
    far.sign_in(anna).open("/report")
    photo = BytesIO(photo_with_gps(tmp_path / "photo.jpg").read_bytes())
    texts = {"title": "A permit for a bribe", "story": "They asked for money."}
    far.submit("/report/send", {"file": (photo, "photo.jpg")}, **texts)
    assert far.status == 200
    assert far.soup.find(role="status")


def test_an_api_that_is_away_is_told_in_words() -> None:
    far = reader_of(f"http://127.0.0.1:{free_port()}")
    far.open("/")
    assert far.status == 503
    assert far.headers["Retry-After"] == "5"
    assert "A part of Klarity is away" in far.text
