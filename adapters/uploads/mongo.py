"""The state of uploads in MongoDB."""

from datetime import datetime

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable
from application.ports.uploads import Upload, UploadConflict


class MongoUploads:
    """Uploads in a collection, moved by compare-and-set."""

    def __init__(self, database: Database[Document]) -> None:
        self._uploads = database["uploads"]

    def create(self, upload: Upload) -> None:
        with unavailable_as(StoreUnavailable):
            self._insert(_document(upload))

    def get(self, upload_id: str) -> Upload | None:
        with unavailable_as(StoreUnavailable):
            found = self._uploads.find_one({"_id": upload_id})
        return None if found is None else _upload(found)

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        with unavailable_as(StoreUnavailable):
            found = self._uploads.find_one_and_update(
                {"_id": upload_id, "offset": offset},
                {"$set": {"offset": new_offset}, "$push": {"parts": part}},
                return_document=ReturnDocument.AFTER,
            )
        if found is None:
            raise UploadConflict(upload_id)
        return _upload(found)

    def finish(self, upload_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._uploads.update_one({"_id": upload_id}, {"$set": {"finished": True}})

    def delete(self, upload_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._uploads.delete_one({"_id": upload_id})

    def expired(self, now: datetime) -> list[Upload]:
        with unavailable_as(StoreUnavailable):
            return [_upload(found) for found in self._uploads.find({"expires_at": {"$lte": now}})]

    def _insert(self, document: Document) -> None:
        try:
            self._uploads.insert_one(document)
        except DuplicateKeyError:
            return


def _document(upload: Upload) -> Document:
    return {
        "_id": upload.upload_id,
        "owner": upload.owner,
        "length": upload.length,
        "offset": upload.offset,
        "parts": list(upload.parts),
        "expires_at": upload.expires_at,
        "finished": upload.finished,
    }


def _upload(found: Document) -> Upload:
    return Upload(
        upload_id=found["_id"],
        owner=found["owner"],
        length=found["length"],
        offset=found["offset"],
        parts=tuple(found["parts"]),
        expires_at=found["expires_at"],
        finished=found["finished"],
    )
