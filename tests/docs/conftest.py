"""The documentation as a site, built once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.site.conftest import browser

__all__ = ["browser"]
ROOT = Path(__file__).parents[2]


def build(source: Path, into: Path) -> "subprocess.CompletedProcess[str]":
    """Build the site as ``make docs`` does."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(source), str(into)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("docs")
    done = build(ROOT / "docs", folder)
    assert done.returncode == 0, done.stderr
    return folder
