"""A case in Debian's Chromium, from a real server."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from entrypoints.demo.pictures import photo
from tests.site.conftest import violations
from tests.system.deployment import Klarity
from tests.system.phone import Phone

PASSPHRASE = "four plain words here"


@pytest.fixture(scope="module")
def author(served: Klarity) -> Iterator[Phone]:
    with Phone(served.url) as author:
        author.join()
        yield author


@pytest.fixture(scope="module")
def path(author: Phone, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a public case with a real picture, an Arabic title and a person named."""
    file = tmp_path_factory.mktemp("photos") / "photo.jpg"
    file.write_bytes(photo(Random(1)))
    body = {
        "title": "رشوة في مكتب Osman",
        "story": "طلب الموظف Osman مبلغ 200 USD.\n\n" + "x" * 500,
        "tags": ["permits"],
        "location": {"lat": 30.05, "lon": 31.24, "precision": "city", "name": "Nasr City"},
        "evidence": [_uploaded(author, file)],
    }
    case_id = author.report(**body).json()["case_id"]
    author.case_when(case_id, lambda case: case["status"] == "published")
    party = {"kind": "person", "name": "Osman Bey", "role": "took the money"}
    author.call("POST", f"/v1/cases/{case_id}/parties", party)
    author.case_when(case_id, lambda case: bool(case["parties"]))
    return f"/cases/{case_id}"


def _uploaded(author: Phone, file: Path) -> str:
    return str(author.evidence_when_decided(author.upload(file))["evidence_id"])


def join(page: Page, name: str, then: str) -> None:
    page.goto(f"/join?next={then}")
    page.get_by_label("A name for you here").fill(name)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Join").click()
    page.wait_for_url(f"**{then}")


def test_axe_finds_nothing_and_nothing_is_wider_than_the_phone(phone: Page, path: str) -> None:
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for scheme in schemes:
        phone.emulate_media(color_scheme=scheme)
        for below in ("", "/share", "?as_of=2099-01-01"):
            phone.goto(path + below)
            assert violations(phone) == [], (scheme, below)
            assert phone.evaluate("document.documentElement.scrollWidth") <= 360, below
        expect(phone.locator("img").first).to_have_js_property("complete", value=True)


def test_axe_finds_nothing_where_members_write(phone: Page, path: str) -> None:
    join(phone, "Swift", path)
    case_id = path.rpartition("/")[2]
    for below in ("", "/share", "/name", "/amend", "/withdraw", f"/flag/case/{case_id}"):
        phone.goto(path + below)
        assert violations(phone) == [], below
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360, below


def test_a_neighbour_supports_and_follows_without_a_new_page(phone: Page, path: str) -> None:
    join(phone, "Wagtail", path)
    phone.evaluate("window.same = true")
    actions = phone.locator("#actions")
    actions.get_by_role("button", name="Me too").click()
    expect(actions.get_by_role("button", name="Me too", pressed=True)).to_be_focused()
    actions.get_by_role("button", name="Follow").click()
    expect(actions.get_by_role("button", name="Following", pressed=True)).to_be_visible()
    actions.get_by_role("button", name="Me too").click()
    expect(actions.get_by_role("button", name="Me too", pressed=False)).to_be_visible()
    assert phone.evaluate("window.same")


def test_a_neighbour_shares_with_one_tap_and_it_counts(phone: Page, path: str) -> None:
    phone.add_init_script("navigator.share = async (what) => { window.shared = what; };")
    join(phone, "Lapwing", path)
    with phone.expect_response(lambda reply: reply.url.endswith("/shares")) as counted:
        phone.locator("#actions").get_by_role("link", name="Share").click()
    assert counted.value.status == 204
    assert phone.evaluate("window.shared.url").endswith(path)


def test_the_address_is_copied(phone: Page, path: str) -> None:
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.goto(f"{path}/share")
    phone.get_by_role("button", name="Copy the address").click()
    expect(phone.get_by_text("Copied.")).to_be_visible()
    assert phone.evaluate("navigator.clipboard.readText()").endswith(path)


def test_the_actions_stay_at_the_bottom_of_a_phone(phone: Page, path: str) -> None:
    phone.goto(path)
    bar = phone.locator("#actions").bounding_box()
    assert bar
    assert bar["y"] + bar["height"] == pytest.approx(740, abs=2)
