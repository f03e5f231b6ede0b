"""Uploads in a SQLite file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.sqlite import SqliteDatabase
from application.ports.uploads import Upload, UploadConflict

SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    upload_id TEXT PRIMARY KEY, owner TEXT NOT NULL, length INTEGER NOT NULL,
    "offset" INTEGER NOT NULL, last_part TEXT NOT NULL, expires_at INTEGER NOT NULL,
    finished INTEGER NOT NULL
) WITHOUT ROWID
"""
ADVANCE = """
UPDATE uploads SET "offset" = ?, last_part = ? WHERE upload_id = ? AND "offset" = ?
"""


class SqliteUploads:
    """Uploads in a table, times in whole seconds since 1970."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)

    def create(self, upload: Upload) -> None:
        created = self._database.write(
            "INSERT OR IGNORE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)",
            upload.upload_id,
            upload.owner,
            upload.length,
            upload.offset,
            upload.last_part,
            int(upload.expires_at.timestamp()),
            upload.finished,
        )
        if not created:
            raise UploadConflict

    def get(self, upload_id: str) -> Upload | None:
        row = self._database.row("SELECT * FROM uploads WHERE upload_id = ?", upload_id)
        return _upload(row) if row else None

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        changed = self._database.write(ADVANCE, new_offset, part, upload_id, offset)
        upload = self.get(upload_id)
        if not changed or upload is None:
            raise UploadConflict
        return upload

    def finish(self, upload_id: str) -> None:
        self._database.write("UPDATE uploads SET finished = 1 WHERE upload_id = ?", upload_id)

    def disown(self, upload_id: str) -> None:
        self._database.write(
            "UPDATE uploads SET owner = '', finished = 1 WHERE upload_id = ?", upload_id
        )

    def delete(self, upload_id: str, offset: int) -> None:
        deleted = self._database.write(
            'DELETE FROM uploads WHERE upload_id = ? AND "offset" = ?', upload_id, offset
        )
        if not deleted and self.get(upload_id):
            raise UploadConflict

    def expired(self, now: datetime) -> list[Upload]:
        rows = self._database.rows(
            "SELECT * FROM uploads WHERE expires_at <= ?", int(now.timestamp())
        )
        return [_upload(row) for row in rows]

    def unfinished(self) -> list[Upload]:
        rows = self._database.rows("SELECT * FROM uploads WHERE NOT finished")
        return [_upload(row) for row in rows]

    def close(self) -> None:
        self._database.close()


def _upload(row: Any) -> Upload:
    upload_id, owner, length, offset, last_part, expires_at, finished = row
    return Upload(
        upload_id=upload_id,
        owner=owner,
        length=length,
        offset=offset,
        last_part=last_part,
        expires_at=datetime.fromtimestamp(expires_at, UTC),
        finished=bool(finished),
    )
