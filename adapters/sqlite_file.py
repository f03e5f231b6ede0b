"""One SQLite file, shared by all stores of a process that are in it."""

import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from adapters.grouping import Grouping
from adapters.listeners import Listeners
from application.ports.event_store import StoreUnavailable

BUSY_SECONDS = 10.0
STATEMENTS = 512
"""How many statements each connection keeps prepared."""

Work = Callable[[sqlite3.Connection], Any]


class SqliteFile:
    """One writing connection, and a reading connection for each thread that reads concurrently.

    Readers never wait for the writer. ``durable`` says whether a write is on the disk when it
    returns; otherwise a crash of the machine may undo the last ones, in order.
    """

    _guard: ClassVar[Lock] = Lock()
    _opened: ClassVar[dict[Path, "SqliteFile"]] = {}

    @classmethod
    def open(cls, path: Path, user: object, *, durable: bool = True) -> "SqliteFile":
        """Return the process's SqliteFile for the path. It is closed with its last user."""
        path = path.resolve()
        with cls._guard:
            file = cls._opened.get(path) or cls(path, durable=durable)
            cls._opened[path] = file
            file._users.add(user)
            return file

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._durable = durable
        self._users: set[object] = set()
        self._closed = False
        self._writing = Lock()
        self._readers: deque[sqlite3.Connection] = deque()
        self._group: Grouping[Work, Any] = Grouping(self._write)
        self._listeners: defaultdict[str, Listeners] = defaultdict(Listeners)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with _unavailable():
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode=WAL")

    def listeners(self, log: str) -> Listeners:
        return self._listeners[log]

    def write(self, work: Work) -> Any:
        """Run the work durably, in a transaction that may also contain the work of other threads.

        Work that raises an exception must not have written anything.
        """
        return self._group.submit(work)

    def read(self, sql: str, *values: object) -> list[Any]:
        """Return the rows of a query."""
        with _unavailable(), self._reader() as connection:
            return connection.execute(sql, values).fetchall()

    def close(self, user: object) -> None:
        """Close the connections after the last user. Closing twice has no effect."""
        with self._guard:
            self._users.discard(user)
            if self._users:
                return
            self._opened.pop(self._path, None)
        with self._writing:
            self._closed = True
            self._writer.close()
        self._close_readers()

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreUnavailable("SQLite: the file is closed")
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS,
        )
        connection.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}")
        return connection

    def _write(self, works: Iterator[Work]) -> Sequence[Any]:
        with self._writing, _unavailable():
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                outcomes = [_attempt(work, self._writer) for work in works]
                self._writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
                raise
            return outcomes

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._readers.append(connection)
            if self._closed:
                self._close_readers()

    def _close_readers(self) -> None:
        with suppress(IndexError):
            while True:
                self._readers.pop().close()


def _attempt(work: Work, connection: sqlite3.Connection) -> Any:
    try:
        return work(connection)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - the outcome of this work, raised in its own thread
        return error


@contextmanager
def _unavailable() -> Iterator[None]:
    """Raise StoreUnavailable for a closed connection, a full disk or a locked file."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
        raise StoreUnavailable(f"SQLite: {error}") from error
