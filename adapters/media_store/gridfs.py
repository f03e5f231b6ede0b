"""Blobs in GridFS, for processes that share a MongoDB."""

from collections.abc import Iterator
from typing import Any

from gridfs import GridFSBucket, NoFile
from pymongo import DESCENDING
from pymongo.database import Database

from adapters.mongo import DURABLE, MAJORITY, unavailable_as
from application.ports.event_store import StoreUnavailable
from application.ports.media_store import NoSuchMedia

CHUNK = 255 * 1024


class GridFsMediaStore:
    """Each write is a new file of the same name; the newest complete one is the blob."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        durable = database.with_options(write_concern=DURABLE, read_concern=MAJORITY)
        self._bucket = GridFSBucket(durable, bucket_name="media")

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        with unavailable_as(StoreUnavailable):
            older = [file._id for file in self._bucket.find({"filename": key})]
            size = 0
            with self._bucket.open_upload_stream(key) as file:
                for chunk in chunks:
                    file.write(chunk)
                    size += len(chunk)
            for each in older:
                self._bucket.delete(each)
        return size

    def size(self, key: str) -> int:
        with unavailable_as(StoreUnavailable):
            newest = self._bucket.find(
                {"filename": key}, sort=[("uploadDate", DESCENDING)], limit=1
            )
            for file in newest:
                return int(file.length)
        raise NoSuchMedia(key)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        try:
            with unavailable_as(StoreUnavailable):
                file = self._bucket.open_download_stream_by_name(key)
        except StoreUnavailable as error:
            if isinstance(error.__cause__, NoFile):
                raise NoSuchMedia(key) from None
            raise
        return _chunks(file, start, length)

    def delete(self, key: str) -> None:
        with unavailable_as(StoreUnavailable):
            for file in self._bucket.find({"filename": key}):
                self._bucket.delete(file._id)

    def keys(self, prefix: str) -> Iterator[str]:
        beginning = {"$gte": prefix, "$lt": f"{prefix}\U0010ffff"}
        with unavailable_as(StoreUnavailable):
            found = {str(file.filename) for file in self._bucket.find({"filename": beginning})}
        return iter(sorted(found))


def _chunks(file: Any, start: int, length: int | None) -> Iterator[bytes]:
    with file, unavailable_as(StoreUnavailable):
        file.seek(start)
        left = length
        while left is None or left > 0:
            chunk = file.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk
