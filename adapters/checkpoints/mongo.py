"""Checkpoints in MongoDB."""

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo import Document, unavailable_as
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable


class MongoCheckpoints:
    """Checkpoints in a collection, each replaced by compare-and-set."""

    def __init__(self, database: Database[Document]) -> None:
        self._checkpoints = database["checkpoints"]

    def load(self, name: str) -> Checkpoint:
        with unavailable_as(StoreUnavailable):
            found = self._checkpoints.find_one({"_id": name})
        if found is None:
            return START
        return _checkpoint(found)

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        stored = {
            "_id": name,
            "revision": checkpoint.revision,
            "positions": dict(checkpoint.positions),
            "parked": sorted(checkpoint.parked),
        }
        with unavailable_as(StoreUnavailable):
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

    def list(self) -> dict[str, Checkpoint]:
        with unavailable_as(StoreUnavailable):
            return {found["_id"]: _checkpoint(found) for found in self._checkpoints.find()}

    def delete(self, name: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._checkpoints.delete_one({"_id": name})


def _checkpoint(found: Document) -> Checkpoint:
    return Checkpoint(
        revision=found["revision"],
        positions=found["positions"],
        parked=frozenset(found["parked"]),
    )
