"""The documentation is built without a warning, and can be read by everybody, offline."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, expect

from tests.docs.conftest import ROOT, build
from tests.site.conftest import PHONE, violations

LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href"}
FAULTS = {
    "no-page": "[a page that is missing](missing.md)",
    "no-anchor": "[a heading that is missing](index.md#missing)",
    "no-file": "[a file that is missing](missing.json)",
}


def test_every_page_of_the_documentation_is_part_of_it(site: Path) -> None:
    written = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    built = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert written <= built


def test_readme_routes_events_and_commands_are_in_it(site: Path) -> None:
    for page, text in {
        "index.html": "petty corruption",
        "api.html": "POST /v1/cases",
        "events.html": "org.klarity.cases.CaseReported.v1",
        "commands.html": "klarity parked list",
    }.items():
        assert text in BeautifulSoup((site / page).read_text(), "html.parser").get_text(), page


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    assert [
        (page.name, url) for page in site.rglob("*.html") for url in loaded(page) if _far(url)
    ] == []
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert "url(http" not in styles
    assert "@import" not in styles


def loaded(page: Path) -> Iterator[str]:
    """What a browser loads for the page."""
    soup = BeautifulSoup(page.read_text(), "html.parser")
    for tag, attribute in LOADED.items():
        yield from (str(each[attribute]) for each in soup.find_all(tag) if each.get(attribute))


def _far(url: str) -> bool:
    return "//" in url


def test_broken_links_and_pages_that_nothing_leads_to_are_errors(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs/conf.py", tmp_path)
    shutil.copytree(ROOT / "docs/site", tmp_path / "site")
    pages = "\n".join(FAULTS)
    (tmp_path / "index.md").write_text(f"# Start\n\n```{{toctree}}\n{pages}\n```\n")
    for name, text in {**FAULTS, "lonely": "Nothing leads here."}.items():
        (tmp_path / f"{name}.md").write_text(f"# {name}\n\n{text}\n")
    done = build(tmp_path, tmp_path / "built")
    assert done.returncode == 1
    for name in (*FAULTS, "lonely"):
        assert f"{name}.md" in done.stderr, done.stderr


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(site: Path, browser: Browser, scheme: str) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type] # a name of one
    page = context.new_page()
    for name in ("index", "guarantees", "search"):
        page.goto((site / f"{name}.html").as_uri())
        assert violations(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    context.close()


def test_it_can_be_read_without_scripts(site: Path, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator("label[for=__navigation]:visible").first.click()
    pages = page.get_by_role("complementary", name="All pages")
    pages.get_by_role("link", name="Guarantees").click()
    expect(page.get_by_role("heading", name="What is not promised")).to_be_attached()
    context.close()
