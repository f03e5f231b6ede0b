"""Keys in a SQLite file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.key_vault.epochs import EpochFile, bucket_of
from adapters.key_vault.wrapped import DESTROYED, NO_EPOCH, KeyChange, Stored, WrappedKeyVault
from adapters.sqlite import SqliteDatabase

# Without row ids, the file does not tell which keys were made one after the other.
SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS keys (
    subject TEXT PRIMARY KEY, bucket INTEGER NOT NULL, epoch INTEGER NOT NULL,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_of_epoch ON keys (bucket, epoch);
CREATE INDEX IF NOT EXISTS unsettled_keys ON keys (bucket, epoch) WHERE wrapped = x'' AND epoch > 0
"""


class SqliteKeyVault(WrappedKeyVault):
    """Wrapped keys in a table of a file of its own.

    A destroyed key is also overwritten in the file, and the write-ahead log that held it is
    emptied.
    """

    def __init__(
        self, path: Path, master_key: bytes, epochs: EpochFile, *, give_up: bool = False
    ) -> None:
        super().__init__(master_key, epochs, give_up=give_up)
        self._database = SqliteDatabase(path, SCHEMA)
        self._begin()

    def _stored(self, subject: str) -> Stored | None:
        row = self._database.row("SELECT epoch, wrapped FROM keys WHERE subject = ?", subject)
        return Stored(*row) if row else None

    def _store(self, subject: str, key: Stored) -> Stored:
        self._database.write(
            "INSERT OR IGNORE INTO keys (subject, bucket, epoch, wrapped) VALUES (?, ?, ?, ?)",
            subject,
            bucket_of(subject),
            *key,
        )
        return self._stored(subject) or key

    def _replace(self, changes: Sequence[KeyChange]) -> None:
        self._database.write_many(
            "UPDATE keys SET epoch = ?, wrapped = ? WHERE subject = ? AND wrapped = ?",
            [(*change.new, change.subject, change.old.wrapped) for change in changes],
        )

    def _destroy(self, subject: str) -> None:
        self._database.write(
            "INSERT INTO keys (subject, bucket, epoch, wrapped) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (subject) DO UPDATE SET wrapped = excluded.wrapped",
            subject,
            bucket_of(subject),
            NO_EPOCH,
            DESTROYED,
        )
        self._database.empty_log()

    def _of_epoch(self, bucket: int, number: int) -> Sequence[tuple[str, Stored]]:
        rows = self._database.rows(
            "SELECT subject, epoch, wrapped FROM keys"
            " WHERE bucket = ? AND epoch = ? AND wrapped <> x''",
            bucket,
            number,
        )
        return [(subject, Stored(*stored)) for subject, *stored in rows]

    def _newest(self) -> Mapping[int, int]:
        return dict(self._database.rows("SELECT bucket, max(epoch) FROM keys GROUP BY bucket"))

    def _destroy_lost(self, bucket: int, live: Sequence[int]) -> int:
        return self._database.write(
            "UPDATE keys SET epoch = ?, wrapped = ? WHERE bucket = ? AND epoch > 0"
            " AND epoch NOT IN (SELECT value FROM json_each(?))",
            NO_EPOCH,
            DESTROYED,
            bucket,
            json.dumps(live),
        )

    def _unsettled(self) -> Mapping[int, int]:
        return dict(
            self._database.rows(
                "SELECT bucket, max(epoch) FROM keys"
                " WHERE wrapped = x'' AND epoch > 0 GROUP BY bucket"
            )
        )

    def _settle(self, bucket: int, newest: int) -> None:
        self._database.write(
            "UPDATE keys SET epoch = ?"
            " WHERE bucket = ? AND epoch > 0 AND epoch < ? AND wrapped = x''",
            NO_EPOCH,
            bucket,
            newest,
        )

    def close(self) -> None:
        self._database.close()
