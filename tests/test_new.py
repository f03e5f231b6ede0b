"""``klarity new`` writes code that works, and the tutorial that builds on it is true."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from entrypoints.new.bus import write_bus
from entrypoints.new.context import write_context
from entrypoints.new.files import CannotWrite
from entrypoints.new.policy import write_policy
from entrypoints.new.query import write_query
from tests.media import photo_with_gps
from tests.system.deployment import Klarity, relaxed
from tests.system.phone import Phone, eventually, is_public

ROOT = Path(__file__).parents[1]
PACKAGES = ("domain", "application", "adapters", "entrypoints", "config", "tests")
FILES = ("setup.cfg", "pyproject.toml", "docs/settings.md")
OF_ALL_CONTEXTS = (
    "tests/domain/test_catalog.py",
    "tests/application/test_policies.py",
    "tests/http/test_services.py",
    "tests/test_names.py",
)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "KLARITY_EVENT_STORE": "memory"}
BUS_SUITE = ("tests/contracts/test_message_bus.py", "-k", "herring or in_the_tests")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as run; run()"
EXAMPLE = "http://127.0.0.1:8000"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as it is, to be changed."""
    unwanted = shutil.ignore_patterns("*.pyc.*", "node_modules")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=unwanted)
    for file in FILES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def run(checkout: Path, *command: str, **variables: str) -> str:
    """What the module prints, run with the Python of these tests."""
    return python(checkout, "-m", *command, **variables)


