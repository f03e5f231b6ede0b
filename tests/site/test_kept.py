"""Public pages that are kept for a moment."""

from collections.abc import Iterable
from typing import Any

from werkzeug.test import Client

from entrypoints.site.kept import LARGEST, MOST, SECONDS, KeptPages

PAGE = [("Content-Type", "text/html"), ("Cache-Control", "no-cache"), ("ETag", '"1"')]


class Site:
    """Counts the pages that it makes."""

    def __init__(self, status: str = "200 OK", headers: Any = (), more: bytes = b"") -> None:
        self.made = 0
        self.now = 0.0
        self.closed = False
        self.more = more
        self._status = status
        self._headers = list(headers or PAGE)
        self.client = Client(KeptPages(self, lambda: self.now), use_cookies=False)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.made += 1
        assert "HTTP_IF_NONE_MATCH" not in environ or "HTTP_COOKIE" in environ
        start_response(self._status, self._headers)
        return Pieces(self)


class Pieces(list[bytes]):
    def __init__(self, site: Site) -> None:
        super().__init__([b"page ", str(site.made).encode(), site.more])
        self._site = site

    def close(self) -> None:
        self._site.closed = True


def test_a_page_is_made_once_a_second() -> None:
    site = Site()
    assert [site.client.get("/").text for _ in range(3)] == ["page 1"] * 3
    assert site.closed
    site.now = SECONDS
    assert site.client.get("/").text == "page 2"


def test_a_browser_that_has_the_page_gets_no_body() -> None:
    site = Site()
    for _ in range(2):
        reply = site.client.get("/", headers={"If-None-Match": '"1"'})
        assert (reply.status_code, reply.data, reply.headers["ETag"]) == (304, b"", '"1"')
        assert "Content-Type" not in reply.headers
    assert site.client.get("/", headers={"If-None-Match": '"0"'}).text == "page 1"


def test_another_language_address_or_encoding_is_another_page() -> None:
    site = Site()
    site.client.get("/")
    for path, headers in (
        ("/?q=1", {}),
        ("/cases", {}),
        ("/", {"Accept-Language": "ar"}),
        ("/", {"Accept-Encoding": "br"}),
    ):
        before = site.made
        site.client.get(path, headers=headers)
        assert site.made == before + 1


def test_nothing_of_somebody_with_a_cookie_is_kept_or_served() -> None:
    site = Site()
    for _ in range(2):
        site.client.get("/", headers={"Cookie": "klarity=1", "If-None-Match": '"1"'})
    assert site.made == 2
    assert site.client.get("/").text == "page 3"


def test_a_form_is_never_kept() -> None:
    site = Site()
    assert [site.client.post("/").text for _ in range(2)] == ["page 1", "page 2"]


def test_what_is_not_for_everybody_is_passed_on() -> None:
    for status, headers in (
        ("404 NOT FOUND", PAGE),
        ("200 OK", [*PAGE, ("Set-Cookie", "a=b")]),
        ("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "no-store")]),
        ("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")]),
    ):
        site = Site(status, headers)
        assert [site.client.get("/").text for _ in range(2)] == ["page 1", "page 2"]


def test_the_oldest_pages_make_room() -> None:
    site = Site()
    for number in range(MOST + 1):
        site.client.get(f"/{number}")
    site.client.get(f"/{MOST}")
    assert site.made == MOST + 1
    site.client.get("/0")
    assert site.made == MOST + 2


def test_what_a_server_adds_to_one_reply_is_not_in_the_next() -> None:
    pages = KeptPages(Site(), lambda: 0.0)
    told: list[int] = []

    def serve(_status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        told.append(len(headers))
        headers.append(("Date", "now"))

    for _ in range(2):
        list(pages({"REQUEST_METHOD": "GET"}, serve))
    assert told == [len(PAGE)] * 2


def test_a_large_page_is_not_kept() -> None:
    site = Site(more=b" " * LARGEST)
    assert [site.client.get("/").text.strip() for _ in range(2)] == ["page 1", "page 2"]
