"""The state of uploads in a SQLite file."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.sqlite import SqliteDatabase
from application.ports.uploads import Upload, UploadConflict

SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    upload_id TEXT PRIMARY KEY, owner TEXT NOT NULL, length INTEGER NOT NULL,
    position INTEGER NOT NULL, parts TEXT NOT NULL, expires_at TEXT NOT NULL,
    finished INTEGER NOT NULL
) WITHOUT ROWID
"""
CREATE = "INSERT OR IGNORE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)"
ADVANCE = """
UPDATE uploads SET position = ?, parts = json_insert(parts, '$[#]', ?)
WHERE upload_id = ? AND position = ?
"""


class SqliteUploads:
    """Uploads in a table, moved by compare-and-set."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)

    def create(self, upload: Upload) -> None:
        self._database.write(
            CREATE,
            upload.upload_id,
            upload.owner,
            upload.length,
            upload.offset,
            json.dumps(upload.parts),
            _text(upload.expires_at),
            upload.finished,
        )

    def get(self, upload_id: str) -> Upload | None:
        row = self._database.row("SELECT * FROM uploads WHERE upload_id = ?", upload_id)
        return None if row is None else _upload(row)

    def advance(self, upload_id: str, offset: int, new_offset: int, part: str) -> Upload:
        moved = self._database.write(ADVANCE, new_offset, part, upload_id, offset)
        upload = self.get(upload_id) if moved else None
        if upload is None:
            raise UploadConflict(upload_id)
        return upload

    def finish(self, upload_id: str) -> None:
        self._database.write("UPDATE uploads SET finished = 1 WHERE upload_id = ?", upload_id)

    def delete(self, upload_id: str) -> None:
        self._database.write("DELETE FROM uploads WHERE upload_id = ?", upload_id)

    def expired(self, now: datetime) -> list[Upload]:
        rows = self._database.rows("SELECT * FROM uploads WHERE expires_at <= ?", _text(now))
        return [_upload(row) for row in rows]

    def close(self) -> None:
        self._database.close()


def _text(time: datetime) -> str:
    """A time so written that the order of texts is that of times."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _upload(row: Any) -> Upload:
    upload_id, owner, length, position, parts, expires_at, finished = row
    return Upload(
        upload_id=upload_id,
        owner=owner,
        length=length,
        offset=position,
        parts=tuple(json.loads(parts)),
        expires_at=datetime.fromisoformat(expires_at),
        finished=bool(finished),
    )
