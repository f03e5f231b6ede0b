"""The site in Debian's Chromium, from a real server."""

from typing import Literal

from playwright.sync_api import Page, expect

from tests.site.conftest import violations
from tests.system.deployment import Klarity


def test_a_person_joins_with_a_phone(phone: Page) -> None:
    phone.goto("/")
    phone.get_by_role("link", name="Sign in").click()
    phone.get_by_role("link", name="Choose a name and a passphrase").click()
    phone.get_by_label("A name for you here").fill("Robin")
    phone.get_by_label("Passphrase").fill("four plain words here")
    phone.get_by_role("button", name="Join").click()
    expect(phone.get_by_role("link", name="Me", exact=True)).to_be_visible()


def test_axe_finds_nothing_on_the_plain_pages(phone: Page) -> None:
    for path in ("/", "/sign-in", "/join", "/nowhere"):
        phone.goto(path)
        assert violations(phone) == [], path


def test_axe_finds_nothing_on_a_members_own_pages(phone: Page) -> None:
    phone.goto("/join")
    phone.get_by_label("A name for you here").fill("Nightingale")
    phone.get_by_label("Passphrase").fill("four plain words here")
    phone.get_by_role("button", name="Join").click()
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for scheme in schemes:
        phone.emulate_media(color_scheme=scheme)
        for path in ("", "/notifications", "/settings", "/leave"):
            phone.goto(f"/me{path}")
            assert violations(phone) == [], (scheme, path)


def test_a_link_of_another_site_leaves_a_member_signed_in(phone: Page, served: Klarity) -> None:
    phone.goto("/join")
    phone.get_by_label("A name for you here").fill("Follows links")
    phone.get_by_label("Passphrase").fill("four plain words here")
    phone.get_by_role("button", name="Join").click()
    me = phone.get_by_role("banner").get_by_role("link", name="Me", exact=True)
    expect(me).to_be_visible()
    phone.goto(f"data:text/html,<a href='{served.url}/me'>Klarity</a>")
    phone.get_by_role("link").click()
    expect(me).to_be_visible()
    phone.goto("/")
    expect(me).to_be_visible()
