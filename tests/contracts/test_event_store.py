"""What every EventStore promises, and what some of them promise beyond it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Protocol
from uuid import uuid4

import pytest
from pymongo.database import Database

from adapters.event_store.memory import MemoryEventStore
from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.event_store.sqlite import SqliteEventStore
from adapters.mongo import Document, connect
from application.engine.log_seals import LogSeals, next_running_hash
from application.ports.event_store import (
    NOTHING,
    AlreadyDone,
    EventStore,
    Head,
    NewCommit,
    SealedHead,
    StoredCommit,
    StreamConflict,
)
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

EVERYTHING = 1_000_000
SEALS = LogSeals(b"k" * 32)
PATIENCE = 60.0


class Stores(Protocol):
    """Logs that share one place."""

    @property
    def survives_reopening(self) -> bool:
        """Whether a log holds the same when it is closed and opened again."""
        ...

    def open(self, log: str = "cases") -> EventStore:
        """One more EventStore of the log."""
        ...

    def reopen(self) -> EventStore:
        """The log as the next process finds it."""
        ...


def commit(
    stream: str = "case-1",
    head: Head = NOTHING,
    *,
    size: int = 1,
    stamp: int = 0,
    command_id: str = "",
    body: bytes = b"{}",
) -> NewCommit:
    return NewCommit(
        stream=stream,
        head=head,
        size=size,
        stamp=stamp or head.stamp + 1,
        command_id=command_id or str(uuid4()),
        body=body,
    )


def append_many(store: EventStore, stream: str, sizes: Sequence[int]) -> list[StoredCommit]:
    head, stored = NOTHING, []
    for size in sizes:
        stored.append(store.append(commit(stream, head, size=size)))
        head = stored[-1].head
    return stored


def unnumbered(commits: Sequence[StoredCommit]) -> list[tuple[object, ...]]:
    """The commits but for their positions, which a store may give out later."""
    return [(c.stream, c.first, c.size, c.stamp, c.command_id, c.body, c.hash) for c in commits]


def assert_gapless(commits: Sequence[StoredCommit]) -> None:
    assert commits
    assert commits[0].position == commits[0].size
    for before, after in pairwise(commits):
        assert after.position == before.position + after.size


def assert_in_stream_order(commits: Sequence[StoredCommit]) -> None:
    assert commits
    ends: dict[str, int] = {}
    for stored in commits:
        assert stored.first == ends.get(stored.stream, 0) + 1
        ends[stored.stream] = stored.last


class EventStoreContract:
    @pytest.fixture
    def store(self, stores: Stores) -> EventStore:
        return stores.open()

    # Appending

    def test_a_commit_is_loaded_as_it_was_appended(self, store: EventStore) -> None:
        new = commit("case-1", size=3, stamp=17, command_id="c-1", body=b"[1, 2, 3]")
        stored = store.append(new)
        (loaded,) = store.load("case-1")
        assert unnumbered([loaded]) == unnumbered([stored])
        assert (loaded.stream, loaded.first, loaded.last, loaded.size) == ("case-1", 1, 3, 3)
        assert (loaded.stamp, loaded.command_id, loaded.body) == (17, "c-1", b"[1, 2, 3]")

    def test_a_commit_follows_the_head_of_its_stream(self, store: EventStore) -> None:
        first = store.append(commit(size=2))
        second = store.append(commit(head=first.head))
        assert second.first == 3
        assert store.load("case-1")[-1].head == second.head

    def test_a_loaded_head_can_be_appended_to(self, store: EventStore) -> None:
        append_many(store, "case-1", [1, 2])
        third = store.append(commit(head=store.load("case-1")[-1].head))
        assert third.first == 4
        assert store.load("case-1")[-1].last == 4

    def test_a_stale_writer_is_refused_and_writes_nothing(self, store: EventStore) -> None:
        first = store.append(commit())
        store.append(commit(head=first.head))
        for stale in (NOTHING, first.head):
            with pytest.raises(StreamConflict):
                store.append(commit(head=stale))
        assert len(store.load("case-1")) == 2
        assert len(store.read_log(0, EVERYTHING)) == 2

    def test_of_many_concurrent_writers_at_one_head_one_succeeds(self, store: EventStore) -> None:
        def attempt(_: int) -> bool:
            try:
                store.append(commit())
            except StreamConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(attempt, range(24))) == 1
        assert len(store.load("case-1")) == 1

    def test_a_refused_writer_does_not_affect_concurrent_writers(self, store: EventStore) -> None:
        store.append(commit("case-taken"))

        def attempt(number: int) -> bool:
            try:
                store.append(commit("case-taken" if number % 2 else f"case-{number}"))
            except StreamConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(attempt, range(40)))
        assert won == [number % 2 == 0 for number in range(40)]
        assert len(store.read_log(0, EVERYTHING)) == 21

    def test_a_commit_of_several_events_is_read_whole(self, store: EventStore) -> None:
        store.append(commit(size=5, body=b"[1,2,3,4,5]"))
        for after in range(5):
            (read,) = store.read_log(after, 1)
            assert (read.size, read.position, read.body) == (5, 5, b"[1,2,3,4,5]")
        assert store.read_log(5, 1) == []

    @pytest.mark.parametrize("body", [b"", bytes(range(256)) * 3, "Żółć \0 🜛".encode(), b"\0\0"])
    def test_bodies_are_loaded_byte_for_byte(self, store: EventStore, body: bytes) -> None:
        store.append(commit(body=body))
        assert [stored.body for stored in store.load("case-1")] == [body]
        assert [stored.body for stored in store.read_log(0, 1)] == [body]

    def test_the_hash_chain_can_be_recomputed_from_the_bodies(self, store: EventStore) -> None:
        head = NOTHING
        for number in range(4):
            head = store.append(commit(head=head, body=b"%d" % number)).head
        expected = hashlib.sha256(b"case-1").digest()
        for number, stored in enumerate(store.load("case-1")):
            expected = hashlib.sha256(expected + b"%d" % number).digest()
            assert stored.hash == expected
        assert head.hash == expected

    def test_every_commit_is_sealed_with_its_log(self, stores: Stores) -> None:
        store = stores.open()
        appended = append_many(store, "case-1", [1, 3])
        for stored in (*appended, *store.load("case-1"), *store.read_log(0, EVERYTHING)):
            assert SEALS.is_genuine("cases", stored)
            assert not SEALS.is_genuine("members", stored)
            assert not LogSeals(b"other").is_genuine("cases", stored)

    def test_the_head_of_a_new_log_is_sealed_at_the_start(self, store: EventStore) -> None:
        assert store.sealed_head() == SEALS.start("cases")

    def test_a_sealed_head_never_moves_back(self, stores: Stores) -> None:
        store = stores.open()
        store.append(commit())
        (stored,) = store.read_log(0, EVERYTHING)
        further = SEALS.head("cases", 1, next_running_hash(SEALS.start("cases").running, stored))
        for head in (further, SEALS.start("cases"), SEALS.head("cases", 1, bytes(32))):
            store.seal(head)
            assert store.sealed_head() == stores.open().sealed_head() == further

    def test_a_reopened_log_keeps_its_sealed_head(self, stores: Stores) -> None:
        store = stores.open()
        store.append(commit())
        store.seal(head := SEALS.head("cases", 1, bytes(32)))
        kept = stores.survives_reopening
        assert stores.reopen().sealed_head() == (head if kept else SEALS.start("cases"))

    def test_appended_commits_are_no_strays(self, store: EventStore) -> None:
        append_many(store, "case-1", [1, 2])
        store.read_log(0, EVERYTHING)
        append_many(store, "case-2", [2])
        assert store.strays() == []
        assert len(store.read_log(0, EVERYTHING)) == 3

    def test_a_commit_with_an_invalid_size_stamp_or_stream_is_refused(
        self, store: EventStore
    ) -> None:
        end = store.append(commit(stamp=10)).head
        impossible = [
            commit(head=end, size=0),
            commit(head=end, stamp=10),
            commit("case-1@2"),
        ]
        for new in impossible:
            with pytest.raises(ValueError, match="case-1"):
                store.append(new)
        assert len(store.read_log(0, EVERYTHING)) == 1

    # Doing a command once

    def test_a_repeated_command_is_refused_with_the_first_commit(self, store: EventStore) -> None:
        first = store.append(commit(command_id="c-1", body=b"first"))
        with pytest.raises(AlreadyDone) as refused:
            store.append(commit(head=first.head, command_id="c-1", body=b"again"))
        assert unnumbered([refused.value.commit]) == unnumbered([first])
        assert len(store.load("case-1")) == 1

    def test_a_repeated_command_is_refused_in_another_stream_too(self, store: EventStore) -> None:
        first = store.append(commit("case-1", command_id="c-1"))
        with pytest.raises(AlreadyDone) as refused:
            store.append(commit("case-2", command_id="c-1"))
        assert unnumbered([refused.value.commit]) == unnumbered([first])
        assert store.load("case-2") == []

    def test_a_repeated_command_at_a_stale_head_is_refused_as_repeated(
        self, store: EventStore
    ) -> None:
        first = store.append(commit(command_id="c-1"))
        store.append(commit(head=first.head))
        with pytest.raises(AlreadyDone) as refused:
            store.append(commit(command_id="c-1"))
        assert unnumbered([refused.value.commit]) == unnumbered([first])

    def test_of_many_concurrent_appends_with_one_command_id_one_succeeds(
        self, store: EventStore
    ) -> None:
        def attempt(number: int) -> StoredCommit:
            try:
                return store.append(commit(f"case-{number}", command_id="c-1"))
            except AlreadyDone as already:
                return already.commit

        with ThreadPoolExecutor(8) as pool:
            receipts = list(pool.map(attempt, range(24)))
        assert len({receipt.stream for receipt in receipts}) == 1
        assert len(store.read_log(0, EVERYTHING)) == 1

    def test_a_command_is_found_by_its_id(self, store: EventStore) -> None:
        stored = store.append(commit(command_id="c-1"))
        found = store.find_command("c-1")
        assert found is not None
        assert unnumbered([found]) == unnumbered([stored])
        assert store.find_command("c-2") is None

    # Loading

    def test_streams_with_similar_names_are_independent(self, store: EventStore) -> None:
        names = ["case", "case-", "case-1", "case-10", "case-1/", "case-1~", "case-1\0", "CASE-1"]
        for name in names:
            append_many(store, name, [1, 1])
        for name in names:
            assert [stored.stream for stored in store.load(name)] == [name, name]
        assert store.load("case-2") == []

    def test_a_long_stream_is_loaded_in_order(self, store: EventStore) -> None:
        appended = append_many(store, "case-1", [1, 2, 3] * 50)
        loaded = store.load("case-1")
        assert unnumbered(loaded) == unnumbered(appended)
        assert len(loaded) == 150

    @pytest.mark.parametrize(
        ("upto", "firsts"),
        [(-1, []), (0, []), (1, [1]), (2, [1, 2]), (3, [1, 2]), (4, [1, 2, 4]), (99, [1, 2, 4])],
    )
    def test_a_stream_is_loaded_up_to_a_version(
        self, store: EventStore, upto: int, firsts: list[int]
    ) -> None:
        append_many(store, "case-1", [1, 2, 1])
        assert [stored.first for stored in store.load("case-1", upto=upto)] == firsts
        assert len(store.load("case-1")) == 3

    def test_concurrent_loads_each_return_their_own_stream(self, store: EventStore) -> None:
        streams = [f"case-{number}" for number in range(6)]
        appended = {stream: append_many(store, stream, [1, 2]) for stream in streams}
        asked = [*streams, "case-0", "case-unknown"] * 5
        loaded = race(len(asked), lambda number: store.load(asked[number]))
        for stream, commits in zip(asked, loaded, strict=True):
            assert not isinstance(commits, Exception)
            assert unnumbered(commits) == unnumbered(appended.get(stream, []))

    def test_a_load_after_an_append_finds_the_commit(self, store: EventStore) -> None:
        def append_and_load(number: int) -> int:
            stream = f"case-{number}"
            append_many(store, stream, [1])
            return len(store.load(stream))

        assert race(16, append_and_load) == [1] * 16

    def test_loaded_commits_have_positions_once_the_log_was_read(self, store: EventStore) -> None:
        append_many(store, "case-1", [1, 2])
        store.read_log(0, EVERYTHING)
        assert [stored.position for stored in store.load("case-1")] == [1, 3]

    # Reading the log

    def test_the_log_holds_all_commits_in_one_gapless_order(self, store: EventStore) -> None:
        for number in range(5):
            append_many(store, f"case-{number}", [1, 3, 2])
        read = store.read_log(0, EVERYTHING)
        assert len(read) == 15
        assert_gapless(read)
        assert_in_stream_order(read)

    def test_positions_never_change(self, store: EventStore) -> None:
        append_many(store, "case-1", [2, 1])
        before = store.read_log(0, EVERYTHING)
        append_many(store, "case-0", [1, 2])
        assert store.read_log(0, EVERYTHING)[:2] == before
        assert len(before) == 2

    def test_reading_the_log_respects_the_limit(self, store: EventStore) -> None:
        append_many(store, "case-1", [1, 2, 3, 4])
        assert [stored.position for stored in store.read_log(0, 3)] == [1, 3, 6]
        assert [stored.position for stored in store.read_log(3, 1)] == [6]
        assert store.read_log(0, 0) == []

    def test_a_log_is_read_page_by_page(self, store: EventStore) -> None:
        for number in range(6):
            append_many(store, f"case-{number}", [1, 2, 1])
        pages, after = [], 0
        while page := store.read_log(after, 4):
            pages.append(page)
            after = page[-1].position
        assert [len(page) for page in pages] == [4, 4, 4, 4, 2]
        assert [stored for page in pages for stored in page] == store.read_log(0, EVERYTHING)

    def test_the_last_position_is_the_position_of_the_newest_event(self, store: EventStore) -> None:
        assert store.last_position() == 0
        append_many(store, "case-1", [2, 3])
        store.read_log(0, EVERYTHING)
        assert store.last_position() == 5

    def test_the_position_of_an_event_is_known_on_demand(self, store: EventStore) -> None:
        append_many(store, "case-1", [2, 3])
        assert [store.position_of("case-1", version) for version in range(1, 6)] == [1, 2, 3, 4, 5]
        for missing in (-1, 0, 6):
            assert store.position_of("case-1", missing) is None
        assert store.position_of("case-2", 1) is None

    def test_a_reader_of_a_log_with_many_writers_sees_each_event_once_in_order(
        self, stores: Stores
    ) -> None:
        written = Event()

        def write(number: int) -> None:
            store = stores.open()
            append_many(store, f"case-{number}", [1, 3, 2, 1] * 10)

        def follow(limit: int) -> list[StoredCommit]:
            store, seen, after = stores.open(), list[StoredCommit](), 0
            while True:
                finished = written.is_set()
                page = store.read_log(after, limit)
                seen += page
                after = page[-1].position if page else after
                if finished and not page:
                    return seen

        with ThreadPoolExecutor(11) as pool:
            followers = [pool.submit(follow, limit) for limit in (3, 20, 1000)]
            list(pool.map(write, range(8)))
            written.set()
        everything = stores.open().read_log(0, EVERYTHING)
        assert len(everything) == 320
        assert_gapless(everything)
        assert_in_stream_order(everything)
        for follower in followers:
            assert follower.result() == everything

    def test_two_logs_are_independent(self, stores: Stores) -> None:
        cases, members = stores.open("cases"), stores.open("members")
        cases.append(commit(command_id="c-1", body=b"case"))
        members.append(commit(command_id="c-1", body=b"member"))
        for store, body in ((cases, b"case"), (members, b"member")):
            assert [stored.body for stored in store.load("case-1")] == [body]
            assert [stored.position for stored in store.read_log(0, EVERYTHING)] == [1]
            found = store.find_command("c-1")
            assert found is not None
            assert found.body == body
        assert (cases.log, members.log) == ("cases", "members")

    # Waking

    def test_listeners_are_woken_by_every_append(self, stores: Stores) -> None:
        writer, listener, woken = stores.open(), stores.open(), Event()
        listener.on_append(woken.set)
        head = NOTHING
        for _ in range(3):
            head = writer.append(commit(head=head)).head
            assert woken.wait(PATIENCE)
            woken.clear()

    def test_listeners_are_not_woken_by_another_log_or_after_they_stopped(
        self, stores: Stores
    ) -> None:
        own, others = Event(), Event()
        cases, members = stores.open("cases"), stores.open("members")
        cases.on_append(own.set)
        members.append(commit())
        stop = cases.on_append(others.set)
        stop()
        stop()
        cases.append(commit())
        assert own.wait(PATIENCE)
        assert not others.is_set()

    def test_a_woken_listener_finds_the_appended_events(self, stores: Stores) -> None:
        writer, reader = stores.open(), stores.open()
        found: list[int] = []
        done = Event()

        def look() -> None:
            if reader.read_log(0, 1):
                found.append(1)
                done.set()

        reader.on_append(look)
        writer.append(commit())
        assert done.wait(PATIENCE)

    # Lasting

    def test_a_reopened_log_holds_the_same_commits(self, stores: Stores) -> None:
        store = stores.open()
        appended = append_many(store, "case-1", [1, 2])
        read = store.read_log(0, EVERYTHING)
        reopened = stores.reopen()
        kept = stores.survives_reopening
        assert unnumbered(reopened.load("case-1")) == (unnumbered(appended) if kept else [])
        assert reopened.read_log(0, EVERYTHING) == (read if kept else [])
        after = reopened.append(commit("case-2"))
        assert reopened.position_of("case-2", 1) == (4 if kept else 1)
        assert after.first == 1


class OneStore:
    """Logs in memory: whoever opens a log again in the same process gets the same."""

    survives_reopening = False

    def __init__(self) -> None:
        self._stores: dict[str, MemoryEventStore] = {}

    def open(self, log: str = "cases") -> EventStore:
        return self._stores.setdefault(log, MemoryEventStore(log, SEALS))

    def reopen(self) -> EventStore:
        return OneStore().open()


class SqliteStores:
    survives_reopening = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: list[EventStore] = []

    def open(self, log: str = "cases") -> EventStore:
        self._opened.append(SqliteEventStore(log, self._path, SEALS))
        return self._opened[-1]

    def reopen(self) -> EventStore:
        self.close()
        return self.open()

    def close(self) -> None:
        for store in self._opened:
            store.close()
        self._opened.clear()


class MongoStores:
    """Each store has its own tail, so that the others are like other processes to it."""

    survives_reopening = True

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._tails: list[MongoTail] = []

    def open(self, log: str = "cases") -> EventStore:
        self._tails.append(MongoTail(self._database))
        return MongoEventStore(log, self._database, self._tails[-1], SEALS)

    def reopen(self) -> EventStore:
        return self.open()

    def close(self) -> None:
        for tail in self._tails:
            tail.close()


class TestMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def stores(self) -> Stores:
        return OneStore()


class TestSqliteEventStore(EventStoreContract):
    @pytest.fixture
    def stores(self, tmp_path: Path) -> Iterator[Stores]:
        stores = SqliteStores(tmp_path / "data" / "logs.sqlite")
        yield stores
        stores.close()


class TestMongoEventStore(EventStoreContract):
    @pytest.fixture
    def stores(self, mongo_database: Database[Document]) -> Iterator[Stores]:
        stores = MongoStores(mongo_database)
        yield stores
        stores.close()


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[Database[Document]]:
    database = connect(mongo_url, f"test-{uuid4()}")
    yield database
    database.client.drop_database(database.name)
    database.client.close()


class Nothing:
    """Confirms everything and keeps nothing."""

    log = "nothing"

    def append(self, commit: NewCommit) -> StoredCommit:
        return StoredCommit(
            stream=commit.stream,
            first=commit.head.version + 1,
            size=commit.size,
            stamp=commit.stamp,
            command_id=commit.command_id,
            body=commit.body,
            hash=b"",
        )

    def load(
        self, stream: str, *, upto: int | None = None, until: datetime | None = None
    ) -> list[StoredCommit]:
        return []

    def read_log(self, after: int, limit: int) -> list[StoredCommit]:
        return []

    def find_command(self, command_id: str) -> StoredCommit | None:
        return None

    def position_of(self, stream: str, version: int) -> int | None:
        return None

    def last_position(self) -> int:
        return 0

    def sealed_head(self) -> SealedHead | None:
        return None

    def seal(self, head: SealedHead) -> None:
        """Nothing."""

    def strays(self) -> list[StoredCommit]:
        return []

    def on_append(self, wake: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def close(self) -> None:
        """Nothing."""


class NoStores:
    survives_reopening = True

    def open(self, log: str = "cases") -> EventStore:
        return Nothing()

    def reopen(self) -> EventStore:
        return Nothing()


def test_every_promise_is_broken_by_a_store_that_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(globals(), "PATIENCE", 0.01)
    assert_fails_against_nothing(EventStoreContract, store=Nothing(), stores=NoStores())
