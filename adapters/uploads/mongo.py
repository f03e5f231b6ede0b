"""Uploads in MongoDB."""

from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable
from application.ports.uploads import Quota, Upload, UploadConflict


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

    def count(self, owner: str, day: date, size: int, quota: Quota) -> bool:
        """Create the day's count as zero if it is missing, then increase it within the quota."""
        key = {"_id": f"{day.isoformat()} {owner}"}
        room = {"pieces": {"$lt": quota.pieces}, "size": {"$lte": quota.size - size}}
        with unavailable_as(StoreUnavailable):
            with suppress(DuplicateKeyError):
                self._days.insert_one({**key, "pieces": 0, "size": 0})
            counted = self._days.update_one({**key, **room}, {"$inc": {"pieces": 1, "size": size}})
        return bool(counted.modified_count)

    def forget_counts(self, before: date) -> None:
        with unavailable_as(StoreUnavailable):
            self._days.delete_many({"_id": {"$lt": before.isoformat()}})


def _upload(found: Document) -> Upload:
    return Upload(upload_id=found.pop("_id"), **found)
