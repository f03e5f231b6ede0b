"""Uploads in MongoDB."""

from dataclasses import asdict
from datetime import date, datetime

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable
from application.ports.uploads import Upload, UploadConflict


class MongoUploads:
    """Uploads in a collection, each changed by compare-and-set.

    Only the ids are indexed, because there are few uploads.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._uploads = database["uploads"]
        self._days = database["uploads_of_a_day"]

    def create(self, upload: Upload) -> None:
        stored = asdict(upload)
        stored["_id"] = stored.pop("upload_id")
        with unavailable_as(StoreUnavailable):
            try:
                self._uploads.insert_one(stored)
            except DuplicateKeyError as error:
                raise UploadConflict from error

    def get(self, upload_id: str) -> Upload | None:
        with unavailable_as(StoreUnavailable):
            found = self._uploads.find_one({"_id": upload_id})
        return _upload(found) if found else None

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        with unavailable_as(StoreUnavailable):
            advanced = self._uploads.find_one_and_update(
                {"_id": upload_id, "offset": offset},
                {"$set": {"offset": new_offset, "last_part": part}},
                return_document=ReturnDocument.AFTER,
            )
        if advanced is None:
            raise UploadConflict
        return _upload(advanced)

    def finish(self, upload_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._uploads.update_one({"_id": upload_id}, {"$set": {"finished": True}})

    def disown(self, upload_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._uploads.update_one({"_id": upload_id}, {"$set": {"owner": "", "finished": True}})

    def delete(self, upload_id: str, offset: int) -> None:
        with unavailable_as(StoreUnavailable):
            deleted = self._uploads.delete_one({"_id": upload_id, "offset": offset})
        if not deleted.deleted_count and self.get(upload_id):
            raise UploadConflict

    def expired(self, now: datetime) -> list[Upload]:
        with unavailable_as(StoreUnavailable):
            found = self._uploads.find({"expires_at": {"$lte": now}}).to_list()
        return [_upload(one) for one in found]

    def unfinished(self) -> list[Upload]:
        with unavailable_as(StoreUnavailable):
            found = self._uploads.find({"finished": False}).to_list()
        return [_upload(one) for one in found]

    def counted(self, owner: str, day: date) -> str:
        with unavailable_as(StoreUnavailable):
            found = self._days.find_one({"_id": _key(owner, day)})
        return found["count"] if found else ""

    def recount(self, owner: str, day: date, before: str, after: str) -> bool:
        key = {"_id": _key(owner, day)}
        with unavailable_as(StoreUnavailable):
            if before:
                change = {"$set": {"count": after}}
                return bool(self._days.update_one({**key, "count": before}, change).modified_count)
            try:
                self._days.insert_one({**key, "count": after})
            except DuplicateKeyError:
                return False
        return True

    def forget_counts(self, before: date) -> None:
        with unavailable_as(StoreUnavailable):
            self._days.delete_many({"_id": {"$lt": before.isoformat()}})


def _key(owner: str, day: date) -> str:
    return f"{day.isoformat()} {owner}"


def _upload(found: Document) -> Upload:
    return Upload(upload_id=found.pop("_id"), **found)
