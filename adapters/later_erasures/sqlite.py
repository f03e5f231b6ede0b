"""What is to be erased later, in a SQLite file."""

from datetime import datetime
from pathlib import Path

from adapters.sqlite import SqliteDatabase

# Without row ids, which would tell the order in which entries were added.
SCHEMA = """
CREATE TABLE IF NOT EXISTS later_erasures (
    entry TEXT PRIMARY KEY, due INTEGER NOT NULL
) WITHOUT ROWID
"""


class SqliteLaterErasures:
    """Entries in a table."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)

    def add(self, entry: str, due: datetime) -> None:
        sql = "INSERT OR IGNORE INTO later_erasures (entry, due) VALUES (?, ?)"
        self._database.write(sql, entry, int(due.timestamp()))

    def due(self, now: datetime) -> list[str]:
        sql = "SELECT entry FROM later_erasures WHERE due <= ? ORDER BY due"
        return [entry for (entry,) in self._database.rows(sql, int(now.timestamp()))]

    def move(self, entry: str, due: datetime) -> None:
        sql = "UPDATE later_erasures SET due = ? WHERE entry = ?"
        self._database.write(sql, int(due.timestamp()), entry)

    def remove(self, entry: str) -> None:
        self._database.write("DELETE FROM later_erasures WHERE entry = ?", entry)

    def close(self) -> None:
        self._database.close()
