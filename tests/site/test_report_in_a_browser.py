"""Reporting in Debian's Chromium: offline, interrupted, repeated, and without scripts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.media import phone_photo, photo_with_gps, video_with_gps
from tests.site.conftest import LAPTOP, PHONE, QUIET, violations
from tests.system.deployment import Klarity
from tests.system.phone import PATIENCE, Phone, eventually

Open = Callable[..., Page]
MB = 1_000_000
PADDING = 4 * MB
BUDGET = 120_000


@pytest.fixture
def open_phone(browser: Browser, served: Klarity, tmp_path: Path) -> Iterator[Open]:
    """Open the browser of one phone: what it keeps is there again when it is opened again."""
    opened: list[BrowserContext] = []
    wrong: list[str] = []

    def start(**options: Any) -> Page:
        context = browser.browser_type.launch_persistent_context(
            tmp_path / "profile",
            executable_path="/usr/bin/chromium",
            args=QUIET,
            **{"viewport": PHONE, "base_url": served.url, "has_touch": True, **options},
        )
        opened.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        return context.pages[0]

    yield start
    for context in opened:
        context.close()
    assert wrong == []


@pytest.fixture
def member(served: Klarity) -> Iterator[Phone]:
    with Phone(served.url) as phone:
        yield phone.join()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film of several megabytes; players pass over most of it."""
    path = video_with_gps(tmp_path / "film.mp4", seconds=2)
    with path.open("ab") as file:
        file.write((PADDING + 8).to_bytes(4) + b"free" + bytes(PADDING))
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return photo_with_gps(tmp_path / "photo.jpg")


def enter(page: Page, member: Phone) -> None:
    page.goto("/sign-in?next=/report")
    sign_in(page, member)


def sign_in(page: Page, member: Phone) -> None:
    page.get_by_label("Your name here").fill(member.pseudonym)
    page.get_by_label("Passphrase").fill(member.passphrase)
    page.get_by_label("Keep me signed in").check()
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#report.live")).to_be_visible()


def write(page: Page, title: str) -> None:
    page.get_by_label("In a few words").fill(title)
    page.get_by_label("The story").fill("They asked for money.")


def choose(page: Page, *paths: Path) -> None:
    page.get_by_label("Gallery").set_input_files(paths)
    for path in paths:
        expect(page.locator("#files li", has_text=path.name)).to_contain_text("Ready on this phone")


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


def wait_for_worker(page: Page) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")


def published(served: Klarity, title: str) -> list[dict[str, Any]]:
    """The public cases with this title."""
    found = requests.get(f"{served.url}/v1/cases?limit=100", timeout=PATIENCE).json()["items"]
    return [case for case in found if case["title"] == title]


def expect_public_once(page: Page, served: Klarity, title: str, pieces: int) -> None:
    item = page.locator("#drafts li", has_text=title)
    expect(item).to_contain_text("Public")

    def complete() -> list[dict[str, Any]] | None:
        cases = published(served, title)
        return cases if [len(case["evidence"]) for case in cases] == [pieces] else None

    assert eventually(complete)


def test_a_report_written_offline_survives_the_browser_and_becomes_public_once(
    open_phone: Open, served: Klarity, member: Phone, film: Path, photo: Path
) -> None:
    title = "Written without a network"
    page = open_phone()
    enter(page, member)
    wait_for_worker(page)
    assert violations(page) == []
    page.context.set_offline(True)
    page.goto("/report")
    write(page, title)
    choose(page, film, photo)
    send(page)
    expect(page.locator("#state")).to_contain_text("Waiting for the network")
    assert violations(page) == []
    page.context.close()

    page = open_phone(offline=True)
    page.goto("/report")
    expect(page.get_by_label("In a few words")).to_have_value(title)
    expect(page.locator("#files li", has_text="film.mp4")).to_be_visible()
    page.context.set_offline(False)
    expect_public_once(page, served, title, 2)
    assert violations(page) == []
    assert published(served, title)[0]["author"] is None


