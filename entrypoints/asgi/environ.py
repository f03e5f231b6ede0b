"""Convert an ASGI request to a WSGI environment (PEP 3333)."""

import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

REFUSAL = "klarity.refusal"
"""The key of a problem's code. If it is set, the application only refuses the request."""
WAKE = "klarity.wake"
"""The key of a function that any thread may call, with which a stream asks to be continued.

A stream yields an empty piece where it has nothing to send yet. This server then waits without a
thread. Other servers have no such function, so a stream waits in their threads.
"""

Headers = Iterable[tuple[bytes, bytes]]

_SAME_FOR_ALL: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def wsgi_environment(scope: Mapping[str, Any], body: object) -> dict[str, Any]:
    """Return the environment of the request. ``body`` becomes ``wsgi.input``."""
    server, client = scope["server"], scope["client"]
    environ = {
        **_SAME_FOR_ALL,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
    }
    _add_headers(environ, scope["headers"])
    return environ


def _add_headers(environ: dict[str, Any], headers: Headers) -> None:
    """Add the headers. A name with an underscore is dropped, because it could pose as another."""
    for name, value in headers:
        if b"_" in name:
            continue
        key, text = _key(name), value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text


@lru_cache(256)
def _key(name: bytes) -> str:
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
