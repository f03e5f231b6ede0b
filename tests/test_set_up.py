"""The installed packages are those of setup.cfg, with the same pinned versions everywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_all_requirements_of_the_application_are_locked() -> None:
    assert _required() <= _locked("requirements.txt").keys()


def test_all_requirements_of_development_are_locked() -> None:
    assert _required("test", "dev") <= _locked("requirements-dev.txt").keys()


def test_tests_use_the_same_versions_as_the_application() -> None:
    assert _locked("requirements.txt").items() <= _locked("requirements-dev.txt").items()


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_file_holds_hashes_and_no_index_url(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert text.count("--hash=sha256:") >= len(_locked(lock))
    assert not re.search(r"://|--(extra-)?index-url|--find-links| @ ", text)


def _required(*extras: str) -> set[str]:
    listing = subprocess.run(
        [sys.executable, "scripts/list-requirements", *extras],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return {re.split(r"[^\w-]", line)[0] for line in listing.stdout.split()}


def _locked(lock: str) -> dict[str, str]:
    """The version of each package, whatever systems it is for."""
    pins = re.findall(r"^([\w-]+)==(\S+).* \\$", (ROOT / lock).read_text(), re.MULTILINE)
    return dict(pins)
