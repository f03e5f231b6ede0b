"""Each guarantee names a test, and pytest collects that test."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text()
PROMISES, _, REST = PAGE.partition("## What is not promised")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)((?:::\w+)+)`", PROMISES)))


@pytest.fixture(scope="module")
def collected() -> set[tuple[str, str]]:
    """File and name of each test that pytest finds in the named files, without parameters."""
    files = sorted({file for file, _ in NAMED})
    listing = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    parts = [line.partition("[")[0].split("::") for line in listing.stdout.splitlines()]
    return {(file, "::".join(names[at:])) for file, *names in parts for at in range(len(names))}


def test_every_named_test_is_collected(collected: set[tuple[str, str]]) -> None:
    assert [each for file, name in NAMED if (each := (file, name[2:])) not in collected] == []


def test_every_promise_says_where_it_holds_and_names_a_test() -> None:
    rows = [line.split(" | ") for line in PROMISES.splitlines() if line.startswith("| ")]
    promises = [row for row in rows if row[0] != "| promise"]
    assert len(promises) > 30
    for row in promises:
        assert len(row) == 3, row
        assert re.fullmatch(r"(`tests/[\w/]+\.py(::\w+)+`(, )?)+ \|", row[2]), row
