"""Folders that are kept in memory, and how much of it is left."""

import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path

TMPFS, RAMFS = 0x01021994, 0x858458F6
STATFS_SIZE = 256  # Larger than the structure is anywhere; it begins with the type.
PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


def is_in_memory(folder: Path) -> bool:
    """Return whether the files of a folder are in memory and on no disk (Linux)."""
    answer = ctypes.create_string_buffer(STATFS_SIZE)
    if ctypes.CDLL(None).statfs(bytes(folder), answer) != 0:
        return False
    return ctypes.c_ulong.from_buffer(answer).value in (TMPFS, RAMFS)


def bytes_left(folder: Path) -> int:
    """Return how much may still be written, as the folder, this machine and its container allow."""
    return min([shutil.disk_usage(folder).free, *_of_machine(PROC), *_of_container(PROC, CGROUP)])


def _of_machine(proc: Path) -> Iterator[int]:
    for line in _read(proc / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _of_container(proc: Path, cgroup: Path) -> Iterator[int]:
    """What is left in each control group (version 2) around this process that has a limit."""
    inner = _read(proc / "self" / "cgroup").strip().removeprefix("0::/")
    for group in (cgroup / inner, *(cgroup / inner).parents):
        most = _read(group / "memory.max").strip()
        if most.isdecimal():
            yield max(0, int(most) - _used(group))


def _used(group: Path) -> int:
    """What cannot be dropped: the copies of files of a disk can, files in memory cannot."""
    words = _read(group / "memory.stat").split()
    sizes = dict(zip(words[::2], map(int, words[1::2]), strict=False))
    used = int(_read(group / "memory.current").strip() or 0)
    return used - sizes.get("file", 0) + sizes.get("shmem", 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
