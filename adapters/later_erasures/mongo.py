"""What is to be erased later, in MongoDB."""

from contextlib import suppress
from datetime import datetime

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable


class MongoLaterErasures:
    """Entries in a collection."""

    def __init__(self, database: Database[Document]) -> None:
        self._entries = database["later_erasures"]

    def add(self, entry: str, due: datetime) -> None:
        with unavailable_as(StoreUnavailable), suppress(DuplicateKeyError):
            self._entries.insert_one({"_id": entry, "due": int(due.timestamp())})

    def due(self, now: datetime) -> list[str]:
        with unavailable_as(StoreUnavailable):
            found = self._entries.find({"due": {"$lte": int(now.timestamp())}}).sort("due")
            return [each["_id"] for each in found]

    def move(self, entry: str, due: datetime) -> None:
        with unavailable_as(StoreUnavailable):
            self._entries.update_one({"_id": entry}, {"$set": {"due": int(due.timestamp())}})

    def remove(self, entry: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._entries.delete_one({"_id": entry})