def test_an_upload_goes_on_after_the_browser_was_closed_in_the_middle(
    open_phone: Open, served: Klarity, member: Phone, film: Path
) -> None:
    title = "Closed in the middle"
    page = open_phone(service_workers="block")
    enter(page, member)
    passed: list[int] = []

    def few(route: Route) -> None:
        if route.request.method == "PATCH" and len(passed) == 3:
            return  # no answer
        if route.request.method == "PATCH":
            passed.append(1)
        route.continue_()

    page.route("**/v1/uploads/*", few)
    write(page, title)
    choose(page, film)
    send(page)
    expect(page.locator("#state")).to_contain_text("Sending 0.8 of")
    assert violations(page) == []
    page.context.close()

    page = open_phone(service_workers="block")
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    page.goto("/report")
    expect_public_once(page, served, title, 1)
    uploads = [method for method, url in asked if "/v1/uploads" in url]
    assert uploads[0] == "HEAD"
    assert "POST" not in uploads
    pieces = -(-film.stat().st_size // (256 * 1024))
    assert uploads.count("PATCH") <= pieces - 3


def test_a_report_whose_reply_was_lost_is_sent_again_and_counts_once(
    open_phone: Open, served: Klarity, member: Phone, photo: Path
) -> None:
    title = "The reply was lost"
    page = open_phone(service_workers="block")
    enter(page, member)
    lost: list[str] = []

    def lose_first(route: Route) -> None:
        if route.request.method == "POST" and route.request.url not in lost:
            lost.append(route.request.url)
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/cases", lose_first)
    page.route("**/v1/uploads", lose_first)
    write(page, title)
    choose(page, photo)
    send(page)
    expect(page.locator("#state")).to_contain_text("Waiting for the network")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect_public_once(page, served, title, 1)
    assert len(lost) == 2


def test_who_was_signed_out_signs_in_and_the_draft_goes_on(
    open_phone: Open, served: Klarity, member: Phone, photo: Path
) -> None:
    title = "Signed out in the middle"
    page = open_phone()
    enter(page, member)
    write(page, title)
    choose(page, photo)
    page.context.clear_cookies()
    page.reload()
    send(page)
    expect(page.locator("#state")).to_contain_text("Please sign in")
    assert violations(page) == []
    page.locator("#state a").click()
    sign_in(page, member)
    expect_public_once(page, served, title, 1)


def test_another_member_on_a_shared_phone_does_not_send_a_draft(
    open_phone: Open, served: Klarity, member: Phone, photo: Path
) -> None:
    page = open_phone()
    enter(page, member)
    write(page, "Not by somebody else")
    choose(page, photo)
    page.context.clear_cookies()
    with Phone(served.url) as other:
        enter(page, other.join())
    send(page)
    expect(page.locator("#state")).to_contain_text("Somebody else is signed in")


def test_what_is_wrong_with_evidence_is_told_and_can_be_mended(
    open_phone: Open, served: Klarity, member: Phone, photo: Path, tmp_path: Path
) -> None:
    title = "With a broken picture"
    odd, broken = tmp_path / "odd.jpg", tmp_path / "broken.jpg"
    odd.write_text("no picture")
    broken.write_bytes(photo.read_bytes()[:200])
    page = open_phone()
    enter(page, member)
    send(page)
    expect(page.get_by_label("In a few words")).to_be_focused()
    expect(page.get_by_text("Say in a few words what happened.")).to_be_visible()
    assert violations(page) == []
    write(page, title)
    choose(page, odd, broken)
    send(page)
    expect(page.locator("#state")).to_contain_text("Needs something from you")
    assert violations(page) == []
    page.get_by_role("button", name="Remove: odd.jpg").click()
    send(page)
    expect(page.locator("#state")).to_contain_text("A file could not be used")
    assert violations(page) == []
    choose(page, photo)
    send(page)
    expect_public_once(page, served, title, 1)


def test_several_drafts_are_kept_and_all_is_wiped(
    open_phone: Open, member: Phone, photo: Path
) -> None:
    page = open_phone()
    enter(page, member)
    wait_for_worker(page)
    write(page, "The first")
    choose(page, photo)
    page.get_by_role("button", name="Begin another").click()
    write(page, "The second")
    page.reload()
    expect(page.get_by_label("In a few words")).to_have_value("The second")
    page.get_by_role("button", name="The first", exact=True).click()
    expect(page.get_by_label("In a few words")).to_have_value("The first")
    expect(page.locator("#files li")).to_have_count(1)
    page.get_by_role("button", name="Remove: The second").click()
    expect(page.locator("#drafts li")).to_have_count(1)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Wipe everything from this phone").click()
    expect(page.get_by_text("Everything of Klarity is wiped")).to_be_visible()
    assert violations(page) == []
    kept = """async () => [await caches.keys(), await indexedDB.databases(),
        await navigator.serviceWorker.getRegistrations(), Object.keys(localStorage)]"""
    eventually(lambda: page.evaluate(kept) == [[], [], [], []] or None)


def test_a_place_is_shown_as_a_circle_and_asked_of_the_phone_on_request(
    open_phone: Open, served: Klarity, member: Phone, photo: Path
) -> None:
    title = "With a place"
    where = {"latitude": 27.59161, "longitude": 86.56401}
    page = open_phone(viewport=LAPTOP, permissions=["geolocation"], geolocation=where)
    enter(page, member)
    write(page, title)
    page.get_by_text("3. Where and when").click()
    page.get_by_label("Where, in words").fill("The land office")
    page.get_by_role("button", name="Use my place").click()
    expect(page.get_by_label("Latitude")).to_have_value("27.592")
    expect(page.locator("#circle")).to_contain_text("within 800 m of 27.59, 86.56")
    page.get_by_role("button", name="Choose on a map").click()
    expect(page.locator("#place-map .leaflet-interactive")).to_be_visible()
    assert violations(page) == []
    page.locator("#place-map").press("ArrowUp")
    expect(page.get_by_label("Latitude")).not_to_have_value("27.592")
    page.get_by_role("button", name="Use my place").click()
    expect(page.get_by_label("Latitude")).to_have_value("27.592")
    page.get_by_label("How precisely people see it").press("ArrowRight")
    expect(page.locator("#circle")).to_contain_text("within 8 km of 27.6, 86.6")
    page.get_by_text("4. Who sees you").click()
    page.get_by_label("Everybody: your name").check()
    assert violations(page) == []
    choose(page, photo)
    send(page)
    expect_public_once(page, served, title, 1)
    case = published(served, title)[0]
    assert case["location"]["lat"] == 27.6
    assert case["author"]["pseudonym"] == member.pseudonym
    page.goto(f"/report/{case['case_id']}")
    expect(page.get_by_role("status")).to_contain_text("Public")
    assert violations(page) == []


def test_a_keyboard_alone_reports(open_phone: Open, member: Phone) -> None:
    page = open_phone()
    enter(page, member)
    for name, text in {"title": "By keyboard", "story": "They asked for money."}.items():
        tab_to(page, name)
        page.keyboard.type(text)
    tab_to(page, "file")
    tab_to(page, "send")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_contain_text("you alone can see this case")


def tab_to(page: Page, name: str) -> None:
    focused = "document.activeElement.name || document.activeElement.id"
    for _ in range(40):
        if page.evaluate(focused) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached")


def test_without_scripts_a_large_photo_is_reported(
    open_phone: Open, served: Klarity, member: Phone, tmp_path: Path
) -> None:
    title = "Without scripts"
    large = phone_photo(tmp_path / "large.jpg")
    assert large.stat().st_size > 5 * MB
    page = open_phone(java_script_enabled=False)
    page.goto("/sign-in?next=/report")
    page.get_by_label("Your name here").fill(member.pseudonym)
    page.get_by_label("Passphrase").fill(member.passphrase)
    page.get_by_role("button", name="Sign in").click()
    write(page, title)
    page.get_by_label("Gallery").set_input_files(large)
    send(page)
    expect(page.get_by_role("status")).to_contain_text("Sent")
    eventually(lambda: published(served, title) or None)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("status")).to_contain_text("Public")


