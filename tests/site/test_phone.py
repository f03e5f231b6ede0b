"""What makes the site installable, and what its worker keeps."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops

from entrypoints.site.assets import assets
from entrypoints.site.phone import ICON_SIZES
from tests.http.conftest import Caller
from tests.site.conftest import Reader
from tests.site.icons import icon


def test_the_manifest_has_what_phones_need_to_install_the_site(reader: Reader) -> None:
    page = reader.open("/")
    where = page.find("link", rel="manifest")["href"]
    reply = reader.client.get(where, headers={"Accept-Language": "ar"})
    assert reply.content_type == "application/manifest+json"
    manifest: Any = reply.json
    assert (manifest["name"], manifest["dir"], manifest["start_url"]) == ("Klarity", "rtl", "/")
    for described in manifest["icons"]:
        drawn = reader.client.get(described["src"])
        assert drawn.content_type == "image/png"
        width, height = Image.open(BytesIO(drawn.data)).size
        assert described["sizes"] == f"{width}x{height}"
    assert reader.client.get(manifest["shortcuts"][0]["url"]).status_code == 200


@pytest.mark.parametrize("size", ICON_SIZES)
def test_the_icons_in_pixels_are_drawn_as_their_program_draws_them(size: int) -> None:
    served = Image.open(BytesIO(assets().files[f"icon-{size}.png"].content))
    drawn = Image.open(BytesIO(icon(size)))
    assert ImageChops.difference(served, drawn).getbbox() is None


def test_the_worker_is_checked_at_each_visit_and_names_files_that_exist(reader: Reader) -> None:
    reply = reader.client.get("/service-worker.js?language=es")
    assert reply.content_type.startswith("text/javascript")
    assert reply.headers["Cache-Control"] == "no-cache"
    script = reply.get_data(as_text=True)
    assert '"Accept-Language": "es"' in script
    files = script.split("const FILES = [")[1].split("]")[0].replace('"', "").split(", ")
    for name in files:
        assert reader.client.get(name).status_code == 200


def test_an_older_browser_gets_a_worker_without_modules(reader: Reader) -> None:
    script = reader.client.get("/service-worker.js?language=xx&classic=1").get_data(as_text=True)
    assert "import" not in script
    assert '"Accept-Language": "en"' in script


def test_the_page_for_offline_use_is_the_same_for_everybody(reader: Reader) -> None:
    page = reader.open("/offline")
    assert page.find("a", href="/report")
    assert "Set-Cookie" not in reader.headers


def test_what_is_kept_of_the_report_page_holds_nothing_of_a_member(
    reader: Reader, another_reader: Reader, anna: Caller
) -> None:
    reader.sign_in(anna)
    assert reader.open("/report").find("form", {"data-member": anna.member_id})
    assert reader.headers["Cache-Control"] == "no-store"
    another_reader.open("/report")
    assert anna.member_id not in str(another_reader.soup)
    assert another_reader.headers["Cache-Control"] == "no-cache"
