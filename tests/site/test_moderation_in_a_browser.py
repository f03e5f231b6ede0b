"""Moderating in Debian's Chromium: by keyboard, several at once, and for everybody to use."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.servers import wait_until
from tests.site.conftest import LAPTOP, violations
from tests.system.deployment import Klarity

PASSPHRASE = "four plain words here"


@dataclass
class Town:
    """Members of a running Klarity, by its API."""

    url: str

    def post(self, path: str, body: Any, token: str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.post(self.url + path, json=body, headers=headers, timeout=60)

    def join(self, name: str) -> tuple[str, str]:
        """Register a member; the id and a token."""
        account = {"pseudonym": name, "passphrase": PASSPHRASE}
        member_id: str = self.post("/v1/members", account).json()["member_id"]
        return member_id, self.post("/v1/sessions", account).json()["access_token"]

    def flag(self, member_id: str, token: str) -> None:
        """Flag the profile of a member, once moderation knows it."""
        body = {
            "subject_kind": "member",
            "subject_id": member_id,
            "rule": "spam",
            "note": "It sells.",
        }
        assert wait_until(lambda: self.post("/v1/flags", body, token).status_code == 201, 60)


@pytest.fixture(scope="module")
def town(served: Klarity) -> Town:
    return Town(served.url)


@pytest.fixture(scope="module")
def moderator(served: Klarity) -> str:
    """The name of a moderator."""
    served.run("members", "add", "Mara Judge", "--role", "moderator", "--passphrase", PASSPHRASE)
    return "Mara Judge"


@pytest.fixture
def desk(browser: Browser, served: Klarity, moderator: str) -> Any:
    """A moderator's laptop."""
    context = browser.new_context(viewport=LAPTOP, base_url=served.url)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    sign_in(page, moderator)
    yield page
    context.close()
    assert not wrong


@pytest.fixture
def flagged(town: Town) -> Callable[[int], list[str]]:
    """Makes members whose profiles are flagged; their ids."""

    def make(count: int) -> list[str]:
        _, token = town.join(f"Watcher {uuid.uuid4().hex[:8]}")
        ids = [town.join(f"Seller {uuid.uuid4().hex[:8]}")[0] for _ in range(count)]
        for member_id in ids:
            town.flag(member_id, token)
        return ids

    return make


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Your name here").fill(name)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Moderation")).to_be_visible()


def open_queue(page: Page, member_ids: list[str]) -> None:
    """Open the queue, once all of them are in it."""

    def is_complete() -> bool:
        page.goto("/moderation?kind=member")
        return all(page.locator(f"#member-{each}").count() for each in member_ids)

    assert wait_until(is_complete, 60)


def test_a_moderator_decides_with_two_keys(
    desk: Page, flagged: Callable[[int], list[str]], town: Town
) -> None:
    first, second = flagged(2)
    open_queue(desk, [first, second])
    desk.keyboard.press("j")
    focused = desk.locator("[data-item]:focus").get_attribute("id") or ""
    decided, item = focused.removeprefix("member-"), desk.locator(f"#{focused}")
    assert decided in (first, second)
    desk.keyboard.press("h")
    expect(item.get_by_label("Why")).to_have_value("Say a thing once, and do not sell anything.")
    desk.keyboard.press("5")
    expect(item.get_by_label("Rule")).to_have_value("hatred")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("Decided.")
    expect(desk.locator(f"#member-{decided}")).to_have_count(0)
    hidden = f"{town.url}/v1/members/{decided}"
    assert wait_until(lambda: requests.get(hidden, timeout=60).status_code == 404, 60)
    assert violations(desk) == []


def test_a_reason_is_written_and_keys_are_text_there(
    desk: Page, flagged: Callable[[int], list[str]]
) -> None:
    (member_id,) = flagged(1)
    open_queue(desk, [member_id])
    item = desk.locator(f"#member-{member_id}")
    item.focus()
    desk.keyboard.press("e")
    desk.keyboard.type("hjk")
    expect(item.get_by_label("Why")).to_have_value("hjk")
    desk.keyboard.press("Tab")
    expect(item.get_by_role("button", name="Hide")).to_be_focused()
    desk.keyboard.press("h")
    expect(item.get_by_label("Why")).to_have_value("hjk")


def test_several_are_marked_and_decided_at_once(
    desk: Page, flagged: Callable[[int], list[str]]
) -> None:
    chosen = flagged(2)
    open_queue(desk, chosen)
    for member_id in chosen:
        desk.locator(f"#member-{member_id}").focus()
        desk.keyboard.press("x")
    form = desk.locator("#together")
    form.get_by_label("Why").fill("They sell nothing.")
    form.get_by_role("button", name="Nothing wrong").click()
    expect(desk.get_by_role("status")).to_contain_text("2 decided.")
    desk.get_by_role("link", name="All decisions").click()
    expect(desk.get_by_text("They sell nothing.").first).to_be_visible()


def test_keys_can_be_turned_off(desk: Page, flagged: Callable[[int], list[str]]) -> None:
    open_queue(desk, flagged(1))
    desk.keyboard.press("?")
    desk.get_by_label("Use these keys").uncheck()
    desk.keyboard.press("j")
    expect(desk.locator("[data-item]:focus")).to_have_count(0)


def test_axe_finds_nothing(desk: Page, phone: Page, flagged: Callable[[int], list[str]]) -> None:
    (member_id,) = flagged(1)
    open_queue(desk, [member_id])
    desk.locator(f"#member-{member_id}").get_by_text("Decide", exact=True).click()
    assert violations(desk) == []
    desk.goto(f"/moderation/member/{member_id}")
    assert violations(desk) == []
    form = desk.locator("article .decide")
    form.locator("summary").click()
    form.get_by_label("Why").fill("It sells.")
    form.get_by_role("button", name="Hide").click()
    desk.goto("/decisions")
    place = desk.locator("main a[href^='/decisions/']").first.get_attribute("href")
    for path in (f"{place}", f"{place}/appeal", f"/answer/member/{member_id}", "/suspension"):
        desk.goto(path)
        assert violations(desk) == [], path
    for scheme in ("light", "dark"):
        phone.emulate_media(color_scheme=scheme)
        for path in ("/about", "/rules", "/decisions", f"{place}", "/nowhere"):
            phone.goto(path)
            assert violations(phone) == [], path
            assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
