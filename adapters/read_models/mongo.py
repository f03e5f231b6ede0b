"""Read models in MongoDB: a collection for each, and their checkpoints in one beside them."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from pymongo.database import Database

from adapters.mongo import Document, unavailable_as
from adapters.read_models.indexing import Point, check, extractor
from adapters.read_models.mongo_commits import Commits
from adapters.read_models.mongo_questions import column_of, filter_of, keys_of, order_of
from application.ports.checkpoints import Checkpoint
from application.ports.event_store import StoreUnavailable
from application.ports.read_models import Cursor, Find, Index, Row

D = TypeVar("D")

# The whole document as JSON; beside it only what is indexed.
BODY = "d"


class MongoReadModels:
    """Read models in a database that others may use as well."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._models = database["read_models"]
        self._live = database["live_read_models"]

    def open(
        self, name: str, version: int, document: type[D], indexes: Sequence[Index]
    ) -> "MongoReadModel[D]":
        model = MongoReadModel(self._database, name, version, document, indexes)
        model.create()
        return model

    def live_version(self, name: str) -> int:
        with unavailable_as(StoreUnavailable):
            found = self._live.find_one({"_id": name})
        return int(found["version"]) if found else 0

    def make_live(self, name: str, version: int) -> None:
        with unavailable_as(StoreUnavailable):
            self._live.update_one({"_id": name}, {"$set": {"version": version}}, upsert=True)

    def versions(self, name: str) -> list[int]:
        with unavailable_as(StoreUnavailable):
            found = self._models.find({"name": name}).sort("version").to_list()
        return [model["version"] for model in found]

    def close(self) -> None:
        """Nothing is held: the database belongs to whoever connected to it."""


class MongoReadModel(Generic[D]):
    """One collection, in which a row is a document as JSON and the values of its indexes."""

    def __init__(
        self,
        database: Database[Document],
        name: str,
        version: int,
        document: type[D],
        indexes: Sequence[Index],
    ) -> None:
        self._commits = Commits(database, name, version)
        self._rows = self._commits.rows
        self._indexes = {index.name: index for index in indexes}
        self._columns = [(column_of(index.name), extractor(index)) for index in indexes]
        self._decoder = msgspec.json.Decoder(document)
        self._encoder = msgspec.json.Encoder()

    def create(self) -> None:
        """Make the indexes and the checkpoint, where they are not there."""
        with unavailable_as(StoreUnavailable):
            for index in self._indexes.values():
                for keys in keys_of(index):
                    self._rows.create_index(keys)
            self._commits.start()

    def checkpoint(self) -> Checkpoint:
        with unavailable_as(StoreUnavailable):
            return self._commits.checkpoint()

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        wanted = {"_id": {"$in": list(keys)}}
        with unavailable_as(StoreUnavailable):
            found = self._rows.find(wanted, {BODY: 1}, batch_size=len(keys) + 1).to_list()
        return {row["_id"]: self._decoder.decode(row[BODY]) for row in found}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        check(find, self._indexes)
        if limit == 0:
            # MongoDB would take it for no limit.
            return []
        wanted, order = filter_of(find, after), order_of(find)
        with unavailable_as(StoreUnavailable):
            cursor = self._rows.find(wanted, {BODY: 1}, limit=limit, batch_size=limit + 1)
            found = cursor.sort(order).to_list()
        return [Row(row["_id"], self._decoder.decode(row[BODY])) for row in found]

    def count(self, find: Find) -> int:
        check(find, self._indexes)
        with unavailable_as(StoreUnavailable):
            return self._rows.count_documents(filter_of(find))

    def commit(self, changes: Mapping[str, D | None], checkpoint: Checkpoint) -> None:
        rows = {
            key: None if document is None else self._row(document)
            for key, document in changes.items()
        }
        with unavailable_as(StoreUnavailable):
            self._commits.commit(rows, checkpoint)

    def drop(self) -> None:
        with unavailable_as(StoreUnavailable):
            self._commits.drop()

    def _row(self, document: D) -> Document:
        row: Document = {BODY: self._encoder.encode(document)}
        for column, extract in self._columns:
            row[column] = _bson(extract(document))
        return row


def _bson(value: Any) -> Any:
    return {"lon": value.lon, "lat": value.lat} if isinstance(value, Point) else value
