"""A whole log read into typed events, beside a raw ``find`` of as many documents into dicts.

Run with ``python -m benchmarks.scan``.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo.collection import Collection

from adapters.codec.json import JsonCodec
from adapters.codec.personal import PersonalCipher
from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.key_vault.memory import MemoryKeyVault
from adapters.mongo import Document, connect
from application.ports.codec import EventCodec, Meta
from application.ports.event_store import NOTHING, EventStore, NewCommit
from benchmarks.append import BODY
from benchmarks.measure import SEALS, Figure, medians, print_table
from domain.catalog import EventCatalog
from tests.servers import Mongo

EVENTS = 200_000
STREAMS = 2_000
PAGE = 1_000
ROUNDS = 5
TARGET = 1.3

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of 1 KB with nothing personal in it."""

    case_id: str
    title: str
    story: str
    category: str
    tags: tuple[str, ...]
    latitude: float
    longitude: float
    at: datetime


def main() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Mongo())
        database = connect(server.url, "benchmarks")
        stack.callback(database.client.close)
        tail = stack.enter_context(closing(MongoTail(database)))
        store = MongoEventStore("scan", database, tail, SEALS)
        codec = JsonCodec(
            EventCatalog(types={"cases.Told": Told}), PersonalCipher(MemoryKeyVault(), bytes(32))
        )
        raw = database.get_collection("raw")
        fill(raw, store, codec)
        rates = medians(
            ROUNDS,
            {
                "find": lambda: rate_of(lambda: scan_raw(raw)),
                "log": lambda: rate_of(lambda: scan_log(store, codec)),
            },
        )
    figure = Figure(what="MongoDB", rate=rates["log"], floor=rates["find"], target=TARGET)
    print_table(f"A log of {EVENTS:,} events of 1 KB, typed", "events/s", [figure])


def told(number: int) -> Told:
    return Told(
        case_id=f"case-{number % STREAMS}",
        title=f"Case number {number}",
        story=BODY.decode()[:700],
        category="extortion",
        tags=("counter", "permit"),
        latitude=52.2297,
        longitude=21.0122,
        at=NOON + timedelta(seconds=number),
    )


def fill(raw: Collection[Document], store: EventStore, codec: EventCodec) -> None:
    """The same events into both, one to a commit; the log is numbered."""

    def fill_stream(number: int) -> None:
        events = [told(event) for event in range(number, EVENTS, STREAMS)]
        raw.insert_many([as_document(event) for event in events])
        append(store, codec, f"case-{number}", events)

    with ThreadPoolExecutor(64) as pool:
        deque(pool.map(fill_stream, range(STREAMS)), maxlen=0)
    scan_log(store, codec)


def as_document(event: Told) -> Document:
    return {name: getattr(event, name) for name in Told.__slots__}


def append(store: EventStore, codec: EventCodec, stream: str, events: Sequence[object]) -> None:
    head = NOTHING
    for event in events:
        first = head.version + 1
        meta = Meta(stream=stream, first=first, command_id=f"{stream}/{first}")
        new = NewCommit(
            stream=stream,
            head=head,
            size=1,
            stamp=first,
            command_id=meta.command_id,
            body=codec.encode([event], meta),
        )
        head = store.append(new).head


def scan_raw(raw: Collection[Document]) -> int:
    return sum(1 for _ in raw.find())


def scan_log(store: EventStore, codec: EventCodec) -> int:
    """As a rebuild reads it: page by page."""
    scanned = after = 0
    while commits := store.read_log(after, PAGE):
        for commit in commits:
            for event in codec.events(store.log, commit):
                assert isinstance(codec.decode(event), Told)
                scanned += 1
        after = commits[-1].position
    return scanned


def rate_of(scan: Callable[[], int]) -> float:
    start = time.perf_counter()
    assert scan() == EVENTS
    return EVENTS / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
