"""The file of read models. One that is of no use is deleted, because it can be made again."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Final
from uuid import uuid4

from adapters.read_models.sqlite_seal import Seal
from adapters.sqlite_file import BUSY_SECONDS, SqliteFile, Work
from application.ports.event_store import StoreUnavailable
from application.ports.key_vault import KeyVault

log = logging.getLogger(__name__)

LAYOUT: Final = 3
"""Changes with the tables of this adapter, whatever they hold. Another one is not read."""

# secure_delete overwrites what is deleted.
SCHEMA = f"""
PRAGMA secure_delete = ON;
PRAGMA user_version = {LAYOUT};
CREATE TABLE IF NOT EXISTS seals (
    generation INTEGER PRIMARY KEY, subject TEXT NOT NULL, commits INTEGER NOT NULL,
    made_on TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS models (
    name TEXT, version INTEGER, revision INTEGER NOT NULL, positions TEXT NOT NULL,
    parked TEXT NOT NULL, PRIMARY KEY (name, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS builds (
    name TEXT, number INTEGER, fingerprint TEXT NOT NULL, PRIMARY KEY (name, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS live (name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rebuilds (
    name TEXT PRIMARY KEY, revision INTEGER NOT NULL, state BLOB NOT NULL
) WITHOUT ROWID
"""
SEALS = "SELECT generation, subject FROM seals ORDER BY generation"
NEW_SEAL = (
    "INSERT INTO seals SELECT 1 + coalesce(max(generation), 0), ?,"
    " (SELECT coalesce(sum(revision), 0) FROM models), ? FROM seals"
)


class ModelsFile:
    """An SQLite file of this layout, whose documents are sealed with keys from the vault.

    If it turns out to be damaged, every use raises StoreUnavailable, and the next start deletes it.
    """

    _opening: ClassVar[Lock] = Lock()

    def __init__(self, path: Path, key: bytes, vault: KeyVault, today: Callable[[], date]) -> None:
        self.seal = Seal(key)
        self.today = today
        self._path = path
        self._vault = vault
        self._damaged = _beside(path, "-damaged")
        with self._opening:
            self._delete_if_useless()
            self._file = SqliteFile.open(path, self, durable=False)
            self.write(_make)
            if not self.read(SEALS):
                self.begin_seal()
        self.load_seals()

    def read(self, sql: str, *values: object) -> list[Any]:
        with self._noticing_damage():
            return self._file.read(sql, *values)

    def write(self, work: Work) -> Any:
        with self._noticing_damage():
            return self._file.write(work)

    def is_on_disk(self) -> bool:
        """Put all commits on the disk. Returns False if somebody kept reading an older state."""
        ((busy, *_),) = self.read("PRAGMA wal_checkpoint(FULL)")
        return not busy

    def load_seals(self) -> None:
        """Load the keys, of which another thread or process may have made a new one."""
        found = ((each, self._vault.key(subject)) for each, subject in self.read(SEALS))
        self.seal.use({generation: key for generation, key in found if key})

    def begin_seal(self) -> None:
        """Make the key of the next generation."""
        subject = f"read-models/{uuid4()}"
        self._vault.make_key(subject)
        self.write(lambda writer: writer.execute(NEW_SEAL, (subject, self.today().isoformat())))

    def end_seals(self, before: int) -> None:
        """Destroy the keys of earlier generations: what they sealed cannot be read any more."""
        for generation, subject in self.read(SEALS):
            if generation < before:
                self._vault.destroy(subject)
        self.write(
            lambda writer: writer.execute("DELETE FROM seals WHERE generation < ?", (before,))
        )

    def close(self) -> None:
        self._file.close(self)

    def _delete_if_useless(self) -> None:
        if self._path.exists() and (fault := self._fault()):
            log.warning("the read models in %s are made again: %s", self._path, fault)
            for each in ("", "-wal", "-shm", "-damaged"):
                _beside(self._path, each).unlink(missing_ok=True)

    def _fault(self) -> str:
        """Return why the file cannot be used, or nothing."""
        if self._damaged.exists():
            return "they were found to be damaged"
        try:
            with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as connection:
                (layout,) = connection.execute("PRAGMA user_version").fetchone()
                if layout == LAYOUT:
                    subjects = [subject for _, subject in connection.execute(SEALS)]
                    return self._lost(subjects)
                new = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
                return "" if new else "another program made them"
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"SQLite: {error}") from error
        except sqlite3.DatabaseError as error:
            return str(error)

    def _lost(self, subjects: list[str]) -> str:
        lost = subjects and self._vault.key(subjects[-1]) is None
        return "their key is not in the key vault" if lost else ""

    @contextmanager
    def _noticing_damage(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            log.error("the read models in %s are damaged: %s", self._path, error)
            self._damaged.touch()
            raise StoreUnavailable(f"SQLite: {error}") from error


def _make(writer: sqlite3.Connection) -> None:
    """Make what is missing, one statement at a time, to stay in the transaction."""
    for statement in SCHEMA.split(";"):
        writer.execute(statement)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
