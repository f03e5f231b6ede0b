"""Clients that are generated from the OpenAPI document compile, report, upload and page."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.media import photo_with_gps
from tests.system.deployment import Klarity, one_process, relaxed

HERE = Path(__file__).parent
OPENAPI = HERE.parents[1] / "docs/contracts/openapi.json"
BIN = Path(sys.executable).parent
CLIENTS = HERE / "clients"

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def klarity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Klarity]:
    with one_process(tmp_path_factory.mktemp("klarity"), **relaxed()) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    photo_with_gps(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_a_client_of_openapi_python_client_reports_uploads_and_pages(
    klarity: Klarity, photo: Path, tmp_path: Path
) -> None:
    run(
        *(BIN / "openapi-python-client", "generate", "--meta", "none", "--fail-on-warning"),
        *("--path", OPENAPI, "--config", CLIENTS / "python.yml"),
        *("--output-path", tmp_path / "klarity_client"),
    )
    run(sys.executable, "-W", "error", "-m", "compileall", "-q", tmp_path / "klarity_client")
    shutil.copy(CLIENTS / "story.py", tmp_path)
    assert_told(run(sys.executable, tmp_path / "story.py", klarity.url, photo))


def test_a_client_of_hey_api_reports_uploads_and_pages(
    klarity: Klarity, photo: Path, tmp_path: Path
) -> None:
    tools = HERE / "node_modules/.bin"
    run(
        *(tools / "openapi-ts", "--input", OPENAPI, "--client", "@hey-api/client-fetch"),
        *("--output", tmp_path / "klarity-client"),
    )
    shutil.copy(CLIENTS / "story.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    run(
        *(tools / "tsc", "--strict", "--target", "es2022", "--module", "commonjs"),
        *("--moduleResolution", "node10", "--outDir", tmp_path / "made", tmp_path / "story.ts"),
    )
    assert_told(run("node", tmp_path / "made/story.js", klarity.url, photo))


def run(*command: str | Path) -> str:
    """Run a program that the tests prepared; what it prints."""
    path = f"{BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(part) for part in command],
        cwd=HERE,
        env={**os.environ, "PATH": path, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_told(output: str) -> None:
    """The client found on its pages what it had reported."""
    story: Any = json.loads(output)
    assert len(set(story["reported"])) == len(story["reported"])
    assert set(story["reported"]) <= set(story["listed"])
