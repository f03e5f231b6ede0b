"""Durable appends, beside a raw insert for each event with as many threads.

Run with ``python -m benchmarks.append``.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from threading import Lock

from pymongo.collection import Collection
from pymongo.database import Database

from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.event_store.sqlite import SqliteEventStore
from adapters.mongo import DURABLE, Document, connect
from application.ports.event_store import NOTHING, EventStore, NewCommit
from benchmarks.measure import SEALS, Figure, Once, medians, print_table, rate
from tests.servers import Mongo

SECONDS = 3.0
ROUNDS = 3
BODY = b'{"story": "%s"}' % (b"Somebody asked for money at the counter. " * 25)

MONGO_TARGETS = {1: 0.9, 16: 1.3, 64: 2.2}
SQLITE_TARGETS = {16: 3.0}

_serial = count()


def main() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Mongo())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = connect(server.url, "benchmarks")
        stack.callback(database.client.close)
        figures = [*mongo_figures(database), *sqlite_figures(folder)]
    print_table("Durable appends of one event of 1 KB", "appends/s", figures)


def mongo_figures(database: Database[Document]) -> Iterator[Figure]:
    raw = database.get_collection("raw", write_concern=DURABLE)
    with closing(MongoTail(database)) as tail:
        store = MongoEventStore("append", database, tail, SEALS)
        for writers, target in MONGO_TARGETS.items():
            yield figure(f"MongoDB, {writers} writers", target, writers, store, mongo_insert(raw))


def sqlite_figures(folder: Path) -> Iterator[Figure]:
    with (
        closing(SqliteEventStore("append", folder / "store", SEALS)) as store,
        closing(raw_sqlite(folder / "raw")) as raw,
    ):
        for writers, target in SQLITE_TARGETS.items():
            yield figure(f"SQLite, {writers} writers", target, writers, store, sqlite_insert(raw))


def figure(what: str, target: float, writers: int, store: EventStore, insert: Once) -> Figure:
    rates = medians(
        ROUNDS,
        {
            "store": lambda: rate([Appending(store) for _ in range(writers)], SECONDS),
            "floor": lambda: rate([insert] * writers, SECONDS),
        },
    )
    return Figure(what=what, rate=rates["store"], floor=rates["floor"], target=target)


class Appending:
    """A client that appends one event after the other to a stream of its own."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._stream = f"case-{next(_serial)}"
        self._head = NOTHING

    def __call__(self) -> None:
        version = self._head.version + 1
        new = NewCommit(
            stream=self._stream,
            head=self._head,
            size=1,
            stamp=max(time.time_ns() // 1000, self._head.stamp + 1),
            command_id=f"{self._stream}/{version}",
            body=BODY,
        )
        self._head = self._store.append(new).head


def mongo_insert(raw: Collection[Document]) -> Once:
    return lambda: raw.insert_one({"_id": f"event-{next(_serial)}", "body": BODY})


def raw_sqlite(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("CREATE TABLE raw (id TEXT PRIMARY KEY, body BLOB)")
    return raw


def sqlite_insert(raw: sqlite3.Connection) -> Once:
    """One connection and a lock: quicker than connections that wait for each other."""
    one_at_a_time = Lock()

    def insert() -> None:
        with one_at_a_time:
            raw.execute("INSERT INTO raw VALUES (?, ?)", (f"event-{next(_serial)}", BODY))

    return insert


if __name__ == "__main__":
    main()
