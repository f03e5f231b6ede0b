"""The ground of maps in browsers that run scripts: tiles of land, and the operator's street map."""

from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, abort, request
from werkzeug.datastructures import ContentRange

from entrypoints.site.assets import YEAR_SECONDS, assets
from entrypoints.site.world import UNITS_A_PIXEL, View, land

TILE = 256
MOST_ZOOM = 12
"""Here the lines of the atlas are straight over many tiles. Browsers enlarge these tiles."""
BORDERS = 'stroke="#7f8b84"'
PMTILES = "application/vnd.pmtiles"
PMTILES_3 = b"PMTiles\x03"
HEADER_BYTES = 127
PLACE_OF_MOST_ZOOM = 101
LARGEST_RANGE = 4_000_000
DAY_SECONDS = 86_400
STREETS = "/tiles.pmtiles"


@dataclass(frozen=True, slots=True)
class StreetMap:
    """A file of street tiles, from the world down to a zoom."""

    path: Path
    most_zoom: int


def read_street_map(path: Path) -> StreetMap:
    """Return what the header of the file says. Raises OSError, or ValueError for another format."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(PMTILES_3):
        raise ValueError("this file has another format")
    return StreetMap(path.absolute(), header[PLACE_OF_MOST_ZOOM])


def ground_blueprint(street_map: StreetMap | None) -> Blueprint:
    """Serve tiles of land, and ranges of the street map."""
    blp = Blueprint("ground", __name__)

    @blp.get("/static/<version>/land/<int:zoom>/<int:x>/<int:y>.svg")
    def land_tile(version: str, zoom: int, x: int, y: int) -> Response:
        if zoom > MOST_ZOOM or max(x, y) >= 2**zoom:
            abort(404)
        reply = Response(drawn_tile(zoom, x, y), content_type="image/svg+xml")
        if version == assets().version:
            reply.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return reply

    @blp.get(STREETS)
    def streets() -> Response:
        """Send a range of the file: a client that asks for all of it takes it for a page."""
        if street_map is None:
            abort(404)
        found = street_map.path.stat()
        wanted = request.range.range_for_length(found.st_size) if request.range else None
        if wanted is None or wanted[1] - wanted[0] > LARGEST_RANGE:
            abort(416)
        reply = Response(_part(street_map.path, *wanted), 206, content_type=PMTILES)
        reply.content_range = ContentRange("bytes", *wanted, found.st_size)
        reply.set_etag(f"{found.st_mtime_ns:x}-{found.st_size:x}")
        reply.headers["Cache-Control"] = f"public, max-age={DAY_SECONDS}"
        return reply

    return blp


def _part(path: Path, start: int, stop: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(stop - start)


def ground_of(street_map: StreetMap | None) -> dict[str, str]:
    """Return where scripts find the ground of their maps."""
    land = f"/static/{assets().version}/land/{{z}}/{{x}}/{{y}}.svg"
    if street_map is None:
        return {"land": land}
    return {"land": land, "streets": STREETS, "streets-zoom": str(street_map.most_zoom)}


def drawn_tile(zoom: int, x: int, y: int) -> str:
    """Return a square part of the world as SVG. Its colours suit light and dark pages."""
    borders = BORDERS if zoom < MOST_ZOOM else ""  # a line that is enlarged becomes a wall
    path = land(View(x / 2**zoom, y / 2**zoom, TILE * 2**zoom, TILE, TILE))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {TILE} {TILE}">'
        f'<path transform="scale({1 / UNITS_A_PIXEL})" d="{path}" fill="#7f8b84" fill-opacity=".35"'
        f' {borders} fill-rule="evenodd"/></svg>'
    )
