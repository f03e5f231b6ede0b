"""Read models in one SQLite file: they stay, without a server."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from json import dumps, loads
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Generic, TypeVar

import msgspec

from adapters.documents import decoder_of
from adapters.read_models.indexing import check, side_of
from adapters.read_models.sqlite_file import ModelsFile
from adapters.read_models.sqlite_questions import TableQuery
from adapters.read_models.sqlite_renewal import Renewal
from adapters.read_models.sqlite_seal import WrongKey
from adapters.read_models.sqlite_tables import COLUMNS_OF, SqlTable, Values, drop_tables
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable
from application.ports.key_vault import KeyVault
from application.ports.read_models import (
    NO_SIDES,
    Build,
    Cursor,
    Find,
    Index,
    Row,
    Side,
    SideChanges,
    UnreadableDocument,
)
from application.ports.rebuilds import NO_REBUILD, RebuildState

D = TypeVar("D")
S = TypeVar("S")

# What a statement writes, for each of its rows.
Writes = tuple[str, Sequence[Values]]


_BEGIN = (
    "INSERT INTO builds SELECT ?1, 1 + coalesce(max(number), 0), ?2 FROM builds WHERE name = ?1"
    " RETURNING number"
)
_BUILDS = "SELECT number, fingerprint FROM builds WHERE name = ? ORDER BY number"
_LIVE = "SELECT version FROM live WHERE name = ?"
_MAKE_LIVE = (
    "INSERT INTO live VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET version = max(version, excluded.version)"
)
_VERSIONS = "SELECT version FROM models WHERE name = ? ORDER BY version"
_OPEN = "INSERT OR IGNORE INTO models VALUES (?, ?, 0, '{}', '[]')"
_CHECKPOINT = "SELECT revision, positions, parked FROM models WHERE name = ? AND version = ?"
_MOVE = (
    "UPDATE models SET revision = ?, positions = ?, parked = ?"
    " WHERE name = ? AND version = ? AND revision = ?"
)
_REBUILD = "SELECT state FROM rebuilds WHERE name = ?"
_SAVE_REBUILD = (
    "INSERT INTO rebuilds SELECT ?1, ?2, ?3"
    " WHERE ?2 = 1 + coalesce((SELECT revision FROM rebuilds WHERE name = ?1), 0)"
    " ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, state = excluded.state"
)
_SERVE = (
    "INSERT INTO live VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version"
)
_GENERATION = "SELECT max(generation) FROM seals"
_DROP = "DELETE FROM models WHERE name = ? AND version = ?"


class SqliteReadModels:
    """Read models in a file of their own. Several processes can use it.

    Their documents are sealed with keys from the vault; ``key`` is for hashes.

    A crash of the machine may undo the last commits. Their rows go with their checkpoint, so the
    events are projected again.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        vault: KeyVault,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = ModelsFile(path, key, vault, lambda: now().date())
        self._renewal = Renewal(self._file)

    def begin(self, name: str, fingerprint: str) -> Build:
        number: int = self._file.write(
            lambda writer: writer.execute(_BEGIN, (name, fingerprint)).fetchone()[0]
        )
        return Build(number, fingerprint)

    def builds(self, name: str) -> list[Build]:
        return [Build(*row) for row in self._file.read(_BUILDS, name)]

    def open(
        self,
        name: str,
        version: int,
        document: type[D],
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]] = (),
    ) -> "SqliteReadModel[D]":
        model = SqliteReadModel(self._file, (name, version), document, indexes, sides)
        model.make()
        return model

    def live_version(self, name: str) -> int:
        found = self._file.read(_LIVE, name)
        return int(found[0][0]) if found else 0

    def make_live(self, name: str, version: int) -> None:
        self._file.write(lambda writer: writer.execute(_MAKE_LIVE, (name, version)))

    def versions(self, name: str) -> list[int]:
        return [version for (version,) in self._file.read(_VERSIONS, name)]

    def rebuild(self, name: str) -> RebuildState:
        found = self._file.read(_REBUILD, name)
        return msgspec.json.decode(found[0][0], type=RebuildState) if found else NO_REBUILD

    def save_rebuild(self, name: str, state: RebuildState, *, live: int = 0) -> None:
        row = (name, state.revision, msgspec.json.encode(state))

        def save(writer: Connection) -> None:
            if not writer.execute(_SAVE_REBUILD, row).rowcount:
                raise Fenced
            if live:
                writer.execute(_SERVE, (name, live))

        self._file.write(save)

    def renew_key(self) -> None:
        """Seal everything anew, at most once a day, so that nobody can read what it was before."""
        self._renewal.renew_if_due()

    def close(self) -> None:
        self._file.close()


