"""Temporary folders in memory, for files that must not touch a disk, such as plain originals."""

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
# Space for the files made from the original, in addition to the original itself.
SPARE = 64 << 20


class Workrooms:
    """Makes folders ("rooms"), each locked by the process that uses it.

    The lock ends with the process. The constructor and each new room first remove the rooms of
    processes that died.
    """

    def __init__(self, folder: Path = MEMORY) -> None:
        self._folder = folder
        self._promised: dict[Path, int] = {}
        self._lock = RLock()
        self._clear_away()

    @contextmanager
    def room(self, size: int) -> Iterator[Path]:
        """Make an empty folder for a file of this size, and remove it with all content at the end.

        Raises SanitiserUnavailable if the memory does not suffice.
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
        """Raise SanitiserUnavailable unless the folder is in memory with so many bytes left."""
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
        """Return the bytes that files in other rooms are still going to take."""
        return sum(max(0, size - _bytes_in(path)) for path, size in self._promised.items())

    def _begin(self) -> tuple[Path, int]:
        """Make and lock a room. Raises SanitiserUnavailable if no folder can be made."""
        try:
            while True:
                path = Path(mkdtemp(prefix=PREFIX, dir=self._folder))
                # Before it is locked, another process may take it for abandoned and remove it.
                with suppress(FileNotFoundError):
                    lock = _open(path)
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    if path.is_dir():
                        return path, lock
                    os.close(lock)
        except OSError as error:
            raise SanitiserUnavailable("no folder can be made to work in") from error

    def _clear_away(self) -> None:
        for path in self._folder.glob(f"{PREFIX}*"):
            # The room may belong to another user, or be removed by now.
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
    """Return the size of the files in the room. Its subfolders hold the files made from them."""
    return sum(path.lstat().st_size for path in room.iterdir() if not path.is_dir())


def _let_go(path: Path, lock: int) -> None:
    """Remove the room and unlock it. If that fails, a later call removes it as abandoned."""
    try:
        shutil.rmtree(path)
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
