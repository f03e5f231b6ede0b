"""The last release and a newer program beside each other under load, and back.

The newer program is this one, with an event, a property and therefore projections that the release
does not know. `docs/upgrading.md` tells operators what is shown here.
"""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.system.deployment import Klarity, shared_stores
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "application", "adapters", "entrypoints", "config")
RELEASE = "0.2.0"
NEWER = Path(__file__).parent / "newer"
CHEAP = ROOT / "tests/cheap_passphrases"
PROPERTY = "category: CaseCategory = CaseCategory.OTHER"
DOCUMENTED = "category: Annotated[CaseCategory, Signed()] = CaseCategory.OTHER"
SERVED = {200, 201, 204, 503}
"""503 is the answer to a command or question that only the newer program can answer."""


class Program(Klarity):
    """A process of the program in some folder."""

    def __init__(self, code: Path, folder: Path, settings: dict[str, str], *more: Path) -> None:
        super().__init__(folder, **settings)
        self.variables = {"PYTHONPATH": ":".join(map(str, (code, *more, CHEAP)))}  # type: ignore[misc]  # of one process


def last_release(folder: Path) -> Path:
    """The code of the last release, or in a clone without history, that of now."""
    found = git("log", "--format=%H", "-n1", f"--grep=^Release {RELEASE}").decode().strip()
    if not found:
        return ROOT
    with tarfile.open(fileobj=io.BytesIO(git("archive", found, *PACKAGES))) as tar:
        tar.extractall(folder, filter="data")
    return folder


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def newer_program(folder: Path) -> Path:
    """This program, with one more property of cases, as docs/extending.md adds it."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    add_after(folder / "domain/cases/case_details.py", PROPERTY)
    add_after(folder / "application/queries/case_document.py", DOCUMENTED)
    return folder


def add_after(path: Path, line: str) -> None:
    text = path.read_text()
    assert text.count(line) == 1
    path.write_text(text.replace(line, f"{line}\n    invented: int = 0"))


class Visitors:
    """Members who report cases through one program, and tag and read those of both."""

    def __init__(self, phone: Phone, url: str, body: dict[str, Any], cases: list[str]) -> None:
        self.statuses: set[int] = set()
        self._cases = cases
        self._url = url
        self._body = body
        self._headers = {"Authorization": f"Bearer {phone.access_token}"}
        self._over = Event()
        self._thread = Thread(target=self._act)

    def __enter__(self) -> "Visitors":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _act(self) -> None:
        while not self._over.wait(0.2):
            case_id = str(uuid4())
            body = {"case_id": case_id, "title": "A bribe", "story": "They asked.", **self._body}
            if self._ask("POST", "/v1/cases", body) == 201:
                self._cases.append(case_id)
                self._ask("POST", f"/v1/cases/{case_id}/tags/police")
            for each in self._cases[-3:]:
                self._ask("POST", f"/v1/cases/{each}/tags/street")
                self._ask("GET", f"/v1/cases/{each}")

    def _ask(self, method: str, path: str, body: Any = None) -> int:
        headers = {**self._headers, "Idempotency-Key": uuid4().hex}
        reply = requests.request(method, self._url + path, json=body, headers=headers, timeout=120)
        # A read model may not have seen the case yet.
        if not (method == "GET" and reply.status_code == 404):
            self.statuses.add(reply.status_code)
        return reply.status_code


@pytest.fixture
def programs(
    mongo_url: str, rabbitmq_url: str, tmp_path: Path
) -> Iterator[tuple[Program, Program]]:
    settings = shared_stores(mongo_url, BUS_URL=rabbitmq_url, SERVICES="members,cases")
    old = Program(last_release(tmp_path / "release"), tmp_path / "old", settings)
    new = Program(newer_program(tmp_path / "newer"), tmp_path / "new", settings, NEWER)
    yield old, new
    old.close()
    new.close()


def waiting(program: Program) -> dict[str, Any]:
    """Who waits for a newer program there."""
    ready = requests.get(f"{program.internal_url}/health/ready", timeout=120).json()
    return dict(ready["needs_newer_program"])


def test_nothing_is_lost_while_a_newer_program_comes_and_goes(
    programs: tuple[Program, Program],
) -> None:
    old, new = programs
    old.start()
    cases: list[str] = []
    with Phone(old.url).join() as anna:
        with Visitors(anna, old.url, {}, cases) as at_old:
            eventually(lambda: len(cases) > 5 or None)
            new.start()
            before = len(cases)
            with Visitors(anna, new.url, {"invented": 7}, cases) as at_new:
                eventually(lambda: len(cases) > before + 20 or None)
                eventually(lambda: "query.cases" in waiting(old) or None)
        assert at_old.statuses <= SERVED
        assert at_new.statuses <= SERVED
        assert 503 in at_old.statuses, "the old program waits where it must"
        assert waiting(new) == {}
        all_are_there(anna, new, cases)

        # Back to the old program alone.
        new.stop()
        with Visitors(anna, old.url, {}, cases) as back:
            count = len(cases)
            eventually(lambda: len(cases) > count + 5 or None)
        assert back.statuses <= SERVED

        # The newer one once more: it knows what the old one accepted meanwhile.
        new.start()
        all_are_there(anna, new, cases)
        assert waiting(new) == {}
    new.run("verify")


def all_are_there(anna: Phone, program: Program, cases: list[str]) -> None:
    """Every acknowledged case is answered, with its property and its tag."""
    anna.url = program.url
    for case_id in list(cases):
        case = anna.case_when(case_id, lambda case: "police" in case["tags"])
        assert case["invented"] in (0, 7)
