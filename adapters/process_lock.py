"""Keeps a second process off data that only one may use."""

import fcntl
from pathlib import Path


class InUse(Exception):
    """Another process has this data folder."""


class ProcessLock:
    """Held from its making until it is closed or its process dies, however it dies."""

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
