"""A SQLite file for a small store."""

from pathlib import Path
from threading import Thread

import pytest

from adapters import sqlite
from adapters.sqlite import SqliteDatabase
from application.ports.event_store import StoreUnavailable

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT)"


def test_several_connections_empty_the_write_ahead_log_at_once(tmp_path: Path) -> None:
    databases = [SqliteDatabase(tmp_path / "words.db", SCHEMA) for _ in range(4)]
    failed: list[Exception] = []

    def write_and_empty(database: SqliteDatabase) -> None:
        try:
            for number in range(50):
                database.write("INSERT INTO words VALUES (?)", str(number))
                database.empty_log()
        except StoreUnavailable as error:
            failed.append(error)

    threads = [Thread(target=write_and_empty, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert databases[0].row("SELECT COUNT(*) FROM words") == (200,)
    for database in databases:
        database.close()


def test_a_log_that_stays_in_use_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    database, reader = (SqliteDatabase(tmp_path / "words.db", SCHEMA) for _ in range(2))
    database.write("INSERT INTO words VALUES ('a')")
    with reader.transaction() as reading:
        reading.execute("SELECT * FROM words").fetchall()
        with pytest.raises(StoreUnavailable, match="in use"):
            database.empty_log()
    database.empty_log()
