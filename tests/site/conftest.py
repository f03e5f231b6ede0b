"""The site: as a program that reads HTML sees it, and in a real browser."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from config.process import Process
from tests.http.conftest import (
    PASSPHRASE,
    Caller,
    admin,
    anna,
    anybody,
    ben,
    moderator,
    patient_answers,
    process,
    settings,
)
from tests.system.deployment import Klarity, one_process, relaxed

__all__ = [
    "admin",
    "anna",
    "anybody",
    "ben",
    "moderator",
    "patient_answers",
    "process",
    "settings",
]
AXE = Path(__file__).parents[2] / "entrypoints/site/node_modules/axe-core/axe.min.js"
PHONE = ViewportSize(width=360, height=740)
LAPTOP = ViewportSize(width=1280, height=900)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Chromium looks for nothing outside this machine."""


@dataclass
class Reader:
    """A visitor whose browser runs no scripts. ``soup`` is the page that it shows."""

    client: FlaskClient
    soup: Any = None
    status: int = 0
    headers: Any = None
    where: str = ""

    def open(self, path: str, **options: Any) -> Any:
        """Follow a link."""
        return self._show(self.client.get(path, follow_redirects=True, **options))

    def submit(self, action: str, data: dict[str, Any] | None = None, **fields: Any) -> Any:
        """Send the form of the page that has this action, with what it holds already."""
        form = next(each for each in self.soup.find_all("form") if each.get("action") == action)
        method = str(form.get("method", "get")).upper()
        sent = {**_filled(form), **fields, **(data or {})}
        where: Any = {"query_string": sent} if method == "GET" else {"data": sent}
        return self._show(self.client.open(action, method=method, follow_redirects=True, **where))

    def join(self, pseudonym: str) -> "Reader":
        self.open("/join")
        self.submit("/join", pseudonym=pseudonym, passphrase=PASSPHRASE)
        assert self.status == 200, self.text
        return self

    def sign_in(self, caller: Caller) -> "Reader":
        self.open("/sign-in")
        self.submit("/sign-in", pseudonym=caller.pseudonym, passphrase=PASSPHRASE)
        assert self.status == 200, self.text
        return self

    @property
    def text(self) -> str:
        return str(self.soup.get_text(" ", strip=True))

    def _show(self, reply: Any) -> Any:
        self.status, self.headers = reply.status_code, reply.headers
        self.where = reply.request.path
        self.soup = BeautifulSoup(reply.get_data(as_text=True), "html.parser")
        return self.soup


def _filled(form: Tag) -> dict[str, str]:
    """Return what a browser would send of a form without a change."""
    sent = {}
    for each in form.find_all(["input", "textarea", "select"]):
        kind = each.get("type", "text")
        if not each.get("name") or kind in ("submit", "file"):
            continue
        if kind in ("checkbox", "radio") and not each.has_attr("checked"):
            continue
        if each.name == "textarea":
            sent[str(each["name"])] = each.get_text()
        elif each.name == "select":
            chosen = each.find("option", selected=True) or each.find("option")
            sent[str(each["name"])] = str(chosen.get("value", "")) if chosen else ""
        else:
            sent[str(each["name"])] = str(each.get("value", "on" if kind == "checkbox" else ""))
    return sent


@pytest.fixture
def reader(process: Process) -> Reader:
    """Somebody who is not signed in."""
    return Reader(process.site.test_client())


@pytest.fixture
def another_reader(process: Process) -> Reader:
    return Reader(process.site.test_client())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. While Playwright runs, no test of the process can run an event loop."""
    path = which("chromium")
    assert path, "chromium is missing; `make servers` installs it"
    with sync_playwright() as playwright:
        # The tests' own environment holds settings that are not the browser's.
        plain: dict[str, str | float | bool] = {
            name: value for name, value in os.environ.items() if not name.startswith("KLARITY_")
        }
        running = playwright.chromium.launch(executable_path=path, args=QUIET, env=plain)
        yield running
        running.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Klarity]:
    """The site as `klarity serve` serves it, with embedded stores."""
    with one_process(tmp_path_factory.mktemp("site"), **relaxed()) as klarity:
        yield klarity


@pytest.fixture
def phone(browser: Browser, served: Klarity) -> Iterator[Page]:
    """A page on a phone of 360 pixels. Errors of its scripts fail the test."""
    context = browser.new_context(viewport=PHONE, base_url=served.url, has_touch=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert not wrong


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page: rule and place."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]
