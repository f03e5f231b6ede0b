"""Checkpoints in MongoDB."""

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.durable_mongo import Document, durable, unavailable
from application.ports.checkpoints import START, Checkpoint, Fenced


class MongoCheckpoints:
    """Checkpoints in a collection, each replaced by compare-and-set."""

    def __init__(self, database: Database[Document]) -> None:
        self._checkpoints = durable(database)["checkpoints"]

    def load(self, name: str) -> Checkpoint:
        with unavailable():
            found = self._checkpoints.find_one({"_id": name})
        if found is None:
            return START
        return Checkpoint(
            revision=found["revision"],
            positions=found["positions"],
            parked=frozenset(found["parked"]),
        )

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        stored = {
            "_id": name,
            "revision": checkpoint.revision,
            "positions": dict(checkpoint.positions),
            "parked": sorted(checkpoint.parked),
        }
        with unavailable():
            if not self._replace(stored):
                raise Fenced

    def _replace(self, stored: Document) -> bool:
        if stored["revision"] == 1:
            return self._insert(stored)
        before = {"_id": stored["_id"], "revision": stored["revision"] - 1}
        return self._checkpoints.replace_one(before, stored).matched_count == 1

    def _insert(self, stored: Document) -> bool:
        try:
            self._checkpoints.insert_one(stored)
        except DuplicateKeyError:
            return False
        return True

    def delete(self, name: str) -> None:
        with unavailable():
            self._checkpoints.delete_one({"_id": name})