def python(checkout: Path, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**ENVIRONMENT, "PYTHONPATH": str(checkout), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestNewQuery:
    @pytest.mark.parametrize("name", ["permits", "bodies-that-answer-nobody-who-asks-them"])
    def test_what_it_writes_passes_its_tests_and_the_checks(
        self, checkout: Path, name: str
    ) -> None:
        written = [str(path) for path in write_query(checkout, name)]
        assert "3 passed" in run(checkout, "pytest", "-q", "-p", "no:cacheprovider", written[1])
        run(checkout, "ruff", "check", *written)
        run(checkout, "ruff", "format", "--check", *written)

    def test_the_question_and_the_document_may_be_given(self, checkout: Path) -> None:
        query, _ = write_query(checkout, "news", "Headline", "What is new?")
        text = (checkout / query).read_text()
        assert text.startswith('"""What is new?"""')
        assert "class News(QueryService[Headline])" in text

    @pytest.mark.parametrize(
        ("name", "document"),
        [("Permits", ""), ("a--b", ""), ("../x", ""), ("cases", ""), ("permits", "CaseDocument")],
    )
    def test_a_name_that_is_taken_or_no_name_is_refused(
        self, checkout: Path, name: str, document: str
    ) -> None:
        before = sorted((checkout / "application/queries").iterdir())
        with pytest.raises(CannotWrite):
            write_query(checkout, name, document)
        assert sorted((checkout / "application/queries").iterdir()) == before

    def test_nothing_is_written_over(self, checkout: Path) -> None:
        file = checkout / "tests/application/test_permits.py"
        file.write_text("mine")
        with pytest.raises(CannotWrite, match="test_permits"):
            write_query(checkout, "permits")
        assert file.read_text() == "mine"

    def test_a_folder_that_is_no_checkout_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(CannotWrite, match="no checkout"):
            write_query(tmp_path, "permits")


class TestNewPolicy:
    NAME = "when-discussion-is-locked-then-close-it"

    @pytest.mark.parametrize(
        ("on", "give"),
        [
            ("DiscussionLocked", "CloseDiscussion"),
            ("cases.CasePublished", "OpenDiscussion"),
            ("CommentShown", "LockDiscussion"),
        ],
    )
    def test_what_it_writes_passes_its_test_and_the_checks(
        self, checkout: Path, on: str, give: str
    ) -> None:
        written = [str(path) for path in write_policy(checkout, self.NAME, on, give)]
        assert "1 passed" in run(checkout, "pytest", "-q", "-p", "no:cacheprovider", written[1])
        run(checkout, "ruff", "check", *written)
        run(checkout, "ruff", "format", "--check", *written)

    def test_the_system_has_it(self, checkout: Path) -> None:
        write_policy(checkout, self.NAME, "DiscussionLocked", "CloseDiscussion")
        assert self.NAME in run(checkout, "config.command", "services")

    @pytest.mark.parametrize(
        ("on", "give", "why"),
        [
            ("Nothing", "CloseDiscussion", "no event"),
            ("DiscussionLocked", "Nothing", "no command"),
            ("DiscussionLocked", "ReportCase", "no command"),
            ("DiscussionLocked", "OpenDiscussion", "needs author, anonymous"),
            ("NothingChanged", "CloseDiscussion", "holds no id"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, checkout: Path, on: str, give: str, why: str
    ) -> None:
        with pytest.raises(CannotWrite, match=why):
            write_policy(checkout, self.NAME, on, give)


class TestNewContext:
    @pytest.mark.system
    def test_what_it_writes_passes_its_tests_and_the_checks(self, checkout: Path) -> None:
        written = [str(path) for path in write_context(checkout, "open-letters", "open-letter")]
        files = [path for path in written if path.endswith(".py")]
        tests = [path for path in files if "test_" in path]
        run(checkout, "tests.golden", "open_letters.OpenLetterOpened")
        run(checkout, "tests.golden", "open_letters.OpenLetterClosed")
        run(checkout, "pytest", "-q", "-p", "no:cacheprovider", *tests, *OF_ALL_CONTEXTS)
        run(checkout, "ruff", "check", *files)
        run(checkout, "ruff", "format", "--check", *files)
        run(checkout, "mypy", *files)
        assert "0 broken" in python(checkout, "-c", LINT_IMPORTS)

    def test_a_checkout_that_was_changed_is_not_written_to(self, checkout: Path) -> None:
        file = checkout / "entrypoints/nginx.py"
        file.write_text(file.read_text().replace("/v1/updates$", "/v1/changes$"))
        with pytest.raises(CannotWrite, match="nginx"):
            write_context(checkout, "petitions", "petition")
        assert not (checkout / "domain/petitions").exists()
        assert "petition" not in (checkout / "domain/catalog.py").read_text()


class TestNewBus:
    @pytest.mark.system
    def test_what_it_writes_passes_the_contract_suite_and_the_checks(
        self, checkout: Path, redis_url: str
    ) -> None:
        files = [str(path) for path in write_bus(checkout, "herring") if path.suffix == ".py"]
        suite = ("pytest", "-q", "-n0", "-p", "no:cacheprovider", *BUS_SUITE)
        assert "passed" in run(checkout, *suite, KLARITY_TEST_REDIS_URL=redis_url)
        run(checkout, "ruff", "check", *files)
        run(checkout, "ruff", "format", "--check", *files)
        run(checkout, "mypy", *files)

    def test_its_scheme_chooses_it(self, checkout: Path) -> None:
        write_bus(checkout, "herring")
        program = "from config.buses import open_bus; from adapters.tls import USUAL; "
        program += "print(open_bus('herring://h:1', 'klarity', USUAL))"
        assert "HerringBus" in python(checkout, "-c", program)
        assert "`herring://host:port`" in (checkout / "docs/settings.md").read_text()

    @pytest.mark.parametrize("name", ["redis", "Herring", "a//b"])
    def test_a_name_that_is_taken_or_no_name_is_refused(self, checkout: Path, name: str) -> None:
        with pytest.raises(CannotWrite):
            write_bus(checkout, name)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The blocks of code of a page: language and text."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def steps(console: str) -> Iterator[tuple[list[str], list[str]]]:
    """The commands of a console, and the lines that each is said to print."""
    for step in console.removeprefix("$ ").split("\n$ "):
        command, *lines = step.strip().splitlines()
        yield shlex.split(command), lines


class Tutorial:
    """Does what the tutorial says, in a checkout."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.url = ""

    def follow(self, language: str, text: str) -> None:
        if language == "python":
            path, _, program = text.removeprefix("# ").partition("\n")
            (self.checkout / path).write_text(program)
        else:
            for command, lines in steps(text):
                printed = self.printed(command)
                assert all(line in printed for line in lines), printed

    def printed(self, command: list[str]) -> str:
        match command:
            case [".venv/bin/klarity", *arguments]:
                return run(self.checkout, "config.command", *arguments)
            case [".venv/bin/python", "-m", *arguments]:
                return run(self.checkout, *arguments, "-p", "no:cacheprovider")
            case ["curl", "-s", url]:
                return requests.get(url.replace(EXAMPLE, self.url), timeout=60).text
            case _:
                raise AssertionError(command)


class Changed(Klarity):
    """A Klarity that runs the code of the checkout."""

    def __init__(self, checkout: Path) -> None:
        super().__init__(checkout / "run", **relaxed())
        self.variables = {"PYTHONPATH": str(checkout)}  # type: ignore[misc] # of this one alone


@pytest.mark.system
def test_the_tutorial_is_true(checkout: Path) -> None:
    tutorial = Tutorial(checkout)
    *work, question = blocks(ROOT / "docs/tutorial.md")
    for block in work:
        tutorial.follow(*block)
    run(checkout, "mypy", "application/queries/busy_categories.py")
    klarity = Changed(checkout)
    try:
        tutorial.url = klarity.start().url
        with Phone(tutorial.url) as phone:
            photo = phone.join().upload(photo_with_gps(checkout / "photo.jpg"))
            reported = phone.report(evidence=[photo], category="extortion")
            phone.case_when(reported.json()["case_id"], is_public)
            eventually(lambda: phone.get("/v1/busy-categories").json()["items"] or None)
        tutorial.follow(*question)
    finally:
        klarity.close()
