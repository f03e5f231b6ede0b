"""Checkpoints in a SQLite file."""

import json
from pathlib import Path

from adapters.sqlite import SqliteDatabase
from application.ports.checkpoints import START, Checkpoint, Fenced

SCHEMA = """
CREATE TABLE IF NOT EXISTS checkpoints (
    name TEXT PRIMARY KEY, revision INTEGER NOT NULL, positions TEXT NOT NULL, parked TEXT NOT NULL
) WITHOUT ROWID
"""
FIRST = "INSERT OR IGNORE INTO checkpoints (positions, parked, name, revision) VALUES (?, ?, ?, ?)"
NEXT = """
UPDATE checkpoints SET positions = ?, parked = ?, revision = revision + 1
WHERE name = ? AND revision = ? - 1
"""


class SqliteCheckpoints:
    """Checkpoints in a table, each replaced by compare-and-set."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)

    def load(self, name: str) -> Checkpoint:
        row = self._database.row(
            "SELECT revision, positions, parked FROM checkpoints WHERE name = ?", name
        )
        return START if row is None else _checkpoint(*row)

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        sql = FIRST if checkpoint.revision == 1 else NEXT
        positions = json.dumps(dict(checkpoint.positions))
        parked = json.dumps(sorted(checkpoint.parked))
        if not self._database.write(sql, positions, parked, name, checkpoint.revision):
            raise Fenced

    def list(self) -> dict[str, Checkpoint]:
        rows = self._database.rows("SELECT name, revision, positions, parked FROM checkpoints")
        return {name: _checkpoint(*stored) for name, *stored in rows}

    def delete(self, name: str) -> None:
        self._database.write("DELETE FROM checkpoints WHERE name = ?", name)

    def close(self) -> None:
        self._database.close()


def _checkpoint(revision: int, positions: str, parked: str) -> Checkpoint:
    return Checkpoint(
        revision=revision,
        positions=json.loads(positions),
        parked=frozenset(json.loads(parked)),
    )
