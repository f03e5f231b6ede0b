"""What the documentation lists is all that there is."""

import re
from collections.abc import Iterator

import pytest

from application.system import CONTEXTS
from domain.actors import Role
from tests.docs.conftest import ROOT

RECORDS = ROOT / "docs" / "adr"
INDEX = (RECORDS / "README.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
PACKAGES = ("domain", "application", "adapters", "config", "entrypoints")


def numbers_of(text: str) -> set[int]:
    return set(map(int, re.findall(r"\d+", text)))


def recorded() -> set[int]:
    return {int(path.name[:4]) for path in RECORDS.glob("0*.md")}


def mentioned() -> Iterator[int]:
    """Yield the numbers of the decision records that pages and docstrings name."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    sources = [file for package in PACKAGES for file in (ROOT / package).glob("**/[a-z]*.py")]
    for file in (*pages, *sources):
        for listed in re.findall(r"\bADR ((?:\d+(?:, | and )?)+)", file.read_text()):
            yield from numbers_of(listed)


def row(term: str) -> str:
    found = re.search(rf"^\| {term} \|.*$", GLOSSARY, re.MULTILINE)
    assert found
    return found[0]


def test_each_decision_record_is_in_the_index() -> None:
    assert {
        int(number) for number in re.findall(r"^\| (\d+) \|", INDEX, re.MULTILINE)
    } == recorded()


def test_each_number_without_a_decision_record_is_accounted_for() -> None:
    missing = {*range(1, max(recorded()) + 1)} - recorded()
    assert missing <= numbers_of(INDEX.partition("| number |")[0])


def test_each_decision_record_that_is_mentioned_exists() -> None:
    assert set(mentioned()) <= recorded()


@pytest.mark.parametrize("context", CONTEXTS)
def test_each_context_is_in_the_glossary_and_in_the_drawing(context: str) -> None:
    drawing = (ROOT / "README.md").read_text().partition("## How it is built")[2].split("```")[1]
    assert context in row("context")
    assert context in drawing


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM])
def test_each_role_is_in_the_glossary(role: Role) -> None:
    assert role in row("role")
    assert role in row("member")
