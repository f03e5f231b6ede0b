"""Send requests to the API: in this process, or over HTTP to where other processes serve it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

import msgspec
import requests
from requests.adapters import HTTPAdapter
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SECONDS = (3.05, 30.0)
CONNECTIONS = 32
FORWARDED = ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "wsgi.url_scheme", "HTTP_HOST")


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the API. ``path`` includes the query, percent-encoded."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the API."""

    status: int
    headers: Headers
    content: bytes

    @property
    def body(self) -> Any:
        """The decoded JSON, or None if there is none."""
        return msgspec.json.decode(self.content) if self.content else None


AWAY = Answer(
    503,
    Headers({"Content-Type": "application/problem+json", "Retry-After": "5"}),
    b'{"type": "/problems/unavailable"}',
)
"""The answer where the API cannot be reached."""


class Api(Protocol):
    """The API as the site reaches it."""

    def __call__(self, question: Question, visitor: Mapping[str, Any]) -> Answer:
        """Send a request on behalf of the visitor, whose WSGI environment is given.

        The API limits rates by the visitor's address, so it has to learn that.
        """
        ...


class ApiInProcess:
    """Calls the WSGI application of this process."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, question: Question, visitor: Mapping[str, Any]) -> Answer:
        pieces, status, headers = run_wsgi_app(
            self._app, _environment(question, visitor), buffered=True
        )
        return Answer(int(status.split(" ", 1)[0]), headers, b"".join(pieces))


class ApiOverHttp:
    """Calls the API at an address where other processes serve it.

    They take the visitor's address from ``X-Forwarded-For``, as ``proxies`` of one's own wrote it.
    """

    def __init__(self, url: str, *, proxies: int, ca: str = "", cert: str = "") -> None:
        self._url = url.rstrip("/")
        self._proxies = proxies
        self._verify: str | bool = ca or True
        self._cert = cert or None
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def __call__(self, question: Question, visitor: Mapping[str, Any]) -> Answer:
        try:
            reply = self._session.request(
                question.method,
                self._url + question.path,
                headers={**question.headers, "X-Forwarded-For": self._forwarded(visitor)},
                data=question.content,
                timeout=SECONDS,
                allow_redirects=False,
                verify=self._verify,
                cert=self._cert,
            )
        except requests.RequestException:
            return AWAY
        return Answer(reply.status_code, Headers(list(reply.headers.items())), reply.content)

    def _forwarded(self, visitor: Mapping[str, Any]) -> str:
        """Return the addresses that proxies passed on, or that of who asked."""
        passed_on = visitor.get("HTTP_X_FORWARDED_FOR", "") if self._proxies else ""
        return str(passed_on or visitor.get("REMOTE_ADDR", ""))


def _environment(question: Question, visitor: Mapping[str, Any]) -> dict[str, Any]:
    """Return the WSGI environment of the request (PEP 3333)."""
    path, _, query = question.path.partition("?")
    return {
        **{name: visitor[name] for name in FORWARDED if name in visitor},
        **{f"HTTP_{name.upper().replace('-', '_')}": v for name, v in question.headers.items()},
        "REQUEST_METHOD": question.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": question.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(question.content)),
        "SERVER_NAME": visitor.get("SERVER_NAME", "site"),
        "SERVER_PORT": visitor.get("SERVER_PORT", "80"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.input": BytesIO(question.content),
        "wsgi.errors": visitor["wsgi.errors"],
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
