"""Folders to work in on what nobody else may see, such as a plain original."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from application.ports.sanitiser import SanitiserUnavailable

PREFIX = "klarity-room-"


class Workrooms:
    """A room is locked by who works in it. The lock ends with their process, however it dies.

    Who opens a room, or only the door, first clears away what the dead have left.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(gettempdir())
        self._clear_away()

    @contextmanager
    def room(self) -> Iterator[Path]:
        """An empty folder, which is removed with all that is in it."""
        self._clear_away()
        path, lock = self._begin()
        try:
            yield path
        finally:
            _let_go(path, lock)

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


def _let_go(path: Path, lock: int) -> None:
    """Remove the room. What cannot be removed now looks abandoned from here on, and is later."""
    try:
        shutil.rmtree(path)
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
