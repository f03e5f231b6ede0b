"""Uploads in this process, lost when it ends."""

from dataclasses import replace
from datetime import date, datetime
from threading import Lock

from application.ports.uploads import Upload, UploadConflict


class MemoryUploads:
    """Uploads in a dict."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._uploads: dict[str, Upload] = {}
        self._counts: dict[tuple[str, date], str] = {}

    def create(self, upload: Upload) -> None:
        with self._lock:
            if upload.upload_id in self._uploads:
                raise UploadConflict
            self._uploads[upload.upload_id] = upload

    def get(self, upload_id: str) -> Upload | None:
        return self._uploads.get(upload_id)

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        with self._lock:
            upload = self._uploads.get(upload_id)
            if upload is None or upload.offset != offset:
                raise UploadConflict
            advanced = replace(upload, offset=new_offset, last_part=part)
            self._uploads[upload_id] = advanced
        return advanced

    def finish(self, upload_id: str) -> None:
        with self._lock:
            if upload := self._uploads.get(upload_id):
                self._uploads[upload_id] = replace(upload, finished=True)

    def disown(self, upload_id: str) -> None:
        with self._lock:
            if upload := self._uploads.get(upload_id):
                self._uploads[upload_id] = replace(upload, owner="", finished=True)

    def delete(self, upload_id: str, offset: int) -> None:
        with self._lock:
            upload = self._uploads.get(upload_id)
            if upload and upload.offset != offset:
                raise UploadConflict
            self._uploads.pop(upload_id, None)

    def expired(self, now: datetime) -> list[Upload]:
        with self._lock:
            return [upload for upload in self._uploads.values() if upload.expires_at <= now]

    def unfinished(self) -> list[Upload]:
        with self._lock:
            return [upload for upload in self._uploads.values() if not upload.finished]

    def counted(self, owner: str, day: date) -> str:
        return self._counts.get((owner, day), "")

    def recount(self, owner: str, day: date, before: str, after: str) -> bool:
        with self._lock:
            if self.counted(owner, day) != before:
                return False
            self._counts[owner, day] = after
        return True

    def forget_counts(self, before: date) -> None:
        with self._lock:
            self._counts = {key: count for key, count in self._counts.items() if key[1] >= before}
