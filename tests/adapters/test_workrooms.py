"""Rooms to work in are empty, one's own, and do not outlive who works in them."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.workrooms import Workrooms
from application.ports.sanitiser import SanitiserUnavailable

DIE_IN_A_ROOM = """
import os, signal, sys
from pathlib import Path
from adapters.workrooms import Workrooms

with Workrooms(Path(sys.argv[1])).room() as room:
    (room / "original").write_text("secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def rooms(tmp_path: Path) -> Workrooms:
    return Workrooms(tmp_path)


def test_a_room_is_empty_ones_own_and_gone_afterwards(rooms: Workrooms, tmp_path: Path) -> None:
    with rooms.room() as room, rooms.room() as other:
        assert room != other
        assert list(room.iterdir()) == []
        assert room.stat().st_mode & 0o077 == 0
        (room / "output").mkdir()
        (room / "output" / "poster").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_a_room_is_removed_whatever_was_raised_in_it(rooms: Workrooms, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), rooms.room() as room:
        (room / "original").read_text()
    assert list(tmp_path.iterdir()) == []


def test_who_comes_next_clears_away_what_the_dead_have_left(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIE_IN_A_ROOM, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*/original"))) == 1
    Workrooms(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_room_in_use_and_the_folders_of_others_are_left_alone(
    rooms: Workrooms, tmp_path: Path
) -> None:
    (tmp_path / "klarity-room-link").symlink_to(tmp_path)
    (tmp_path / "klarity-backup").mkdir()
    with rooms.room() as room:
        Workrooms(tmp_path)
        assert room.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "klarity-backup",
        "klarity-room-link",
    ]


def test_a_room_that_is_taken_for_abandoned_is_left_for_another(
    rooms: Workrooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, waiting = fcntl.flock, [Workrooms]

    def overtaken(file: Any, operation: int) -> None:
        if waiting:
            waiting.pop()(tmp_path)
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    with rooms.room() as room:
        assert list(tmp_path.iterdir()) == [room]
    assert os.listdir(tmp_path) == []


def test_a_room_that_cannot_be_removed_now_is_removed_later(
    rooms: Workrooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> None:
        raise OSError("the disk is not well")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as broken:
        broken.setattr("shutil.rmtree", fails)
        with pytest.raises(OSError, match="not well"), rooms.room():
            pass
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(list(tmp_path.iterdir())) == 1
    with rooms.room():
        assert len(list(tmp_path.iterdir())) == 1


def test_where_no_room_can_be_made_it_is_waited_for(tmp_path: Path) -> None:
    rooms = Workrooms(tmp_path / "gone")
    with pytest.raises(SanitiserUnavailable), rooms.room():
        pass
