"""Parked events in a SQLite file."""

from dataclasses import replace
from pathlib import Path

import msgspec

from adapters.sqlite import SqliteDatabase
from application.ports.parked import ParkedEvent

SCHEMA = """
CREATE TABLE IF NOT EXISTS parked (
    subscriber TEXT NOT NULL, event_id TEXT NOT NULL, log TEXT NOT NULL, position INTEGER NOT NULL,
    verdict TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (subscriber, event_id)
) WITHOUT ROWID
"""


class SqliteParkedEvents:
    """Parked events in a table, their bodies as JSON."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)
        self._decoder = msgspec.json.Decoder(ParkedEvent)

    def park(self, event: ParkedEvent) -> None:
        self._database.write(
            "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?)",
            event.subscriber,
            event.event.id,
            event.event.log,
            event.event.position,
            event.verdict,
            msgspec.json.encode(event),
        )

    def list(self, subscriber: str | None = None) -> list[ParkedEvent]:
        rows = self._database.rows(
            "SELECT body, verdict FROM parked WHERE ? IS NULL OR subscriber = ?"
            " ORDER BY subscriber, log, position",
            subscriber,
            subscriber,
        )
        return [replace(self._decoder.decode(body), verdict=verdict) for body, verdict in rows]

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        changed = self._database.write(
            "UPDATE parked SET verdict = ? WHERE subscriber = ? AND event_id = ?",
            verdict,
            subscriber,
            event_id,
        )
        return changed == 1

    def remove(self, subscriber: str, event_id: str) -> None:
        self._database.write(
            "DELETE FROM parked WHERE subscriber = ? AND event_id = ?", subscriber, event_id
        )

    def close(self) -> None:
        self._database.close()
