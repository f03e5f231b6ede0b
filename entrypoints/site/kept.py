"""Keep public pages for a moment: a case that everybody opens costs little more than its bytes."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SECONDS = 1.0
MOST = 128
LARGEST = 250_000
"""Bytes of a page that is kept. All of them together take no more than 32 MB."""
OF_BODY = ("content-length", "content-type", "content-encoding")

Headers = list[tuple[str, str]]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A page, and until when it is served."""

    headers: Headers
    body: bytes
    until: float

    @property
    def etag(self) -> str:
        return dict(self.headers).get("ETag", "")

    def answer(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Send the page, or 304 to a browser that has it."""
        if self.etag and self.etag in environ.get("HTTP_IF_NONE_MATCH", ""):
            rest = [each for each in self.headers if each[0].lower() not in OF_BODY]
            start("304 NOT MODIFIED", rest)
            return []
        start("200 OK", list(self.headers))  # a server may change what it gets (PEP 3333)
        return [self.body]


class KeptPages:
    """WSGI middleware that keeps the pages of people who have no cookie."""

    def __init__(self, app: "WSGIApplication", clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._pages: dict[Key, Kept] = {}
        self._lock = Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_COOKIE" in environ:
            return self._app(environ, start_response)
        key = _key(environ)
        kept = self._pages.get(key)
        if kept and self._clock() < kept.until:
            return kept.answer(environ, start_response)
        return self._made(key, environ, start_response)

    def _made(
        self, key: Key, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Let the page be made, and keep it if it is the same for everybody."""
        begun: list[Any] = []
        whole = {name: value for name, value in environ.items() if name != "HTTP_IF_NONE_MATCH"}
        pieces = self._app(whole, lambda *status_and_headers: begun.extend(status_and_headers))  # type: ignore[arg-type]  # nothing here writes
        status, headers = begun[:2]
        if not _is_for_everybody(status, headers):
            start_response(*begun)
            return pieces
        kept = Kept(headers, _joined(pieces), self._clock() + SECONDS)
        if len(kept.body) <= LARGEST:
            self._keep(key, kept)
        return kept.answer(environ, start_response)

    def _keep(self, key: Key, kept: Kept) -> None:
        with self._lock:
            self._pages.pop(key, None)
            self._pages[key] = kept
            while len(self._pages) > MOST:
                del self._pages[next(iter(self._pages))]


def _key(environ: "WSGIEnvironment") -> Key:
    """Return all of a request that a public page depends on."""
    names = ("PATH_INFO", "QUERY_STRING", "HTTP_ACCEPT_LANGUAGE", "HTTP_ACCEPT_ENCODING")
    return tuple(environ.get(name, "") for name in names)


def _is_for_everybody(status: str, headers: Headers) -> bool:
    found = {name.lower(): value for name, value in headers}
    return (
        status.startswith("200")
        and found.get("content-type", "").startswith("text/html")
        and found.get("cache-control") == "no-cache"
        and "set-cookie" not in found
    )


def _joined(pieces: Iterable[bytes]) -> bytes:
    try:
        return b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close:
            close()
