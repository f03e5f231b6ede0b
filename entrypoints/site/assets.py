"""The style, scripts and icons of the site.

All are served from one folder whose name is a hash of them all: browsers keep them forever, and the
modules of a version find each other by relative addresses. Packages from npm are installed by
``make`` as ``package-lock.json`` says; without them the site works, but plainly.
"""

import gzip
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from mimetypes import guess_type
from pathlib import Path

import brotli
from flask import Blueprint, Response, abort, request

HERE = Path(__file__).parent
STATIC = HERE / "static"
PACKAGES = HERE / "node_modules"
YEAR_SECONDS = 365 * 86_400
PICO = "@picocss/pico/css/pico.classless.min.css"
# The names under which files of packages are served.
FROM_PACKAGES = {
    "npm/htmx.js": "htmx.org/dist/htmx.min.js",
    "npm/tus.js": "tus-js-client/dist/tus.min.js",
    "npm/idb.js": "idb/build/index.js",
    # These two are no modules; js/map.js is.
    "npm/leaflet.js": "leaflet/dist/leaflet.js",
    "npm/protomaps-leaflet.js": "protomaps-leaflet/dist/protomaps-leaflet.js",
    "npm/leaflet.css": "leaflet/dist/leaflet.css",
}
STYLE = "site.css"
COMPRESSED = (".css", ".js", ".json", ".svg", ".webmanifest")
ENCODINGS = ("br", "gzip")
"""The best comes first. Browsers take Brotli over TLS only."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    compresses: bool


class Assets:
    """All files, read once."""

    def __init__(self, packages: Path = PACKAGES) -> None:
        self._packages = packages
        self.files = {name: _asset(name, content) for name, content in self._contents()}
        self.version = _hash_of(self.files)
        if not (packages / PICO).exists():
            log.warning("the packages of the site are not installed; `make assets` does it")

    def url(self, name: str) -> str:
        """Return the address of a file, or "" if there is none."""
        return f"/static/{self.version}/{name}" if name in self.files else ""

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        yield STYLE, self._style()
        for path in sorted(STATIC.rglob("*")):
            if path.is_file() and path.parent.name != "css":
                yield path.relative_to(STATIC).as_posix(), path.read_bytes()
        for name, place in FROM_PACKAGES.items():
            if (found := self._packages / place).exists():
                yield name, found.read_bytes()

    def _style(self) -> bytes:
        """Return one style sheet: Pico, then ours in the order of their names."""
        pico = self._packages / PICO
        sheets = sorted((STATIC / "css").glob("*.css"))
        ours = "".join(sheet.read_text() for sheet in sheets)
        return (pico.read_bytes() if pico.exists() else b"") + dense(ours).encode()


def dense(style: str) -> str:
    """Return a style sheet without comments and without spaces that mean nothing."""
    plain = re.sub(r"/\*.*?\*/|\n", " ", style, flags=re.DOTALL)
    return re.sub(r" *([{};,]) *|(:) +| +(?= )", r"\1\2", plain)


@cache
def assets() -> Assets:
    return Assets()


def assets_blueprint() -> Blueprint:
    """Serve ``GET /static/<version>/<name>``."""
    blp = Blueprint("assets", __name__)

    @blp.get("/static/<version>/<path:name>")
    def asset(version: str, name: str) -> Response:
        found = assets().files.get(name)
        # A page of another version asks another process while a deployment is under way: the
        # nearest file is better than none, but must not be kept.
        if found is None:
            abort(404)
        reply = Response(found.content, content_type=found.media_type)
        encoding = request.accept_encodings.best_match(ENCODINGS) if found.compresses else None
        if encoding:
            reply.data = encoded(found.content, encoding)
            reply.headers["Content-Encoding"] = encoding
        reply.headers["Vary"] = "Accept-Encoding"
        if version == assets().version:
            reply.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return reply

    return blp


def _asset(name: str, content: bytes) -> Asset:
    media_type = guess_type(name)[0] or "application/octet-stream"
    if name.endswith(".js"):
        media_type = "text/javascript"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    return Asset(content, media_type, compresses=name.endswith(COMPRESSED))


@cache
def encoded(content: bytes, encoding: str) -> bytes:
    """Return the content, compressed as well as the encoding can."""
    if encoding == "br":
        return bytes(brotli.compress(content))
    return gzip.compress(content, 9, mtime=0)


def _hash_of(files: dict[str, Asset]) -> str:
    digest = blake2b(digest_size=8)
    for name, asset in sorted(files.items()):
        digest.update(f"{name} {len(asset.content)} ".encode() + asset.content)
    return digest.hexdigest()
