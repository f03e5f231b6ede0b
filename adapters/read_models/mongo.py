"""Read models in MongoDB: one collection for each build, and one for all checkpoints."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.documents import decoder_of
from adapters.grouping import Grouping
from adapters.mongo import Document, unavailable_as
from adapters.read_models.cells import cells_of
from adapters.read_models.indexing import IndexedPoint, check, extractor, side_of
from adapters.read_models.mongo_commits import Commits
from adapters.read_models.mongo_questions import (
    cells_column,
    column_of,
    filter_of,
    indexes_of,
    order_of,
)
from application.ports.checkpoints import Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable
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

# The field with the whole document as JSON. A row's other fields are the values of the indexes.
BODY = "d"


class MongoReadModels:
    """Read models in a database that may be shared with others."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._models = database["read_models"]
        self._live = database["live_read_models"]

    def begin(self, name: str, fingerprint: str) -> Build:
        number = {"$add": [{"$size": {"$ifNull": ["$builds", []]}}, 1]}
        build = {"number": number, "fingerprint": {"$literal": fingerprint}}
        added = {"$concatArrays": [{"$ifNull": ["$builds", []]}, [build]]}
        with unavailable_as(StoreUnavailable):
            found = self._live.find_one_and_update(
                {"_id": name},
                [{"$set": {"builds": added}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return _builds(found)[-1]

    def builds(self, name: str) -> list[Build]:
        with unavailable_as(StoreUnavailable):
            return _builds(self._live.find_one({"_id": name}))

    def open(
        self,
        name: str,
        version: int,
        document: type[D],
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]] = (),
    ) -> "MongoReadModel[D]":
        commits = Commits(self._database, name, version)
        model = MongoReadModel(commits, document, indexes, sides)
        model.create()
        return model

    def live_version(self, name: str) -> int:
        with unavailable_as(StoreUnavailable):
            found = self._live.find_one({"_id": name})
        return int(found.get("version", 0)) if found else 0

    def make_live(self, name: str, version: int) -> None:
        with unavailable_as(StoreUnavailable):
            self._live.update_one({"_id": name}, {"$max": {"version": version}}, upsert=True)

    def versions(self, name: str) -> list[int]:
        with unavailable_as(StoreUnavailable):
            found = self._models.find({"name": name}).sort("version").to_list()
        return [model["version"] for model in found]

    def rebuild(self, name: str) -> RebuildState:
        with unavailable_as(StoreUnavailable):
            found = self._live.find_one({"_id": name}) or {}
        state = found.get("rebuild")
        return msgspec.json.decode(state, type=RebuildState) if state else NO_REBUILD

    def save_rebuild(self, name: str, state: RebuildState, *, live: int = 0) -> None:
        before = {"_id": name, "revision": state.revision - 1 or None}
        saved = {"revision": state.revision, "rebuild": msgspec.json.encode(state)}
        change = {"$set": {**saved, "version": live} if live else saved}
        with unavailable_as(StoreUnavailable):
            try:
                result = self._live.update_one(before, change, upsert=state.revision == 1)
            except DuplicateKeyError as error:
                raise Fenced from error
        if not result.matched_count and result.upserted_id is None:
            raise Fenced

    def close(self) -> None:
        """Release nothing: the caller owns the database."""


class MongoTable(Generic[D]):
    """One collection, in which a row is a document as JSON and the values of its indexes."""

    def __init__(
        self, rows: Collection[Document], document: type[D], indexes: Sequence[Index]
    ) -> None:
        self._rows = rows
        self._indexes = {index.name: index for index in indexes}
        self._columns = [(column_of(index.name), extractor(index)) for index in indexes]
        self._decoder = decoder_of(document)
        self._encoder = msgspec.json.Encoder()
        self._gets: Grouping[Sequence[str], Mapping[str, bytes]] = Grouping(self._bodies)

    def create_indexes(self) -> None:
        """Create the indexes that are missing."""
        if models := [model for each in self._indexes.values() for model in indexes_of(each)]:
            self._rows.create_indexes(models)

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        # A projection reads many documents. The request for a single one must not wait for it.
        bodies = self._gets.submit(keys) if len(keys) == 1 else self._bodies(iter([keys]))[0]
        return {key: self._document(body) for key, body in bodies.items()}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        check(find, self._indexes)
        if limit == 0:
            # MongoDB takes a limit of 0 as no limit.
            return []
        wanted, order = filter_of(find, after), order_of(find)
        with unavailable_as(StoreUnavailable):
            cursor = self._rows.find(wanted, {BODY: 1}, limit=limit, batch_size=limit + 1)
            found = cursor.sort(order).to_list()
        return [Row(row["_id"], self._document(row[BODY])) for row in found]

    def count(self, find: Find) -> int:
        check(find, self._indexes)
        with unavailable_as(StoreUnavailable):
            return self._rows.count_documents(filter_of(find))

    def stored(self, changes: Mapping[str, D | None]) -> Iterator[tuple[str, Document | None]]:
        """Return the stored rows by key."""
        for key, document in changes.items():
            yield key, None if document is None else self._row(document)

    def _bodies(self, queue: Iterator[Sequence[str]]) -> Sequence[Mapping[str, bytes]]:
        """Return, for each sequence of keys, the rows that exist."""
        asked = list(queue)
        wanted = list({key for keys in asked for key in keys})
        with unavailable_as(StoreUnavailable):
            cursor = self._rows.find(
                {"_id": {"$in": wanted}}, {BODY: 1}, batch_size=len(wanted) + 1
            )
            found = {row["_id"]: row[BODY] for row in cursor.to_list()}
        return [{key: found[key] for key in keys if key in found} for keys in asked]

    def _document(self, body: bytes) -> D:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise UnreadableDocument(self._rows.name) from error

    def _row(self, document: D) -> Document:
        row: Document = {BODY: self._encoder.encode(document)}
        for column, extract in self._columns:
            value = row[column] = extract(document)
            if isinstance(value, IndexedPoint):
                row[column] = {"lon": value.lon, "lat": value.lat}
                row[cells_column(column)] = cells_of(value)
        return row


class MongoReadModel(MongoTable[D]):
    """The collection of the documents, and one for each side table."""

    def __init__(
        self,
        commits: Commits,
        document: type[D],
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]],
    ) -> None:
        super().__init__(commits.table(""), document, indexes)
        self._commits = commits
        self._sides = {
            side.row: MongoTable[Any](commits.table(side.name), side.row, side.indexes)
            for side in sides
        }

    def create(self) -> None:
        """Create the indexes and the checkpoint if they are missing."""
        with unavailable_as(StoreUnavailable):
            for table in (self, *self._sides.values()):
                table.create_indexes()
            self._commits.start()

    def checkpoint(self) -> Checkpoint:
        with unavailable_as(StoreUnavailable):
            return self._commits.checkpoint()

    def side(self, row: type[S]) -> MongoTable[S]:
        return side_of(self._sides, row)

    def commit(
        self,
        changes: Mapping[str, D | None],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None:
        rows = {("", key): row for key, row in self.stored(changes)}
        for kind, its_changes in sides.items():
            stored = self.side(kind).stored(its_changes)
            rows.update({(kind.__name__, key): row for key, row in stored})
        with unavailable_as(StoreUnavailable):
            self._commits.commit(rows, checkpoint)

    def drop(self) -> None:
        with unavailable_as(StoreUnavailable):
            self._commits.drop()


def _builds(found: Document | None) -> list[Build]:
    return [Build(**build) for build in (found or {}).get("builds", [])]
