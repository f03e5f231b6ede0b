"""The stores of one machine: three SQLite files, the epochs and the secret."""

import fcntl
import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.backup.files import reporting
from adapters.disk import chunks_of, replace_file, sync_folder
from adapters.key_vault.epochs import EpochFile
from adapters.later_erasures.sqlite import SCHEMA
from application.ports.backup import DESTROYED, KEYS, BackupPiece, BackupRefused

VAULT = "keys.db"
LOGS = "klarity.db"
FILES = (LOGS, "credentials.db", VAULT)
DISPOSABLE = "models.db"
MARK = "restoring"
COPIES = ".backup-"
LOCK = "backup.lock"
EPOCHS = f"{KEYS}epochs"
SECRET = f"{KEYS}secret"
LATER = f"{KEYS}later_erasures"
BUSY_SECONDS = 10.0

Later = list[tuple[str, int]]


class SqliteStores:
    """The files in a data folder, with the epochs where they are."""

    kind = "sqlite"

    def __init__(self, folder: Path, epochs: Path, search: Path | None) -> None:
        self._folder = folder
        self._epochs = epochs
        self._search = search
        self._later: Later = []
        self._destroyed: set[str] = set()

    @contextmanager
    def snapshot(self) -> Iterator[Iterator[BackupPiece]]:
        """Yield the pieces of one moment.

        Writers wait for some milliseconds, until a read transaction has begun in each file. The
        files are then copied from these transactions, beside the originals: they hold nothing that
        these do not hold. Nothing can be erased from a file while a transaction reads it, so each
        ends with its copy, and the large file of the logs is copied last.
        """
        with ExitStack() as stack:
            with self._reporting():  # not for long: what the caller does has faults of its own
                pieces = self._copied(stack)
            yield pieces

    def _copied(self, stack: ExitStack) -> Iterator[BackupPiece]:
        """Copy the files, until the stack is closed. Returns the pieces."""
        self._must_be_there()
        stack.enter_context(self._one_at_a_time())
        self._clear_away()
        copies = stack.enter_context(TemporaryDirectory(dir=self._folder, prefix=COPIES))
        with ExitStack() as moment:
            reading, epochs = self._at_one_moment(moment)
            tables = {
                EPOCHS: epochs,
                LATER: json.dumps(_later_erasures(reading[LOGS])).encode(),
                DESTROYED: json.dumps(_destroyed(reading[VAULT])).encode(),
            }
            for name, connection in reversed(reading.items()):
                with closing(connection):
                    _copy(connection, Path(copies, name))
        return self._pieces(Path(copies), list(reading), tables)

    def occupied(self) -> str:
        secret = self._folder / "secret"
        paths = (*(self._folder / name for name in FILES), secret, self._epochs)
        with self._reporting():
            return ", ".join(str(path) for path in paths if path.exists())

    def begin(self) -> None:
        with self._reporting():
            self._empty()

    def _empty(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / MARK).touch()
        sync_folder(self._folder)
        for name in (*FILES, DISPOSABLE):
            for suffix in ("", "-wal", "-shm"):
                (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
        (self._folder / "secret").unlink(missing_ok=True)
        EpochFile(self._epochs).erase()
        if self._search:
            shutil.rmtree(self._search, ignore_errors=True)
        self._clear_away()

    def put(self, piece: BackupPiece) -> None:
        with reporting(self._epochs) if piece.name == EPOCHS else self._reporting():
            self._put(piece)

    def _put(self, piece: BackupPiece) -> None:
        if piece.name == LATER:
            self._later = json.loads(b"".join(piece.chunks))
        elif piece.name == DESTROYED:
            self._destroyed = set(json.loads(b"".join(piece.chunks)))
        elif piece.name == EPOCHS:
            EpochFile(self._epochs).restore(piece.chunks)
        else:
            path = self._folder / piece.name.rpartition("/")[2]
            replace_file(path, piece.chunks, COPIES)
        if piece.name.endswith(f"/{LOGS}"):
            self._replace_later_erasures()

    def is_restoring(self) -> bool:
        with self._reporting():
            return (self._folder / MARK).exists()

    def destroyed_since(self) -> set[str]:
        with self._reporting(), closing(self._connect(VAULT)) as vault:
            return set(_destroyed(vault)) - self._destroyed

    def end(self) -> None:
        with self._reporting():
            (self._folder / MARK).unlink()
            sync_folder(self._folder)

    def _reporting(self) -> AbstractContextManager[None]:
        return reporting(self._folder)

    def _must_be_there(self) -> None:
        needed = (self._folder / LOGS, self._folder / VAULT, self._epochs)
        missing = [path for path in needed if not path.exists()]
        if missing:
            raise BackupRefused(f"There is no instance to back up: {missing[0]} is missing.")

    def _clear_away(self) -> None:
        """Remove the copies that a killed backup has left."""
        for path in self._folder.glob(f"{COPIES}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with (self._folder / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupRefused("Another backup of this instance is being made.") from None
            yield

    def _at_one_moment(self, stack: ExitStack) -> tuple[dict[str, sqlite3.Connection], bytes]:
        """Begin to read all files while nobody writes to any, nor replaces epochs."""
        present = [name for name in FILES if (self._folder / name).exists()]
        reading = {name: stack.enter_context(closing(self._connect(name))) for name in present}
        with EpochFile(self._epochs).locked(), ExitStack() as paused:
            for name in present:
                writing = paused.enter_context(closing(self._connect(name)))
                writing.execute("BEGIN IMMEDIATE")
            for connection in reading.values():
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            return reading, self._epochs.read_bytes()

    def _connect(self, name: str) -> sqlite3.Connection:
        path = self._folder / name
        return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)

    def _pieces(
        self, copies: Path, names: Sequence[str], tables: Mapping[str, bytes]
    ) -> Iterator[BackupPiece]:
        for name, content in tables.items():
            yield _piece(name, content)
        with self._reporting():
            if (secret := self._folder / "secret").exists():
                yield _piece(SECRET, secret.read_bytes())
            for name in names:
                group = KEYS if name == VAULT else "records/"
                with (copies / name).open("rb") as file:
                    size = (copies / name).stat().st_size
                    yield BackupPiece(f"{group}{name}", size, chunks_of(file))

    def _replace_later_erasures(self) -> None:
        """Write those of the newest keys: an older archive does not know what waits now."""
        with closing(self._connect(LOGS)) as connection:
            connection.executescript(SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM later_erasures")
            connection.executemany("INSERT INTO later_erasures VALUES (?, ?)", self._later)
            connection.execute("COMMIT")


def _copy(source: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as copy:
        source.backup(copy)


def _later_erasures(logs: sqlite3.Connection) -> Later:
    try:
        return logs.execute("SELECT entry, due FROM later_erasures").fetchall()
    except sqlite3.OperationalError:  # nobody has opened this store yet
        return []


def _destroyed(vault: sqlite3.Connection) -> list[str]:
    rows = vault.execute("SELECT subject FROM keys WHERE wrapped = x'' ORDER BY subject")
    return [subject for (subject,) in rows]


def _piece(name: str, content: bytes) -> BackupPiece:
    return BackupPiece(name, len(content), iter([content]))
