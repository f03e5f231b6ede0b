"""A SQLite file for one small store."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from application.ports.event_store import StoreUnavailable

BUSY_SECONDS = 10.0
PAUSE_SECONDS = 0.01


class SqliteDatabase:
    """One connection, shared by the threads of a process in turn. Each write is durable.

    Other processes may use the same file. ``schema`` is SQL that creates what is missing. Methods
    raise StoreUnavailable if the file is locked, full or closed.
    """

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._lock = Lock()
        self._connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        with self._using() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(schema)

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        with self._using() as connection:
            return connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> Any:
        """Return the first row of a query, or None."""
        with self._using() as connection:
            return connection.execute(sql, values).fetchone()

    def write(self, sql: str, *values: object, **named: object) -> int:
        """Run one statement in its own transaction. Returns the number of changed rows."""
        with self._using() as connection:
            return connection.execute(sql, named or values).rowcount

    def write_many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run one statement for each row, in one transaction."""
        with self.transaction() as connection:
            connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block's statements in one transaction; an exception undoes them all."""
        with self._using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def empty_log(self) -> None:
        """Empty the write-ahead log, because it still holds deleted data.

        SQLite itself waits for readers and writers, but not for another connection that empties it.
        """
        until = time.monotonic() + BUSY_SECONDS
        while self.row("PRAGMA wal_checkpoint(TRUNCATE)")[0]:
            if time.monotonic() >= until:
                raise StoreUnavailable("SQLite: the write-ahead log is in use")
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._connection
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise StoreUnavailable(f"SQLite: {error}") from error
