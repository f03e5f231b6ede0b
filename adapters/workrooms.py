"""Folders in memory, to work in on what no disk may keep, such as a plain original."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from threading import RLock

from adapters.memory_folders import bytes_left, is_in_memory
from application.ports.sanitiser import SanitiserUnavailable

MEMORY = Path("/dev/shm")  # noqa: S108 -- rooms in it are made with mkdtemp
PREFIX = "klarity-room-"
# For what is made of a file, beside the file itself.
SPARE = 64 << 20


class Workrooms:
    """A room is locked by the process that works in it. The lock ends with the process, however it
    dies.

    Opening a room, or only these rooms, first removes those of processes that died.
    """

    def __init__(self, folder: Path = MEMORY) -> None:
        self._folder = folder
        self._promised: dict[Path, int] = {}
        self._lock = RLock()
        self._clear_away()

    @contextmanager
    def room(self, size: int) -> Iterator[Path]:
        """An empty folder for a file of this size, which is removed with all that is in it.

        Raises SanitiserUnavailable where there can be none.
        """
        self._clear_away()
        with self._lock:
            self.require(size)
            path, lock = self._begin()
            self._promised[path] = size
        try:
            yield path
        finally:
            with self._lock:
                del self._promised[path]
            _let_go(path, lock)

    def require(self, size: int) -> None:
        """Raises SanitiserUnavailable where the rooms are not in memory, or it has not this much
        left."""
        if not is_in_memory(self._folder):
            raise SanitiserUnavailable(
                f"{self._folder} is not in memory: evidence waits. Set KLARITY_WORKROOMS to a tmpfs"
            )
        needed = size + SPARE
        with self._lock:
            left = bytes_left(self._folder) - self._still_to_come()
        if left < needed:
            raise SanitiserUnavailable(
                f"{self._folder} or the memory has less than {needed:,} bytes left: evidence waits"
            )

    def _still_to_come(self) -> int:
        """What files in other rooms will take beyond what they take already."""
        return sum(max(0, size - _bytes_in(path)) for path, size in self._promised.items())

    def _begin(self) -> tuple[Path, int]:
        """Raises SanitiserUnavailable where no folder can be made."""
        try:
            while True:
                path = Path(mkdtemp(prefix=PREFIX, dir=self._folder))
                # Between the two it may look abandoned.
                with suppress(FileNotFoundError):
                    lock = _open(path)
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    if path.is_dir():
                        return path, lock
                    os.close(lock)
        except OSError as error:
            raise SanitiserUnavailable("there is no room to work in") from error

    def _clear_away(self) -> None:
        for path in self._folder.glob(f"{PREFIX}*"):
            # It may be another user's, or gone by now.
            with suppress(OSError):
                self._remove_abandoned(path)

    def _remove_abandoned(self, path: Path) -> None:
        lock = _open(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        _let_go(path, lock)


def _bytes_in(room: Path) -> int:
    """Of the files in it; not of those in its folders, where what is made of them comes to be."""
    return sum(path.lstat().st_size for path in room.iterdir() if not path.is_dir())


def _let_go(path: Path, lock: int) -> None:
    """Remove the room. What cannot be removed now looks abandoned from here on, and is later."""
    try:
        shutil.rmtree(path)
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
