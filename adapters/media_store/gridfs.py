"""Store blobs in MongoDB's GridFS."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby

from bson import ObjectId
from gridfs import GridFSBucket
from pymongo.collection import Collection
from pymongo.database import Database

from adapters.mongo import Document, unavailable_as
from application.ports.media_store import (
    Blob,
    MediaUnavailable,
    NoSuchMedia,
    checked_key,
    checked_prefix,
)

CHUNKS_A_BATCH = 4
"""Of 255 KiB each. The server would send 16 MiB at once."""
BUCKET = "media"
ABANDONED = timedelta(days=1)
NEWEST = [("uploadDate", -1), ("_id", -1)]


class GridFsMediaStore:
    """Each write adds a complete revision of a blob, then drops the older ones.

    A collection of marks lists every revision that is being written or dropped, so that the remains
    of a killed process can be deleted after a day.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._bucket = GridFSBucket(database, BUCKET)
        self._files = database[f"{BUCKET}.files"]
        self._chunks = database[f"{BUCKET}.chunks"]
        self._marks = database[f"{BUCKET}.unfinished"]

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        with unavailable_as(MediaUnavailable):
            older = self._revisions(checked_key(key))
        size = self._add(key, chunks)
        for revision in older:
            self._drop(revision)
        return size

    def open(self, key: str) -> Blob:
        with unavailable_as(MediaUnavailable):
            found = self._files.find_one({"filename": checked_key(key)}, sort=NEWEST)
        if found is None:
            raise NoSuchMedia(key)
        return _Revision(self._chunks, found)

    def delete(self, key: str) -> None:
        with unavailable_as(MediaUnavailable):
            revisions = self._revisions(checked_key(key))
        for revision in revisions:
            self._drop(revision)

    def keys(self, prefix: str) -> Iterator[str]:
        wanted = {"filename": {"$regex": f"^{re.escape(checked_prefix(prefix))}"}}
        with unavailable_as(MediaUnavailable):
            found = self._files.find(wanted, {"filename": 1}).sort("filename").to_list()
        for key, _ in groupby(str(file["filename"]) for file in found):
            yield key

    def clear_away(self) -> None:
        with unavailable_as(MediaUnavailable):
            abandoned = self._marks.find({"at": {"$lt": datetime.now(UTC) - ABANDONED}}).to_list()
            for mark in abandoned:
                if not self._files.find_one({"_id": mark["_id"]}):
                    self._chunks.delete_many({"files_id": mark["_id"]})
                self._marks.delete_one(mark)

    def _revisions(self, key: str) -> list[ObjectId]:
        return [file["_id"] for file in self._files.find({"filename": key}, {"_id": 1})]

    def _add(self, key: str, chunks: Iterator[bytes]) -> int:
        revision = ObjectId()
        with unavailable_as(MediaUnavailable):
            self._mark(revision)
        try:
            size = self._fill(revision, key, chunks)
        except BaseException:
            with suppress(MediaUnavailable):
                self._drop(revision)
            raise
        with unavailable_as(MediaUnavailable):
            self._marks.delete_one({"_id": revision})
        return size

    def _fill(self, revision: ObjectId, key: str, chunks: Iterator[bytes]) -> int:
        """Write the chunks. Errors of ``chunks`` are raised unchanged, not as the server's."""
        stream = self._bucket.open_upload_stream_with_id(revision, key)
        size = 0
        for chunk in chunks:
            with unavailable_as(MediaUnavailable):
                stream.write(chunk)
            size += len(chunk)
        with unavailable_as(MediaUnavailable):
            stream.close()
        return size

    def _drop(self, revision: ObjectId) -> None:
        with unavailable_as(MediaUnavailable):
            self._mark(revision)
            self._files.delete_one({"_id": revision})
            self._chunks.delete_many({"files_id": revision})
            self._marks.delete_one({"_id": revision})

    def _mark(self, revision: ObjectId) -> None:
        now = datetime.now(UTC)
        self._marks.update_one({"_id": revision}, {"$set": {"at": now}}, upsert=True)


class _Revision:
    """A revision of a blob. It fetches the chunks of a range, a few at a time."""

    def __init__(self, chunks: Collection[Document], file: Document) -> None:
        self._chunks = chunks
        self._id = file["_id"]
        self._chunk_size = file["chunkSize"]
        self.size: int = file["length"]

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        stop = self.size if length is None else min(self.size, start + length)
        if start >= stop:
            return
        size = self._chunk_size
        numbers = range(start // size, (stop - 1) // size + 1)
        for number, chunk in zip(numbers, self._fetch(numbers), strict=True):
            yield chunk[max(0, start - number * size) : stop - number * size]

    def _fetch(self, numbers: range) -> Iterator[bytes]:
        """Yield the chunks. Raises MediaUnavailable if one is missing: the blob was replaced."""
        wanted = {"files_id": self._id, "n": {"$gte": numbers[0], "$lte": numbers[-1]}}
        with self._chunks.find(wanted, sort=[("n", 1)], batch_size=CHUNKS_A_BATCH) as found:
            for number in numbers:
                with unavailable_as(MediaUnavailable):
                    chunk = next(found, None)
                if chunk is None or chunk["n"] != number:
                    raise MediaUnavailable("GridFS: the blob was replaced while it was read")
                yield chunk["data"]
