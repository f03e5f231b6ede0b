"""Keys in MongoDB."""

from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.key_vault.wrapped import DESTROYED, WrappedKeyVault
from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable


class MongoKeyVault(WrappedKeyVault):
    """Wrapped keys in a collection.

    A destroyed key is deleted from the collection on a majority of the servers. Oplogs, journals
    and backups still hold it, wrapped, until they expire: keep backups for a short time only.
    """

    def __init__(self, database: Database[Document], master_key: bytes) -> None:
        super().__init__(master_key)
        self._keys = database["keys"]

    def _stored(self, subject: str) -> bytes | None:
        with unavailable_as(StoreUnavailable):
            found = self._keys.find_one({"_id": subject})
        return bytes(found["wrapped"]) if found else None

    def _store(self, subject: str, wrapped: bytes) -> bytes:
        with unavailable_as(StoreUnavailable):
            try:
                stored = self._keys.find_one_and_update(
                    {"_id": subject},
                    {"$setOnInsert": {"wrapped": Binary(wrapped)}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:
                # Another process stored a key at the same moment.
                stored = self._keys.find_one({"_id": subject})
        return bytes(stored["wrapped"]) if stored else DESTROYED

    def _destroy(self, subject: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._keys.update_one(
                {"_id": subject}, {"$set": {"wrapped": Binary(DESTROYED)}}, upsert=True
            )
