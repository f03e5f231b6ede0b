"""Make the pictures of the README from the demo town: ``scripts/screenshots``."""

from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.site.conftest import LAPTOP, PHONE, QUIET
from tests.system.deployment import Klarity, relaxed

PICTURES = Path(__file__).parents[2] / "docs/pictures"
MODERATOR, PASSPHRASE = "Juniper", "four plain words here"


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        klarity = Klarity(Path(folder), **relaxed())
        named = ("--passphrase", PASSPHRASE)
        klarity.run("members", "add", MODERATOR, "--role", "moderator", *named)
        try:
            klarity.start()
            klarity.run("demo", "--url", klarity.url, "--moderator", MODERATOR, *named)
            browser = playwright.chromium.launch(executable_path=which("chromium"), args=QUIET)
            photograph(browser, klarity.url)
            browser.close()
        finally:
            klarity.close()


def photograph(browser: Browser, url: str) -> None:
    for name, size in (("phone", PHONE), ("laptop", LAPTOP)):
        context = browser.new_context(viewport=size, base_url=url)
        page = context.new_page()
        page.goto("/")
        take(page, f"home-{name}")
        page.get_by_role("article").or_(page.locator(".card")).first.get_by_role("link").click()
        take(page, f"case-{name}")
        page.goto("/cases?q=permit")
        take(page, f"search-{name}")
        page.goto("/cases?view=map")
        take(page, f"map-{name}")
        sign_in(page)
        page.goto("/report")
        take(page, f"report-{name}")
        page.goto("/moderation")
        take(page, f"moderation-{name}")
        context.close()


def sign_in(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("Your name here").fill(MODERATOR)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url("**/")


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
