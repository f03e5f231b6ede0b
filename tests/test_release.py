"""What a release promises: stored events stay readable as they are, and the change log names it."""

from configparser import ConfigParser
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COPIES = ROOT / "tests/golden/events"
RELEASED = sorted((ROOT / "tests/golden/released").glob("*.sha256"))


def version() -> str:
    found = ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found["metadata"]["version"]


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: str(path.stem))
def test_golden_copies_of_a_release_are_never_written_again(release: Path) -> None:
    lines = (line.split() for line in release.read_text().splitlines())
    frozen = {name: digest for digest, name in lines}
    now = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in COPIES.iterdir()
        if path.name in frozen
    }
    assert now == frozen, "stored events change by upcasters only: see docs/extending.md"


def test_the_version_is_released_and_the_change_log_names_it() -> None:
    assert version() in [path.stem for path in RELEASED]
    assert f"\n## [{version()}] - " in (ROOT / "CHANGELOG.md").read_text()
