"""Rebuilds by processes that are killed with SIGKILL after each of their writes."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.deployment import KLARITY, SECRET, environment, shared_stores

pytestmark = pytest.mark.system

DYING = str(Path(__file__).parent / "dying")
MOST_DEATHS = 30

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=["sqlite", "mongo"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a command, which dies after a number of writes unless it is 0."""
    if request.param == "mongo":
        settings = shared_stores(request.getfixturevalue("mongo_url"))
    else:
        settings = {"SECRET": SECRET}
    settings |= {"DATA": str(tmp_path / "data")}

    def klarity(*arguments: str, dies_after: int = 0) -> "subprocess.CompletedProcess[str]":
        dying = {"PYTHONPATH": os.pathsep.join((DYING, os.getcwd())), "DIES_AFTER": str(dies_after)}
        return subprocess.run(
            [KLARITY, *arguments],
            env={**environment(settings), **dying},
            capture_output=True,
            text=True,
            check=False,
        )

    return klarity


def until_it_survives(run: Run, *arguments: str) -> int:
    """Run a command again and again, each time until its first write. Returns how often it died."""
    for deaths in range(MOST_DEATHS):
        done = run(*arguments, dies_after=1)
        if done.returncode == 0:
            return deaths
        assert done.returncode == -signal.SIGKILL, done.stderr
    raise AssertionError("no progress")


def test_rebuilds_and_roll_backs_go_on_after_a_kill_at_each_write(run: Run) -> None:
    assert run("members", "add", "Anna", "--passphrase", "four plain words").returncode == 0
    assert "rebuilt from 1 events" in run("rebuild", "members").stdout

    # After the number of the build, nothing is known of it. After the state, the rest follows.
    assert run("rebuild", "members", dies_after=1).returncode == -signal.SIGKILL
    assert "rebuilt" in run("rebuilds", "wait", "members").stdout
    assert run("rebuild", "members", dies_after=2).returncode == -signal.SIGKILL
    assert until_it_survives(run, "rebuilds", "wait", "members") >= 4
    told = run("rebuilds", "list").stdout
    assert "members was rebuilt from 1 events." in told
    assert "1 rows compared, 0 differ" in told

    assert run("rollback", "members", dies_after=1).returncode == -signal.SIGKILL
    assert until_it_survives(run, "rebuilds", "wait", "members") == 1
    assert "members was rolled back." in run("rebuilds", "list").stdout
    assert run("parity", "members").returncode == 0
