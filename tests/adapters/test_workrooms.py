"""Workrooms are empty and exclusive, and are removed after use."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.workrooms import SPARE, Workrooms
from application.ports.sanitiser import SanitiserUnavailable

DIE_IN_A_ROOM = """
import os, signal, sys
from pathlib import Path
from adapters.workrooms import Workrooms

with Workrooms(Path(sys.argv[1])).room(1) as room:
    (room / "original").write_text("secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def rooms(memory: Path) -> Workrooms:
    return Workrooms(memory)


def test_a_room_is_empty_exclusive_and_removed_afterwards(rooms: Workrooms, memory: Path) -> None:
    with rooms.room(1) as room, rooms.room(1) as other:
        assert room != other
        assert list(room.iterdir()) == []
        assert room.stat().st_mode & 0o077 == 0
        (room / "output").mkdir()
        (room / "output" / "poster").write_text("x")
    assert list(memory.iterdir()) == []


def test_a_room_is_removed_after_an_error(rooms: Workrooms, memory: Path) -> None:
    with pytest.raises(FileNotFoundError), rooms.room(1) as room:
        (room / "original").read_text()
    assert list(memory.iterdir()) == []


def test_the_next_process_removes_rooms_of_killed_processes(memory: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIE_IN_A_ROOM, str(memory)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(list(memory.glob("*/original"))) == 1
    Workrooms(memory)
    assert list(memory.iterdir()) == []


def test_rooms_in_use_and_other_folders_are_not_removed(rooms: Workrooms, memory: Path) -> None:
    (memory / "klarity-room-link").symlink_to(memory)
    (memory / "klarity-backup").mkdir()
    with rooms.room(1) as room:
        Workrooms(memory)
        assert room.is_dir()
    assert sorted(path.name for path in memory.iterdir()) == [
        "klarity-backup",
        "klarity-room-link",
    ]


def test_a_process_takes_another_room_if_its_own_is_removed_as_abandoned(
    rooms: Workrooms, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, waiting = fcntl.flock, [Workrooms]

    def overtaken(file: Any, operation: int) -> None:
        if waiting:
            waiting.pop()(memory)
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    with rooms.room(1) as room:
        assert list(memory.iterdir()) == [room]
    assert os.listdir(memory) == []


def test_a_room_that_cannot_be_removed_now_is_removed_later(
    rooms: Workrooms, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> None:
        raise OSError("the disk is not well")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as broken:
        broken.setattr("shutil.rmtree", fails)
        with pytest.raises(OSError, match="not well"), rooms.room(1):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(list(memory.iterdir())) == 1
    with rooms.room(1):
        assert len(list(memory.iterdir())) == 1


def test_a_room_that_cannot_be_created_makes_the_sanitiser_unavailable(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> str:
        raise OSError("the memory is full")

    monkeypatch.setattr("adapters.workrooms.mkdtemp", fails)
    with pytest.raises(SanitiserUnavailable), Workrooms(memory).room(1):
        pass


def test_a_folder_on_a_disk_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(SanitiserUnavailable, match="KLARITY_WORKROOMS"),
        Workrooms(tmp_path).room(1),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_refused(memory: Path) -> None:
    with pytest.raises(SanitiserUnavailable), Workrooms(memory / "gone").room(1):
        pass


def test_a_room_larger_than_the_free_memory_is_refused(rooms: Workrooms, memory: Path) -> None:
    with pytest.raises(SanitiserUnavailable, match="bytes left"), rooms.room(1 << 60):
        pass
    assert list(memory.iterdir()) == []


def test_memory_promised_to_other_rooms_is_not_available(
    rooms: Workrooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.workrooms.bytes_left", lambda _: SPARE + 1500)
    with rooms.room(1000) as room:
        with pytest.raises(SanitiserUnavailable), rooms.room(1000):
            pass
        (room / "original").write_bytes(bytes(1000))
        with rooms.room(1000):
            pass
    with rooms.room(1000):
        pass
