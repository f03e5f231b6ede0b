"""Logs in one SQLite file: durable, without a server."""

from collections.abc import Callable, Sequence
from pathlib import Path
from re import fullmatch
from sqlite3 import Connection
from typing import Any

from adapters.event_store.chain import sealed
from adapters.sqlite_file import SqliteFile
from application.engine.log_seals import LogSeals
from application.ports.event_store import (
    GENESIS,
    AlreadyDone,
    NewCommit,
    SealedHead,
    StoredCommit,
    StreamConflict,
)

_Unplaced = tuple[str, int, int, int, str, bytes, bytes, bytes]
_Row = tuple[str, int, int, int, str, bytes, bytes, bytes, int]

_COLUMNS = "stream, first, size, stamp, command_id, body, hash, seal, position"

_NEWEST = 2**63 - 1

_CREATE_HEADS = (
    "CREATE TABLE IF NOT EXISTS sealed_heads (log TEXT PRIMARY KEY, position INTEGER NOT NULL,"
    " running BLOB NOT NULL, seal BLOB NOT NULL) STRICT"
)
_FIRST_HEAD = "INSERT OR IGNORE INTO sealed_heads VALUES (?, ?, ?, ?)"
_HEAD = "SELECT position, running, seal FROM sealed_heads WHERE log = ?"
_MOVE_HEAD = (
    "UPDATE sealed_heads SET position = ?, running = ?, seal = ? WHERE log = ? AND position < ?"
)


class SqliteEventStore:
    """An EventStore in a table. The logs of one file share a writer and its fsyncs.

    A head that is not the end of its stream is a conflict: before it, after it, or within a commit.
    Several processes can use the file, but ``on_append`` reports appends of this process only.
    """

    def __init__(self, log: str, path: Path, seals: LogSeals) -> None:
        if not fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", log):
            raise ValueError(f"not a valid name of a log: {log}")
        self._log = log
        self._seals = seals
        self._file = SqliteFile.open(path, self)
        self._listeners = self._file.listeners(log)
        self._sql = _Statements(f'"log_{log}"')
        self._file.write(self._make)

    @property
    def log(self) -> str:
        return self._log

    def append(self, commit: NewCommit) -> StoredCommit:
        stored = sealed(self._log, commit, self._seals)
        values = (*_row(stored), commit.head.version, commit.head.hash, commit.head.stamp)
        position: int = self._file.write(lambda writer: self._insert(writer, values))
        self._listeners.call()
        return _stored((*_row(stored), position))

    def load(self, stream: str, *, upto: int | None = None) -> list[StoredCommit]:
        highest = _NEWEST if upto is None else upto
        rows = self._file.read(self._sql.load, stream, highest)
        return [_stored(row) for row in rows]

    def read_log(self, after: int, limit: int) -> list[StoredCommit]:
        return [_stored(row) for row in self._file.read(self._sql.read_log, after, limit)]

    def find_command(self, command_id: str) -> StoredCommit | None:
        rows = self._file.read(self._sql.find_command, command_id)
        return _stored(rows[0]) if rows else None

    def position_of(self, stream: str, version: int) -> int | None:
        rows = self._file.read(self._sql.holder, stream, version)
        holder = _stored(rows[0]) if rows else None
        if holder is None or version > holder.last:
            return None
        return holder.position - (holder.last - version)

    def last_position(self) -> int:
        position: int = self._file.read(self._sql.last_position)[0][0]
        return position

    def sealed_head(self) -> SealedHead | None:
        rows = self._file.read(_HEAD, self._log)
        return SealedHead(*rows[0]) if rows else None

    def seal(self, head: SealedHead) -> None:
        values = (head.position, head.running, head.seal, self._log, head.position)
        self._file.write(lambda writer: writer.execute(_MOVE_HEAD, values))

    def strays(self) -> list[StoredCommit]:
        return [_stored(row) for row in self._file.read(self._sql.strays)]

    def on_append(self, wake: Callable[[], None]) -> Callable[[], None]:
        return self._listeners.add(wake)

    def close(self) -> None:
        self._file.close(self)

    def _make(self, writer: Connection) -> None:
        """Create the table, and for a new log the head. A removed head stays missing."""
        writer.execute(self._sql.create)
        writer.execute(_CREATE_HEADS)
        if not writer.execute(self._sql.last_position).fetchone()[0]:
            start = self._seals.start(self._log)
            writer.execute(_FIRST_HEAD, (self._log, start.position, start.running, start.seal))

    def _insert(self, writer: Connection, values: Sequence[Any]) -> int:
        """Insert the commit. Returns its position, or raises AlreadyDone or StreamConflict."""
        inserted = writer.execute(self._sql.insert, values)
        if inserted.rowcount and inserted.lastrowid:
            return inserted.lastrowid
        stream, command_id = values[0], values[4]
        if done := writer.execute(self._sql.find_command, (command_id,)).fetchone():
            raise AlreadyDone(_stored(done))
        raise StreamConflict(stream)


class _Statements:
    """The SQL of one log's table. The primary key is the position of a commit's last event."""

    def __init__(self, table: str) -> None:
        last_position = f"SELECT coalesce(max(position), 0) FROM {table}"  # noqa: S608 - as below
        select = f"SELECT {_COLUMNS} FROM {table}"  # noqa: S608 - the log's name is checked
        self.create = (
            f"CREATE TABLE IF NOT EXISTS {table} (position INTEGER PRIMARY KEY,"
            " stream TEXT NOT NULL, first INTEGER NOT NULL, size INTEGER NOT NULL,"
            " stamp INTEGER NOT NULL, command_id TEXT NOT NULL UNIQUE, body BLOB NOT NULL,"
            " hash BLOB NOT NULL, seal BLOB NOT NULL, UNIQUE (stream, first)) STRICT"
        )
        # One statement is faster: after each, other threads may get the interpreter lock. It checks
        # that the head is a commit of the stream; the unique key ensures that it is the last one.
        self.insert = (
            f"INSERT OR IGNORE INTO {table} ({_COLUMNS})"  # noqa: S608 - as above
            f" SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?3 + ({last_position}) WHERE ?10 ="
            f" CASE ?9 WHEN 0 THEN zeroblob({len(GENESIS)}) ELSE (SELECT hash FROM {table}"
            " WHERE stream = ?1 AND first <= ?9 AND first + size = ?9 + 1 AND stamp = ?11"
            " ORDER BY first DESC LIMIT 1) END"
        )
        self.load = f"{select} WHERE stream = ? AND first <= ? ORDER BY first"
        self.holder = f"{select} WHERE stream = ? AND first <= ? ORDER BY first DESC LIMIT 1"
        self.find_command = f"{select} WHERE command_id = ?"
        self.read_log = f"{select} WHERE position > ? ORDER BY position LIMIT ?"
        self.last_position = last_position
        self.strays = f"{select} WHERE position < 1 ORDER BY position"


def _row(commit: StoredCommit) -> _Unplaced:
    """Return the values of all columns but the position."""
    return (
        commit.stream,
        commit.first,
        commit.size,
        commit.stamp,
        commit.command_id,
        commit.body,
        commit.hash,
        commit.seal,
    )


def _stored(row: _Row) -> StoredCommit:
    stream, first, size, stamp, command_id, body, hash_, seal, position = row
    return StoredCommit(
        stream=stream,
        first=first,
        size=size,
        stamp=stamp,
        command_id=command_id,
        body=body,
        hash=hash_,
        position=position,
        seal=seal,
    )
