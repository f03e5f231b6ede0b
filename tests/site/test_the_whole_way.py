"""The way of a case through the site: reported, read, hidden, appealed, shown again and erased."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.media import photo_with_gps
from tests.servers import wait_until
from tests.site.conftest import PHONE
from tests.system.deployment import Klarity

PASSPHRASE = "four plain words here"
PATIENCE = 120.0
MODERATORS = ("Judge Marten", "Judge Heron")
REMOVED = "This was removed at its author's wish."

Person = Callable[[str], Page]


@pytest.fixture(scope="module")
def moderators(served: Klarity) -> tuple[str, ...]:
    for name in MODERATORS:
        served.run("members", "add", name, "--role", "moderator", "--passphrase", PASSPHRASE)
    return MODERATORS


@pytest.fixture(params=[True, False], ids=["with-scripts", "without-scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def person(browser: Browser, served: Klarity, scripts: bool) -> Iterator[Person]:
    """Opens a phone for somebody, who is signed in if they have a name."""
    contexts = []

    def start(name: str) -> Page:
        context = browser.new_context(
            viewport=PHONE, base_url=served.url, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        if name:
            sign_in(page, name)
        return page

    yield start
    for context in contexts:
        context.close()


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in?next=/me/settings")
    page.get_by_label("Your name here").fill(name)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()


def join(page: Page, name: str) -> None:
    page.goto("/join")
    page.get_by_label("A name for you here").fill(name)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("link", name="Me", exact=True)).to_be_visible()


def reload_until(page: Page, address: str, text: str) -> None:
    """Look at a page again and again, as who waits for something does."""

    def there() -> bool:
        page.goto(address)
        return text in page.get_by_role("main").inner_text()

    assert wait_until(there, PATIENCE), f"{text!r} is not on {address}"


def report(page: Page, title: str, photo: Path, scripts: bool) -> None:
    page.goto("/report")
    page.get_by_label("In a few words").fill(title)
    page.get_by_label("The story").fill("They asked for money.")
    page.get_by_label("Gallery").set_input_files(photo)
    if scripts:
        expect(page.locator("#files li")).to_contain_text("Ready on this phone")
    page.get_by_role("button", name="Send", exact=True).click()
    sent = page.locator("#drafts li") if scripts else page.get_by_role("status")
    expect(sent.first).to_contain_text("Public" if scripts else "Sent")


def hide(page: Page, case: str) -> None:
    page.goto(f"/moderation/case/{case}")
    page.get_by_text("Decide", exact=True).first.click()
    page.get_by_label("Why").first.fill("It shows somebody's home.")
    page.get_by_role("button", name="Hide").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Decided")


def appeal(page: Page) -> None:
    reload_until(page, "/me", "Appeal against it")
    page.get_by_role("link", name="Appeal against it").first.click()
    page.get_by_label("Why the decision is not right").fill("It is a public office.")
    page.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_text("Waits for another moderator").first).to_be_visible()


def overturn(page: Page, case: str) -> None:
    reload_until(page, f"/moderation/case/{case}", "It is a public office.")
    page.get_by_text("Decide on the appeal").first.click()
    page.get_by_label("Why").first.fill("It is an office, as the photo shows.")
    page.get_by_role("button", name="Show it again").first.click()


def leave(page: Page) -> None:
    page.goto("/me/leave")
    page.get_by_label("Your passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Erase my account for good").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your account")


def test_a_case_is_reported_read_hidden_appealed_shown_and_erased(
    person: Person, moderators: tuple[str, ...], scripts: bool, tmp_path: Path
) -> None:
    title = f"The whole way {'with' if scripts else 'without'} scripts"
    author, neighbour = person(""), person("")
    join(author, f"Walker {'with' if scripts else 'without'}")
    report(author, title, photo_with_gps(tmp_path / "photo.jpg"), scripts)

    reload_until(neighbour, "/", title)
    neighbour.get_by_role("link", name=title).first.click()
    expect(neighbour.get_by_text("They asked for money.")).to_be_visible()
    expect(neighbour.get_by_text("reported anonymously")).to_be_visible()
    address = neighbour.url
    case = address.rpartition("/")[2]

    hide(person(moderators[0]), case)
    reload_until(neighbour, address, "There is nothing at this address")
    appeal(author)
    overturn(person(moderators[1]), case)
    reload_until(neighbour, address, "They asked for money.")

    leave(author)
    reload_until(neighbour, address, REMOVED)
