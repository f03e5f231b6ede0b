"""Every block of code in the documentation is executed, or says why it is not.

A block that cannot be executed has ``<!-- not executed: the reason -->`` in the line before it.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from config.main import command
from config.settings import read_settings
from tests.docs.conftest import ROOT
from tests.media import photo_with_gps
from tests.system.deployment import Klarity, relaxed
from tests.system.phone import eventually

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- not executed: (?P<reason>.+?) -->\n)?^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
INLINE = re.compile(r"`(klarity [a-z][^`|]*)`")
NO_CODE = {"text", "{include}", "{toctree}", "{eval-rst}"}
"""Drawings, and what the build of the site executes."""
ELSEWHERE = {
    "docs/backup.md": "tests/test_how_tos.py::test_the_commands_of_backup",
    "docs/upgrading.md": "tests/test_how_tos.py::test_the_commands_of_upgrading",
    "docs/tutorial.md": "tests/test_new.py::test_the_tutorial_is_true",
    "docs/proof-of-original.md": "tests/test_proof_of_original.py::"
    "test_only_the_right_original_and_salt_open_a_commitment",
}
"""Pages whose blocks make one story, and the tests that play it."""
MOST_EXCUSED = 6
SECRET = re.compile(r"--passphrase[ =](?!-( |$))|(SECRET|PASSWORD)=|://[^/ ]*:[^/ ]*@")
IN_FILES = {
    "KLARITY_SECRET_FILE": "at least 32 characters that stay secret",
    "KLARITY_BUS_URL_FILE": "amqps://user:password@broker//",
    "KLARITY_SEARCH_URL_FILE": "rediss://user:password@search",
}
"""Settings that commands give in a file."""
KNOWN = """
from dataclasses import dataclass, replace
from typing import Annotated
from application.engine.filters import equal
from application.engine.policy import Cause
from application.engine.query_service import QueryService
from application.engine.rows import Rows
from application.policy import KlarityPolicy
from application.ports.read_models import *
from domain.actors import SYSTEM
from domain.cases.case_events import *
from domain.constraints import *
from domain.discussions.discussion import *
from domain.personal import *
from application.queries.search import SearchText
"""
"""What blocks in Python leave out."""


@dataclass(frozen=True)
class Snippet:
    page: str
    language: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"

    @property
    def commands(self) -> list[str]:
        """The commands of a console, without what they print."""
        text = self.text.replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        prompted = [line[2:] for line in lines if line.startswith("$ ")]
        return prompted or lines


def snippets(of: str | None = None) -> Iterator[Snippet]:
    for path in PAGES:
        page = str(path.relative_to(ROOT))
        if "/adr/" in page or page in ELSEWHERE:
            continue
        for block in BLOCK.finditer(path.read_text()):
            found = Snippet(page, block["language"], block["text"], block["reason"] or "")
            if found.language not in NO_CODE and of in (None, found.language):
                yield found


def executed(language: str) -> list[Any]:
    return [pytest.param(one, id=str(one)) for one in snippets(language) if not one.reason]


def test_few_snippets_are_not_executed() -> None:
    assert len([one for one in snippets() if one.reason]) <= MOST_EXCUSED


def test_each_language_is_executed() -> None:
    known = {"python", "console", "json", "nginx", "yaml"}
    assert [one for one in snippets() if one.language not in known and not one.reason] == []


@pytest.mark.parametrize("snippet", executed("python"))
def test_python_runs(snippet: Snippet) -> None:
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(KNOWN, names)  # noqa: S102 - imports
    exec(compile(snippet.text, snippet.page, "exec", dont_inherit=True), names)  # noqa: S102 - from our own pages


def test_json_is_valid() -> None:
    for snippet in snippets("json"):
        json.loads(snippet.text)


def test_yaml_is_valid() -> None:
    for snippet in snippets("yaml"):
        yaml.safe_load(snippet.text)


def test_nginx_accepts_its_configurations(tmp_path: Path) -> None:
    for snippet in snippets("nginx"):
        file = tmp_path / "nginx.conf"
        file.write_text(snippet.text)
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        assert program
        subprocess.run([program, "-t", "-q", "-c", file, "-p", tmp_path], check=True)


@pytest.mark.parametrize("snippet", executed("console"))
@pytest.mark.usefixtures("no_settings")
def test_commands_exist(snippet: Snippet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that start something are understood; those of the first case are executed below."""
    for line in snippet.commands:
        match shlex.split(line, comments=True):
            case ["make", target, *_]:
                subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, stdout=-3)
            case ["klarity" | ".venv/bin/klarity", *arguments]:
                understand(arguments)
            case ["export", *pairs]:
                for name, _, value in (pair.partition("=") for pair in pairs):
                    given = value if name not in IN_FILES else in_a_file(name, tmp_path)
                    monkeypatch.setenv(name, given)
            case _:
                assert line in FIRST_CASE, f"nothing executes {line!r}: say why, or execute it"
    read_settings()


