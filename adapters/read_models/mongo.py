"""Read models in MongoDB: a collection for each, and their checkpoints in one beside them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import pi
from typing import Any, Generic, TypeVar

import msgspec
import pymongo
from pymongo import DeleteOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from adapters.mongo import DURABLE, MAJORITY, Document, unavailable_as
from adapters.read_models.indexing import EARTH_KM, Point, check, extractor, scalar
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable
from application.ports.read_models import (
    Between,
    Condition,
    Cursor,
    Equals,
    Find,
    HasWords,
    InBox,
    Index,
    Near,
    Row,
)
from application.queries.words import words

D = TypeVar("D")

COMMIT_SECONDS = 40

# From so many rows on, it pays to ask first which of them are new.
MANY = 100

# What MongoDB calls TransactionTooLarge and TransactionTooLargeForCache.
TOO_LARGE = (257, 388)

# The whole document as JSON; beside it only what is indexed.
BODY = "d"

# By key; None for one to be deleted.
Rows = Mapping[str, Document | None]


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
        self._database = database
        self._model = {"_id": f"{name}.{version}", "name": name, "version": version}
        self._models = database["read_models"]
        self._rows = database[f"rows.{name}.{version}"]
        self._indexes = {index.name: index for index in indexes}
        self._columns = [(_column(index.name), extractor(index)) for index in indexes]
        self._decoder = msgspec.json.Decoder(document)
        self._encoder = msgspec.json.Encoder()

    def create(self) -> None:
        """Make the indexes and the checkpoint, where they are not there."""
        with unavailable_as(StoreUnavailable):
            for index in self._indexes.values():
                for keys in _keys(index):
                    self._rows.create_index(keys)
            start = {"$setOnInsert": {**self._model, **_stored(START)}}
            self._models.update_one({"_id": self._model["_id"]}, start, upsert=True)

    def checkpoint(self) -> Checkpoint:
        with unavailable_as(StoreUnavailable):
            found = self._models.find_one({"_id": self._model["_id"]})
        return START if found is None else _checkpoint(found)

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        wanted = {"_id": {"$in": list(keys)}}
        with unavailable_as(StoreUnavailable):
            found = self._rows.find(wanted, {BODY: 1}, batch_size=len(keys) + 1).to_list()
        return {row["_id"]: self._decoder.decode(row[BODY]) for row in found}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        check(find, self._indexes)
        wanted = self._wanted(find)
        if after is not None:
            wanted += _after(find, after)
        way = pymongo.DESCENDING if find.descending else pymongo.ASCENDING
        order = [(_column(find.order_by), way)] if find.order_by else []
        with unavailable_as(StoreUnavailable):
            cursor = self._rows.find(_all(wanted), {BODY: 1}, limit=limit, batch_size=limit + 1)
            found = cursor.sort([*order, ("_id", way)]).to_list() if limit else []
        return [Row(row["_id"], self._decoder.decode(row[BODY])) for row in found]

    def count(self, find: Find) -> int:
        check(find, self._indexes)
        with unavailable_as(StoreUnavailable):
            return self._rows.count_documents(_all(self._wanted(find)))

    def commit(self, changes: Mapping[str, D | None], checkpoint: Checkpoint) -> None:
        with unavailable_as(StoreUnavailable):
            if changes:
                rows = {
                    key: None if document is None else self._row(document)
                    for key, document in changes.items()
                }
                self._commit_together(rows, checkpoint)
            else:
                self._move(checkpoint, None)

    def drop(self) -> None:
        with unavailable_as(StoreUnavailable):
            # The checkpoint goes first: whoever still writes is fenced from then on.
            self._models.delete_one({"_id": self._model["_id"]})
            self._rows.drop()

    def _wanted(self, find: Find) -> list[Document]:
        return [_condition(condition) for condition in find.where]

    def _row(self, document: D) -> Document:
        row: Document = {BODY: self._encoder.encode(document)}
        for column, extract in self._columns:
            row[column] = _bson(extract(document))
        return row

    def _commit_together(self, rows: Rows, checkpoint: Checkpoint) -> None:
        def write(session: ClientSession) -> None:
            # The checkpoint first: it is what two writers collide on.
            self._move(checkpoint, session)
            self._write(rows, session)

        with (
            _refusals(),
            pymongo.timeout(COMMIT_SECONDS),
            self._database.client.start_session() as session,
        ):
            session.with_transaction(write, read_concern=MAJORITY, write_concern=DURABLE)

    def _move(self, checkpoint: Checkpoint, session: ClientSession | None) -> None:
        before = {"_id": self._model["_id"], "revision": checkpoint.revision - 1}
        moved = {"$set": _stored(checkpoint)}
        if not self._models.update_one(before, moved, session=session).matched_count:
            raise Fenced

    def _write(self, rows: Rows, session: ClientSession) -> None:
        new = self._insert_new(rows, session) if len(rows) >= MANY else set()
        writes = [_write_of(key, row) for key, row in rows.items() if key not in new]
        if writes:
            self._rows.bulk_write(writes, ordered=False, session=session)

    def _insert_new(self, rows: Rows, session: ClientSession) -> set[str]:
        """Insert the rows that are not there yet: an upsert would cost several times as much."""
        wanted = {"_id": {"$in": list(rows)}}
        found = self._rows.find(wanted, {"_id": 1}, session=session, batch_size=len(rows) + 1)
        new = {key for key, row in rows.items() if row is not None} - {row["_id"] for row in found}
        if new:
            inserts = [{"_id": key, **(rows[key] or {})} for key in sorted(new)]
            self._rows.insert_many(inserts, ordered=False, session=session)
        return new


@contextmanager
def _refusals() -> Iterator[None]:
    """What would be refused again however often it is tried becomes a ValueError."""
    try:
        yield
    except BulkWriteError as error:
        codes = sorted({problem["code"] for problem in error.details["writeErrors"]})
        raise ValueError(f"MongoDB refuses the rows: {codes}") from error
    except OperationFailure as error:
        if error.code in TOO_LARGE:
            raise ValueError("MongoDB refuses so many rows at once") from error
        raise


def _bson(value: Any) -> Any:
    return {"lon": value.lon, "lat": value.lat} if isinstance(value, Point) else value


def _write_of(key: str, row: Document | None) -> DeleteOne | UpdateOne:
    """Setting fields rather than replacing the row spares the server the indexes of the others."""
    if row is None:
        return DeleteOne({"_id": key})
    return UpdateOne({"_id": key}, {"$set": row}, upsert=True)


def _stored(checkpoint: Checkpoint) -> Document:
    return {
        "revision": checkpoint.revision,
        "positions": dict(checkpoint.positions),
        "parked": sorted(checkpoint.parked),
    }


def _checkpoint(stored: Document) -> Checkpoint:
    return Checkpoint(
        revision=stored["revision"],
        positions=stored["positions"],
        parked=frozenset(stored["parked"]),
    )


def _column(name: str) -> str:
    """The field of a row that holds an index; dots would reach into a nested document."""
    return f"i:{name.replace('.', ':')}"


def _keys(index: Index) -> list[list[tuple[str, int | str]]]:
    """The keys of the MongoDB indexes that an index needs."""
    column = _column(index.name)
    match index.kind:
        case "value":
            return [[(column, 1), ("_id", 1)]]
        case "point":
            return [[(column, "2dsphere")], [(f"{column}.lat", 1), (f"{column}.lon", 1)]]
        case _:
            return [[(column, 1)]]


def _condition(condition: Condition) -> Document:
    column = _column(condition.field)
    match condition:
        case Equals(value=value):
            return {column: scalar(value)}
        case Between(least=least, below=below):
            return {column: _range(scalar(least), scalar(below))}
        case InBox():
            return _in_box(column, condition)
        case Near():
            centre, radius = [condition.lon, condition.lat], min(condition.km / EARTH_KM, pi)
            return {column: {"$geoWithin": {"$centerSphere": [centre, radius]}}}
        case HasWords(text=text):
            asked = sorted(words(text))
            return {column: {"$all": asked}} if asked else {}


def _range(least: Any, below: Any) -> Document:
    bounds: Document = {"$ne": None}
    if least is not None:
        bounds["$gte"] = least
    if below is not None:
        bounds["$lt"] = below
    return bounds


def _in_box(column: str, box: InBox) -> Document:
    lat, lon = f"{column}.lat", f"{column}.lon"
    band: Document = {lat: {"$gte": box.south, "$lte": box.north}}
    if box.west <= box.east:
        return {**band, lon: {"$gte": box.west, "$lte": box.east}}
    return {**band, "$or": [{lon: {"$gte": box.west}}, {lon: {"$lte": box.east}}]}


def _after(find: Find, cursor: Cursor) -> list[Document]:
    """What rows behind the cursor are like."""
    key = {"_id": {"$lt" if find.descending else "$gt": cursor.key}}
    if not find.order_by:
        return [key]
    column, value = _column(find.order_by), scalar(cursor.value)
    # The first condition narrows the part of the index that is read.
    return [_at_or_behind(column, value, find.descending), {"$or": [{column: {"$ne": value}}, key]}]


def _at_or_behind(column: str, value: Any, descending: bool) -> Document:
    """None comes before every value in the order, but a comparison never finds it."""
    if value is None:
        return {column: None} if descending else {}
    return {column: {"$not": {"$gt": value}} if descending else {"$gte": value}}


def _all(conditions: Sequence[Document]) -> Document:
    return {"$and": conditions} if conditions else {}
