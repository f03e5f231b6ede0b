"""The ground of maps: tiles of land, and the operator's street map."""

from pathlib import Path

import pytest

from adapters.workrooms import Workrooms
from config.settings import SettingsError, read_settings
from entrypoints.site.assets import assets
from entrypoints.site.ground import HEADER_BYTES, ground_of, read_street_map
from entrypoints.site.site import SiteSettings, create_site
from tests.site.conftest import Reader
from tests.site.street_map import write_street_map


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    return write_street_map(tmp_path / "town.pmtiles", most_zoom=14)


@pytest.fixture
def site(streets: Path) -> Reader:
    """A site with a street map. Nobody asks its API."""
    settings = SiteSettings(
        public_url="http://k", leave_url="http://l", key=b"k" * 32, proxies=0, tiles=streets
    )
    return Reader(create_site(None, settings, Workrooms().room).test_client())  # type: ignore[arg-type]  # see above


def test_a_tile_of_land_is_kept_by_browsers(reader: Reader) -> None:
    reply = reader.client.get(f"/static/{assets().version}/land/2/2/1.svg")
    assert reply.content_type.startswith("image/svg+xml")
    assert "immutable" in reply.headers["Cache-Control"]
    assert "M" in reply.text
    other = reader.client.get("/static/other/land/2/2/1.svg")
    assert "immutable" not in other.headers.get("Cache-Control", "")


@pytest.mark.parametrize("tile", ["13/0/0", "0/1/0", "2/0/4", "-1/0/0"])
def test_there_are_no_tiles_beyond_the_world(reader: Reader, tile: str) -> None:
    assert reader.client.get(f"/static/x/land/{tile}.svg").status_code == 404


def test_enlarged_tiles_have_no_borders(reader: Reader) -> None:
    borders = [f"/static/x/land/{zoom}/0/0.svg" for zoom in (11, 12)]
    assert ["stroke" in reader.client.get(path).text for path in borders] == [True, False]


def test_ranges_of_the_street_map_are_served(site: Reader, streets: Path) -> None:
    reply = site.client.get("/tiles.pmtiles", headers={"Range": "bytes=0-16383"})
    assert reply.status_code == 206
    assert reply.data == streets.read_bytes()
    assert reply.content_type == "application/vnd.pmtiles"
    part = site.client.get("/tiles.pmtiles", headers={"Range": "bytes=7-7"})
    assert (part.data, part.headers["ETag"]) == (b"\x03", reply.headers["ETag"])


def test_the_whole_street_map_is_not_served(site: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.client.get("/tiles.pmtiles").status_code == 416
    monkeypatch.setattr("entrypoints.site.ground.LARGEST_RANGE", 10)
    all_of_it = {"Range": "bytes=0-16383"}
    assert site.client.get("/tiles.pmtiles", headers=all_of_it).status_code == 416


def test_without_a_street_map_there_is_none(reader: Reader) -> None:
    some = {"Range": "bytes=0-10"}
    assert reader.client.get("/tiles.pmtiles", headers=some).status_code == 404
    assert list(ground_of(None)) == ["land"]


def test_pages_tell_scripts_where_the_street_map_is(streets: Path) -> None:
    told = ground_of(read_street_map(streets))
    assert told["streets"] == "/tiles.pmtiles"
    assert told["streets-zoom"] == "14"


@pytest.mark.parametrize("content", [b"", b"PMTiles\x03", b"PMTiles\x02" + b"0" * HEADER_BYTES])
def test_another_file_than_a_street_map_is_refused_at_the_start(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiles").write_bytes(content)
    monkeypatch.setenv("KLARITY_TILES", str(tmp_path / "tiles"))
    with pytest.raises(SettingsError, match="PMTiles 3"):
        read_settings()


def test_a_street_map_is_taken_from_the_settings(
    streets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_TILES", str(streets))
    assert read_settings().tiles == streets