def in_a_file(name: str, folder: Path) -> str:
    """Return a file with an example of what the variable's file contains."""
    file = folder / name
    file.write_text(IN_FILES[name])
    return str(file)


def commands() -> set[str]:
    """All commands of the documentation, also those that are not executed here."""
    typed = {line for snippet in snippets("console") for line in snippet.commands}
    inline = {line for page in PAGES for line in INLINE.findall(page.read_text())}
    return inline | {shlex.join(shlex.split(line, comments=True)) for line in typed}


def test_no_command_contains_a_secret() -> None:
    """The history of the shell keeps it, and the list of processes shows it."""
    assert [line for line in commands() if SECRET.search(line)] == []


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))


def understand(arguments: list[str]) -> None:
    """Parse the arguments as the command line does. Raises its UsageError."""
    found: click.Command = command()
    while isinstance(found, click.Group) and arguments:
        name, *arguments = arguments
        found = found.commands[name]
    if not isinstance(found, click.Group):
        found.make_context(found.name, arguments)


@pytest.mark.parametrize(
    "line", sorted({line for page in PAGES for line in INLINE.findall(page.read_text())})
)
def test_commands_within_sentences_exist(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may leave out what they are about, or write NAME for it."""
    for question in ("prompt", "confirm"):
        monkeypatch.setattr(f"click.core.{question}", ask_nobody)
    with suppress(click.BadParameter, click.BadOptionUsage, click.Abort):
        understand(shlex.split(line)[1:])


def ask_nobody(*_: Any, **__: Any) -> None:
    raise click.Abort


FIRST_CASE = next(one for one in snippets("console") if "/v1/sessions" in one.text).commands


@pytest.mark.system
def test_the_first_case_over_the_api(tmp_path: Path) -> None:
    """The walk of the README, up to its question, which is repeated until the case is public."""
    photo_with_gps(tmp_path / "photo.jpg")
    *steps, question = FIRST_CASE
    klarity = Klarity(tmp_path / "klarity", **relaxed())
    try:
        own = f"api={klarity.start().url}"
        steps[0] = own
        bash(steps, tmp_path)
        ask = question.removeprefix("sleep 5; ").partition("#")[0]
        eventually(lambda: "A permit for a bribe" in bash([own, ask], tmp_path) or None)
    finally:
        klarity.close()


def bash(lines: list[str], folder: Path) -> str:
    """What the lines print. A line that fails ends them."""
    script = "\n".join(["set -eu -o pipefail", *lines])
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "stale", ["klarity serv", "klarity parked lost", "klarity what-if popular --half-live 30"]
)
def test_a_stale_command_is_found(stale: str) -> None:
    with pytest.raises((KeyError, click.UsageError)):
        understand(shlex.split(stale)[1:])


def test_stale_python_is_found() -> None:
    with pytest.raises(NameError):
        test_python_runs(Snippet("x", "python", "indexes = (by_nothing('title'),)", ""))
