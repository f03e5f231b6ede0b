"""Send requests to the API: in this process, or over HTTP to where other processes serve it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

import msgspec
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

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
