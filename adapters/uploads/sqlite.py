"""Uploads in a SQLite file."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from adapters.sqlite import SqliteDatabase
from application.ports.uploads import Upload, UploadConflict

SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    upload_id TEXT PRIMARY KEY, owner TEXT NOT NULL, length INTEGER NOT NULL,
    "offset" INTEGER NOT NULL, last_part TEXT NOT NULL, expires_at INTEGER NOT NULL,
    finished INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads_of_a_day (
    day TEXT NOT NULL, owner TEXT NOT NULL, count TEXT NOT NULL, PRIMARY KEY (day, owner)
) WITHOUT ROWID
"""
ADVANCE = """
UPDATE uploads SET "offset" = ?, last_part = ? WHERE upload_id = ? AND "offset" = ?
"""
FIRST_COUNT = "INSERT OR IGNORE INTO uploads_of_a_day VALUES (?, ?, ?)"
COUNTED = "SELECT count FROM uploads_of_a_day WHERE day = ? AND owner = ?"
RECOUNT = "UPDATE uploads_of_a_day SET count = ? WHERE day = ? AND owner = ? AND count = ?"


class SqliteUploads:
    """Uploads in a table. Times are whole seconds since 1970."""

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

    def counted(self, owner: str, day: date) -> str:
        row = self._database.row(COUNTED, day.isoformat(), owner)
        return row[0] if row else ""

    def recount(self, owner: str, day: date, before: str, after: str) -> bool:
        if not before:
            return bool(self._database.write(FIRST_COUNT, day.isoformat(), owner, after))
        return bool(self._database.write(RECOUNT, after, day.isoformat(), owner, before))

    def forget_counts(self, before: date) -> None:
        self._database.write("DELETE FROM uploads_of_a_day WHERE day < ?", before.isoformat())

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
