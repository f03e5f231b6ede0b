"""Appending and loading in a log of many events, beside the same in a log of few.

"Many" is 100,000 commits of one event each, to end within a few minutes; the target is for
2,000,000. Run with ``python -m benchmarks.growth``.
"""

import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.event_store.sqlite import SqliteEventStore
from adapters.mongo import connect
from application.ports.event_store import NOTHING, EventStore, NewCommit
from benchmarks.append import BODY, Appending
from benchmarks.measure import SEALS, Figure, medians, print_table, rate
from tests.servers import Mongo

FEW, MANY = 10_000, 100_000
A_STREAM = 10
FILLERS = 64
APPENDERS, LOADERS = 16, 4
SECONDS = 2.0
ROUNDS = 3
TARGET = 0.9


def main() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Mongo())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = connect(server.url, "benchmarks")
        stack.callback(database.client.close)
        tail = stack.enter_context(closing(MongoTail(database)))
        figures = [
            *growth(
                "MongoDB", *(MongoEventStore(log, database, tail, SEALS) for log in ("few", "many"))
            ),
            *growth(
                "SQLite",
                *(
                    stack.enter_context(closing(SqliteEventStore(log, folder / log, SEALS)))
                    for log in ("few", "many")
                ),
            ),
        ]
    print_table(f"A log of {MANY:,} events of 1 KB beside one of {FEW:,}", "a second", figures)


def growth(what: str, few: EventStore, many: EventStore) -> Iterator[Figure]:
    """Loads first, since appends make the small log grow. Measured in turns, as noise comes."""
    fill(few, FEW)
    fill(many, MANY)
    loads = medians(ROUNDS, {"few": lambda: loading(few, FEW), "many": lambda: loading(many, MANY)})
    yield Figure(what=f"{what}, load", rate=loads["many"], floor=loads["few"], target=TARGET)
    appends = medians(ROUNDS, {"few": lambda: appending(few), "many": lambda: appending(many)})
    yield Figure(what=f"{what}, append", rate=appends["many"], floor=appends["few"], target=TARGET)


def fill(store: EventStore, events: int) -> None:
    """Streams of ten commits, then numbered."""

    def fill_stream(number: int) -> None:
        head = NOTHING
        for version in range(1, A_STREAM + 1):
            new = NewCommit(
                stream=f"filled-{number}",
                head=head,
                size=1,
                stamp=version,
                command_id=f"filled-{number}/{version}",
                body=BODY,
            )
            head = store.append(new).head

    with ThreadPoolExecutor(FILLERS) as pool:
        deque(pool.map(fill_stream, range(events // A_STREAM)), maxlen=0)
    after = 0
    while commits := store.read_log(after, 1000):
        after = commits[-1].position


def loading(store: EventStore, events: int) -> float:
    """Streams of ten commits loaded a second, anywhere in the log."""
    random = Random(1)

    def load() -> None:
        assert len(store.load(f"filled-{random.randrange(events // A_STREAM)}")) == A_STREAM

    return rate([load] * LOADERS, SECONDS)


def appending(store: EventStore) -> float:
    return rate([Appending(store) for _ in range(APPENDERS)], SECONDS)


if __name__ == "__main__":
    main()
