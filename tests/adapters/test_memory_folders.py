"""Folders in memory, and how many bytes are left in them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from adapters import memory_folders

MIB = 1 << 20
PLENTY = 1 << 40

Machine = Callable[..., int]


def test_a_tmpfs_is_in_memory_and_a_disk_is_not(memory: Path, tmp_path: Path) -> None:
    assert memory_folders.is_in_memory(memory)
    assert not memory_folders.is_in_memory(tmp_path)
    assert not memory_folders.is_in_memory(memory / "not-there")


def test_the_bytes_left_are_at_most_those_free_in_the_folder(memory: Path) -> None:
    assert 0 < memory_folders.bytes_left(memory) <= shutil.disk_usage(memory).free


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Another machine, by what it says of its folder, its memory and its control groups."""
    monkeypatch.setattr(memory_folders, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory_folders, "CGROUP", tmp_path / "cgroup")

    def left(files: dict[str, str], free: int = PLENTY) -> int:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        return memory_folders.bytes_left(tmp_path)

    return left


def test_the_bytes_left_are_limited_by_the_folder(machine: Machine) -> None:
    assert machine({}, free=5) == 5


def test_the_bytes_left_are_limited_by_the_memory_of_the_machine(machine: Machine) -> None:
    assert machine({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 7 kB\n"}) == 7 * 1024


def test_the_bytes_left_are_limited_by_the_container(machine: Machine) -> None:
    """Copies of files of a disk do not count as used: they can be dropped. A tmpfs does."""
    files = {
        "proc/self/cgroup": "0::/outer/inner\n",
        "cgroup/outer/inner/memory.max": "max\n",
        "cgroup/outer/memory.max": f"{100 * MIB}\n",
        "cgroup/outer/memory.current": f"{90 * MIB}\n",
        "cgroup/outer/memory.stat": f"anon {10 * MIB}\nfile {80 * MIB}\nshmem {20 * MIB}\n",
    }
    assert machine(files) == 70 * MIB


def test_no_bytes_are_left_in_a_container_that_has_used_all_memory(machine: Machine) -> None:
    assert machine({"cgroup/memory.max": "1000", "cgroup/memory.current": "2000"}) == 0
