"""Keys in a SQLite file."""

from pathlib import Path

from adapters.key_vault.wrapped import DESTROYED, WrappedKeyVault
from adapters.sqlite import SqliteDatabase

SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS keys (subject TEXT NOT NULL UNIQUE, wrapped BLOB NOT NULL)
"""


class SqliteKeyVault(WrappedKeyVault):
    """Wrapped keys in a table of a file of its own, on a disk of which no snapshots are taken.

    A destroyed key is overwritten in the file, and the write-ahead log that held it is emptied.
    """

    def __init__(self, path: Path, master_key: bytes) -> None:
        super().__init__(master_key)
        self._database = SqliteDatabase(path, SCHEMA)

    def _stored(self, subject: str) -> bytes | None:
        row = self._database.row("SELECT wrapped FROM keys WHERE subject = ?", subject)
        return bytes(row[0]) if row else None

    def _store(self, subject: str, wrapped: bytes) -> bytes:
        self._database.write("INSERT OR IGNORE INTO keys VALUES (?, ?)", subject, wrapped)
        stored = self._stored(subject)
        return DESTROYED if stored is None else stored

    def _destroy(self, subject: str) -> None:
        self._database.write(
            "INSERT INTO keys VALUES (?1, ?2)"
            " ON CONFLICT (subject) DO UPDATE SET wrapped = excluded.wrapped",
            subject,
            DESTROYED,
        )
        self._database.empty_log()

    def close(self) -> None:
        self._database.close()
