"""Reserve a data folder for one process."""

import fcntl
from pathlib import Path


class InUse(Exception):
    """Another process uses the data folder."""


class ProcessLock:
    """An exclusive lock on a folder, held until it is closed or its process ends in any way."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise InUse(
                f"Another process is using {folder}. With an event store, bus or read models in "
                "one process, only that process may run; stop it first, or choose mongo and a "
                "broker."
            ) from None

    def close(self) -> None:
        self._file.close()


def is_in_use(folder: Path) -> bool:
    """Return whether a process has reserved the folder."""
    try:
        ProcessLock(folder).close()
    except InUse:
        return True
    return False