def test_public_pages_that_were_read_are_there_offline_and_private_ones_are_not(
    open_phone: Open, member: Phone
) -> None:
    page = open_phone()
    page.goto("/")
    wait_for_worker(page)
    page.reload()
    enter(page, member)
    page.goto("/")
    page.goto("/join")
    page.context.set_offline(True)
    page.goto("/")
    expect(page.get_by_role("heading", name="What people saw")).to_be_visible()
    expect(page.get_by_role("link", name="Me", exact=True)).to_have_count(0)
    page.goto("/join")
    expect(page.get_by_role("heading", name="There is no network.")).to_be_visible()
    assert violations(page) == []


def test_the_worker_removes_what_older_versions_kept(open_phone: Open) -> None:
    page = open_phone()
    page.goto("/offline")
    wait_for_worker(page)
    again = """async () => {
        await caches.open('klarity-shell-of-an-old-version');
        await (await navigator.serviceWorker.ready).unregister();
    }"""
    page.evaluate(again)
    page.goto("/offline")
    wait_for_worker(page)
    keys = "caches.keys()"
    eventually(lambda: len(page.evaluate(keys)) == 1 or None)


def test_the_page_with_all_it_loads_is_light(open_phone: Open, member: Phone) -> None:
    page = open_phone(service_workers="block")
    enter(page, member)
    page.reload()
    sizes = """performance.getEntries().filter((entry) => 'encodedBodySize' in entry)
        .map((entry) => [entry.name, entry.encodedBodySize])"""
    loaded = dict(page.evaluate(sizes))
    assert any("npm/tus.js" in name for name in loaded)
    assert sum(loaded.values()) <= BUDGET, loaded


def test_background_sync_sends_while_no_page_is_open(
    open_phone: Open, served: Klarity, member: Phone, photo: Path
) -> None:
    title = "Sent in the background"
    page = open_phone()
    enter(page, member)
    wait_for_worker(page)
    page.context.set_offline(True)
    write(page, title)
    choose(page, photo)
    send(page)
    expect(page.locator("#state")).to_contain_text("Waiting for the network")
    blank = page.context.new_page()
    page.close()
    page.context.set_offline(False)
    session = blank.context.new_cdp_session(blank)
    found: list[dict[str, Any]] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated", lambda told: found.extend(told["registrations"])
    )
    session.send("ServiceWorker.enable")
    # Playwright hands over what arrived while it waits for an answer.
    registration = eventually(
        lambda: found[0]["registrationId"] if blank.evaluate("true") and found else None
    )
    event = {"origin": served.url, "registrationId": registration}
    session.send("ServiceWorker.dispatchSyncEvent", {**event, "tag": "send", "lastChance": False})
    eventually(lambda: published(served, title) or None)