class SqliteTable(Generic[D]):
    """One table, in which a row is a sealed document and the values of its indexes."""

    def __init__(
        self, file: ModelsFile, name: str, document: type[D], indexes: Sequence[Index]
    ) -> None:
        self._file = file
        self._seal = file.seal
        self.table = SqlTable(name, indexes, file.seal)
        self._decoder = decoder_of(document)
        self._encoder = msgspec.json.Encoder()
        self._get = f"SELECT key, body FROM {self.table.quoted} WHERE id = ?"  # noqa: S608 - quoted
        self._get_many = (
            f"SELECT key, body FROM {self.table.quoted}"  # noqa: S608 - quoted
            " WHERE id IN (SELECT value FROM json_each(?))"
        )

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        ids = [self._seal.number(key) for key in keys]
        rows = (
            self._read(self._get, *ids) if len(ids) == 1 else self._read(self._get_many, dumps(ids))
        )
        found = dict(rows)
        return {key: self._document(key, found[key]) for key in keys if key in found}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        sql = self._question(find).rows(limit, after)
        rows = self._read(sql.text, *sql.values)
        return [Row(key, self._document(key, body)) for key, body, *_ in rows]

    def count(self, find: Find) -> int:
        sql = self._question(find).count()
        return sum(number for (number,) in self._read(sql.text, *sql.values))

    def writes(self, changes: Mapping[str, D | None]) -> list[Writes]:
        """Return what a commit writes. Raises ValueError for a row that cannot be stored."""
        put = [
            self.table.row(key, document, self._encoder.encode(document))
            for key, document in changes.items()
            if document is not None
        ]
        gone = [(self._seal.number(key),) for key, document in changes.items() if document is None]
        return [(self.table.put, put), (self.table.delete, gone)]

    def _question(self, find: Find) -> TableQuery:
        check(find, self.table.indexes)
        return TableQuery(self.table, find, self._counts)

    def _counts(self, sql: str, values: Sequence[Any]) -> Sequence[int]:
        found = self._read(sql, *values)
        return found[0] if found else (0,)

    def _read(self, sql: str, *values: object) -> list[Any]:
        """Return the rows of a query. A dropped table has none."""
        try:
            return self._file.read(sql, *values)
        except StoreUnavailable:
            if self._is_there():
                raise
            return []

    def _is_there(self) -> bool:
        return bool(self._file.read(COLUMNS_OF, self.table.name))

    def _document(self, key: str, body: bytes) -> D:
        try:
            return self._decoder.decode(self._opened(key, body))
        except (msgspec.ValidationError, WrongKey) as error:
            raise UnreadableDocument(self.table.name) from error

    def _opened(self, key: str, body: bytes) -> bytes:
        place = f"{self.table.name} {key}"
        try:
            return self._seal.open(body, place)
        except WrongKey:
            self._file.load_seals()
            return self._seal.open(body, place)


class SqliteReadModel(SqliteTable[D]):
    """The table of the documents, and one for each side table."""

    def __init__(
        self,
        file: ModelsFile,
        build: tuple[str, int],
        document: type[D],
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]],
    ) -> None:
        name = f"{build[0]}.{build[1]}"
        super().__init__(file, name, document, indexes)
        self._build = build
        self._sides = {
            side.row: SqliteTable[Any](file, f"{name}.{side.name}", side.row, side.indexes)
            for side in sides
        }

    def make(self) -> None:
        """Make the tables and the checkpoint if they are missing."""
        tables = [each.table for each in (self, *self._sides.values())]
        if self._file.read(_CHECKPOINT, *self._build) and all(map(self._is_made, tables)):
            return

        def make(writer: Connection) -> None:
            writer.execute(_OPEN, self._build)
            for table in tables:
                table.make(writer)

        self._file.write(make)

    def _is_made(self, table: SqlTable) -> bool:
        return table.is_made({name for (name,) in self._file.read(COLUMNS_OF, table.name)})

    def checkpoint(self) -> Checkpoint:
        for revision, positions, parked in self._file.read(_CHECKPOINT, *self._build):
            return Checkpoint(
                revision=revision, positions=loads(positions), parked=frozenset(loads(parked))
            )
        return START

    def side(self, row: type[S]) -> SqliteTable[S]:
        return side_of(self._sides, row)

    def commit(
        self,
        changes: Mapping[str, D | None],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None:
        writes = self.writes(changes)
        for row, its_changes in sides.items():
            writes += self.side(row).writes(its_changes)
        moved = (*_stored(checkpoint), *self._build, checkpoint.revision - 1)
        generation = self._seal.generation

        def commit(writer: Connection) -> None:
            sealed_anew = writer.execute(_GENERATION).fetchone()[0] != generation
            if sealed_anew or not writer.execute(_MOVE, moved).rowcount:
                raise Fenced
            _write(writer, writes)

        try:
            self._file.write(commit)
        except Fenced:
            self._file.load_seals()
            raise

    def drop(self) -> None:
        def drop(writer: Connection) -> None:
            writer.execute(_DROP, self._build)
            drop_tables(writer, self.table.name)

        self._file.write(drop)


def _write(writer: Connection, writes: Iterable[Writes]) -> None:
    for sql, rows in writes:
        if rows:
            writer.executemany(sql, rows)


def _stored(checkpoint: Checkpoint) -> tuple[int, str, str]:
    return (
        checkpoint.revision,
        dumps(dict(checkpoint.positions)),
        dumps(sorted(checkpoint.parked)),
    )
