"""Keys in MongoDB."""

from collections.abc import Mapping, Sequence

from bson.binary import Binary
from pymongo import ReturnDocument, UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.key_vault.epochs import EpochFile, bucket_of
from adapters.key_vault.wrapped import (
    DESTROYED,
    NO_EPOCH,
    SETTLED,
    KeyChange,
    Stored,
    WrappedKeyVault,
)
from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable

UNSETTLED: Document = {"wrapped": DESTROYED, "epoch": {"$gt": NO_EPOCH}}


class MongoKeyVault(WrappedKeyVault):
    """Wrapped keys in a collection.

    Oplogs, journals and backups hold old copies of a destroyed key until they expire. The epoch
    that could open them is gone.
    """

    def __init__(
        self,
        database: Database[Document],
        master_key: bytes,
        epochs: EpochFile,
        *,
        give_up: bool = False,
    ) -> None:
        super().__init__(master_key, epochs, give_up=give_up)
        self._keys = database["keys"]
        with unavailable_as(StoreUnavailable):
            self._keys.create_index(["bucket", "epoch"])
            self._keys.create_index("epoch", partialFilterExpression=UNSETTLED)
        self._begin()

    def _stored(self, subject: str) -> Stored | None:
        with unavailable_as(StoreUnavailable):
            found = self._keys.find_one({"_id": subject})
        return _read(found) if found else None

    def _store(self, subject: str, key: Stored) -> Stored:
        document = {"bucket": bucket_of(subject), **_written(key)}
        with unavailable_as(StoreUnavailable):
            try:
                stored = self._keys.find_one_and_update(
                    {"_id": subject},
                    {"$setOnInsert": document},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:
                # Another process stored a key at the same moment.
                stored = self._keys.find_one({"_id": subject})
        return _read(stored) if stored else key

    def _replace(self, changes: Sequence[KeyChange]) -> None:
        updates = [
            UpdateOne(
                {"_id": change.subject, "wrapped": Binary(change.old.wrapped)},
                {"$set": _written(change.new)},
            )
            for change in changes
        ]
        if updates:
            with unavailable_as(StoreUnavailable):
                self._keys.bulk_write(updates, ordered=False)

    def _destroy(self, subject: str) -> None:
        change = {
            "$set": {"wrapped": Binary(DESTROYED)},
            "$setOnInsert": {"bucket": bucket_of(subject), "epoch": NO_EPOCH},
        }
        with unavailable_as(StoreUnavailable):
            self._keys.update_one({"_id": subject}, change, upsert=True)

    def _of_epoch(self, bucket: int, number: int) -> Sequence[tuple[str, Stored]]:
        wanted = {"bucket": bucket, "epoch": number, "wrapped": {"$ne": DESTROYED}}
        with unavailable_as(StoreUnavailable):
            return [(found["_id"], _read(found)) for found in self._keys.find(wanted)]

    def _newest(self) -> Mapping[int, int]:
        return self._newest_of({})

    def _destroy_lost(self, bucket: int, live: Sequence[int]) -> int:
        lost = {"bucket": bucket, "epoch": {"$gt": NO_EPOCH, "$nin": live}}
        with unavailable_as(StoreUnavailable):
            done = self._keys.update_many(lost, {"$set": _written(SETTLED)})
        return done.modified_count

    def _unsettled(self) -> Mapping[int, int]:
        return self._newest_of(UNSETTLED)

    def _settle(self, bucket: int, newest: int) -> None:
        done = {**UNSETTLED, "bucket": bucket, "epoch": {"$gt": NO_EPOCH, "$lt": newest}}
        with unavailable_as(StoreUnavailable):
            self._keys.update_many(done, {"$set": {"epoch": NO_EPOCH}})

    def _newest_of(self, wanted: Document) -> Mapping[int, int]:
        pipeline: list[Document] = [
            {"$match": wanted},
            # Read backwards, the index on both has the newest epoch of each bucket first.
            {"$sort": {"bucket": -1, "epoch": -1}},
            {"$group": {"_id": "$bucket", "newest": {"$first": "$epoch"}}},
        ]
        with unavailable_as(StoreUnavailable):
            return {found["_id"]: found["newest"] for found in self._keys.aggregate(pipeline)}


def _written(key: Stored) -> Document:
    return {"epoch": key.epoch, "wrapped": Binary(key.wrapped)}


def _read(document: Document) -> Stored:
    return Stored(document["epoch"], bytes(document["wrapped"]))
