"""The monitor in Debian's Chromium: on a phone, by keyboard, and without scripts."""

import socket
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from config.internal import InternalListener
from config.process import Process
from entrypoints.monitor.access import Access
from entrypoints.monitor.monitor import beside, create_monitor
from tests.monitor.conftest import parked
from tests.monitor.overviews import in_trouble
from tests.site.conftest import LAPTOP, PHONE, browser, violations

__all__ = ["browser", "parked"]
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


@pytest.fixture(scope="module")
def address(process: Process) -> Iterator[str]:
    """The monitor of a system in trouble, on the internal listener."""
    access = Access(process.use_cases.accounts, process._attempts, loopback=True)
    monitor = create_monitor(process.monitor_tools(in_trouble), access, bytes(32))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listener = InternalListener(beside(process.internal_app, monitor), "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}"
    listener.close()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """A phone. What its policy forbids or what fails in a script fails the test."""
    context = browser.new_context(viewport=PHONE, base_url=address, has_touch=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    yield page
    context.close()
    assert [each for each in wrong if "Failed to load resource" not in each] == []


def pages_of(page: Page) -> list[str]:
    """The addresses of a page of each kind."""
    page.goto("/monitor/parked")
    cause = page.locator("article a").first.get_attribute("href") or ""
    page.goto(cause)
    event = page.locator("tbody a").first.get_attribute("href") or ""
    page.goto("/monitor/events?log=cases")
    one = page.locator("tbody th a").first.get_attribute("href") or ""
    page.goto(one)
    command = page.locator("a[href*='commands?id=']").get_attribute("href") or ""
    return [
        *(
            f"/monitor{each}"
            for each in ("", "/map", "/parked", "/events", "/alerts", "/interventions")
        ),
        *(cause, event, one, command, "/monitor/commands", "/monitor/nowhere", "/monitor/sign-in"),
        "/monitor/interventions",
        "/monitor/subscribers/query/videos",
    ]


@pytest.mark.usefixtures("parked")
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(phone: Page) -> None:
    for path in pages_of(phone):
        for scheme in SCHEMES:
            phone.emulate_media(color_scheme=scheme)
            phone.goto(path)
            width = phone.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], path
            # The policy of the page lets no script in but its own.
            assert violations(phone) == [], (path, scheme)


@pytest.mark.usefixtures("parked")
def test_an_event_is_retried_by_keyboard_alone(phone: Page) -> None:
    phone.goto("/monitor/parked")
    phone.keyboard.press("Tab")
    expect(phone.get_by_role("link", name="Skip to the content")).to_be_focused()
    phone.keyboard.press("Enter")
    phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    name = phone.get_by_label("Your name")
    expect(name).to_be_visible()
    name.focus()
    phone.keyboard.type("Olga")
    phone.keyboard.press("Tab")
    phone.keyboard.type("The disk was full.")
    phone.keyboard.press("Tab")
    expect(phone.get_by_role("button", name="Retry")).to_be_focused()
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("status")).to_contain_text("1 of 1 event was decided on")


def test_it_works_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=LAPTOP, base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/monitor")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The relay of cases")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Events").click()
    page.get_by_label("Log", exact=True).select_option("members")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Events of members")
    context.close()
