"""Parked events in a SQLite file."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from adapters.sqlite import SqliteDatabase
from application.ports.parked import AT_ONCE, ParkedEvent, service_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS parked (
    subscriber TEXT NOT NULL, event_id TEXT NOT NULL, log TEXT NOT NULL, position INTEGER NOT NULL,
    stream TEXT NOT NULL, verdict TEXT NOT NULL, retry_at REAL, body BLOB NOT NULL,
    PRIMARY KEY (subscriber, event_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parked_by_retry ON parked (subscriber, retry_at);
CREATE INDEX IF NOT EXISTS parked_by_stream ON parked (subscriber, log, stream, position);
CREATE TABLE IF NOT EXISTS dropped (
    service TEXT NOT NULL, event_id TEXT NOT NULL, PRIMARY KEY (service, event_id)
) WITHOUT ROWID
"""
PARK = "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
SELECT = "SELECT body, verdict, retry_at FROM parked "
ALL = SELECT + "WHERE ?1 IS NULL OR subscriber = ?1 ORDER BY subscriber, log, position"
DUE = SELECT + "WHERE subscriber = ? AND retry_at <= ? ORDER BY retry_at LIMIT ?"
OF_STREAM = SELECT + "WHERE subscriber = ? AND log = ? AND stream = ? ORDER BY position"
ONE = "SELECT 1 FROM parked WHERE subscriber = ? AND event_id = ?"
DECIDE = "UPDATE parked SET verdict = ?, retry_at = ? WHERE subscriber = ? AND event_id = ?"
REMOVE = "DELETE FROM parked WHERE subscriber = ? AND event_id = ?"
DROP = "INSERT OR IGNORE INTO dropped VALUES (?, ?)"
TAKE_BACK = "DELETE FROM dropped WHERE service = ? AND event_id = ?"


class SqliteParkedEvents:
    """Parked events in a table, their bodies as JSON."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, SCHEMA)
        self._decoder = msgspec.json.Decoder(ParkedEvent)

    def park(self, *events: ParkedEvent) -> None:
        self._database.write_many(PARK, [_row(event) for event in events])

    def list(self, subscriber: str | None = None) -> Sequence[ParkedEvent]:
        return self._found(ALL, subscriber)

    def due(self, subscriber: str, at: datetime, limit: int) -> Sequence[ParkedEvent]:
        return self._found(DUE, subscriber, at.timestamp(), limit)

    def of_stream(self, subscriber: str, log: str, stream: str) -> Sequence[ParkedEvent]:
        return self._found(OF_STREAM, subscriber, log, stream)

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        key, service = (subscriber, event_id), service_of(subscriber)
        if not self._database.row(ONE, *key):
            return False
        if verdict == "drop":
            self._database.write(DROP, service, event_id)
        else:
            self.take_back(service, event_id)
        return self._database.write(DECIDE, verdict, AT_ONCE.timestamp(), *key) == 1

    def dropped(self, service: str) -> frozenset[str]:
        rows = self._database.rows("SELECT event_id FROM dropped WHERE service = ?", service)
        return frozenset(event_id for (event_id,) in rows)

    def take_back(self, service: str, event_id: str) -> bool:
        return self._database.write(TAKE_BACK, service, event_id) == 1

    def remove(self, subscriber: str, *event_ids: str) -> None:
        self._database.write_many(REMOVE, [(subscriber, event_id) for event_id in event_ids])

    def close(self) -> None:
        self._database.close()

    def _found(self, sql: str, *values: object) -> Sequence[ParkedEvent]:
        rows = self._database.rows(sql, *values)
        return [
            replace(self._decoder.decode(body), verdict=verdict, retry_at=_time(retry_at))
            for body, verdict, retry_at in rows
        ]


def _row(parked: ParkedEvent) -> tuple[object, ...]:
    event = parked.event
    return (
        parked.subscriber,
        event.id,
        event.log,
        event.position,
        event.stream,
        parked.verdict,
        None if parked.retry_at is None else parked.retry_at.timestamp(),
        msgspec.json.encode(parked),
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
