"""Folders in memory, and how much space they have left."""

import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path

TMPFS, RAMFS = 0x01021994, 0x858458F6
STATFS_SIZE = 256  # More than the structure needs on any platform; it begins with the type.
PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


def is_in_memory(folder: Path) -> bool:
    """Return whether the files of a folder are in memory and not on a disk (Linux)."""
    answer = ctypes.create_string_buffer(STATFS_SIZE)
    if ctypes.CDLL(None).statfs(bytes(folder), answer) != 0:
        return False
    return ctypes.c_ulong.from_buffer(answer).value in (TMPFS, RAMFS)


def bytes_left(folder: Path) -> int:
    """Return the bytes left to write, as limited by the folder, the machine and the container."""
    return min([shutil.disk_usage(folder).free, *_of_machine(PROC), *_of_container(PROC, CGROUP)])


def _of_machine(proc: Path) -> Iterator[int]:
    for line in _read(proc / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _of_container(proc: Path, cgroup: Path) -> Iterator[int]:
    """Yield the bytes left in each limited control group (version 2) of this process."""
    inner = _read(proc / "self" / "cgroup").strip().removeprefix("0::/")
    for group in (cgroup / inner, *(cgroup / inner).parents):
        most = _read(group / "memory.max").strip()
        if most.isdecimal():
            yield max(0, int(most) - _used(group))


def _used(group: Path) -> int:
    """Return the bytes that the kernel cannot reclaim.

    It can drop copies of files on a disk; files in memory it cannot."""
    words = _read(group / "memory.stat").split()
    sizes = dict(zip(words[::2], map(int, words[1::2]), strict=False))
    used = int(_read(group / "memory.current").strip() or 0)
    return used - sizes.get("file", 0) + sizes.get("shmem", 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
