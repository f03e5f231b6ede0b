"""What can go wrong with files, as the port reports it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.key_vault.epochs import WrongEpochs
from application.ports.backup import BackupRefused


@contextmanager
def reporting(place: Path) -> Iterator[None]:
    """Raise BackupRefused for a full disk, a file that is locked or damaged, and the like."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError, WrongEpochs) as error:
        raise BackupRefused(
            f"{place} cannot be read or written: {error}. Correct this, and try again."
        ) from error
