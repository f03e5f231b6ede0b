"""Event stores when a process or server is killed, or a file is locked."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Barrier, Event
from time import sleep
from typing import Any
from uuid import uuid4

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.event_store.numbering import Numbering
from adapters.event_store.sqlite import SqliteEventStore
from adapters.grouping import Grouping
from adapters.mongo import Document, StoreMisconfigured, connect
from application.ports.event_store import (
    NOTHING,
    AlreadyDone,
    EventStore,
    StoreUnavailable,
    StreamConflict,
)
from tests.conftest import PATIENTLY
from tests.contracts.test_event_store import (
    EVERYTHING,
    SEALS,
    append_many,
    assert_gapless,
    assert_in_stream_order,
    commit,
)
from tests.servers import HOST, Mongo, free_port, wait_until

pytestmark = pytest.mark.system

# SQLite

APPENDING = """
import sys
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from time import sleep
from adapters.event_store.sqlite import SqliteEventStore
from tests.contracts.test_event_store import NOTHING, SEALS, commit

store = SqliteEventStore("cases", Path(sys.argv[1]), SEALS)
one_at_a_time = Lock()

def append(thread):
    head = NOTHING
    while True:
        stored = store.append(commit(f"case-{thread}", head, size=2))
        head = stored.head
        with one_at_a_time:
            print(stored.command_id, flush=True)
        sleep(0.02)

for thread in range(8):
    Thread(target=append, args=[thread]).start()
"""


def test_a_killed_process_loses_no_acknowledged_commit(tmp_path: Path) -> None:
    path = tmp_path / "logs.sqlite"
    command = [sys.executable, "-c", APPENDING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = [child.stdout.readline().strip() for _ in range(300)]
        child.send_signal(signal.SIGKILL)
        acknowledged += child.stdout.read().split()
    store = SqliteEventStore("cases", path, SEALS)
    read = store.read_log(0, EVERYTHING)
    store.close()
    assert set(acknowledged) <= {stored.command_id for stored in read}
    assert_gapless(read)
    assert_in_stream_order(read)


def test_two_processes_can_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "logs.sqlite"
    store = SqliteEventStore("cases", path, SEALS)
    command = [sys.executable, "-c", APPENDING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        append_many(store, "case-ours", [1] * 50)
        child.kill()
    read = store.read_log(0, EVERYTHING)
    store.close()
    assert len([stored for stored in read if stored.stream == "case-ours"]) == 50
    assert_gapless(read)
    assert_in_stream_order(read)


def test_other_users_of_the_machine_cannot_read_the_files_of_a_log(tmp_path: Path) -> None:
    store = SqliteEventStore("cases", tmp_path / "logs.sqlite", SEALS)
    store.append(commit())
    modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.iterdir()}
    assert modes == {"logs.sqlite": 0, "logs.sqlite-wal": 0, "logs.sqlite-shm": 0}
    store.close()


def test_sqlite_refuses_a_head_beyond_the_end_or_within_a_commit(tmp_path: Path) -> None:
    store = SqliteEventStore("cases", tmp_path / "logs.sqlite", SEALS)
    end = store.append(commit(size=2)).head
    for version in (1, 3):
        with pytest.raises(StreamConflict):
            store.append(commit(head=replace(end, version=version)))
    with pytest.raises(StreamConflict):
        store.append(commit(head=replace(end, hash=b"another")))
    assert len(store.load("case-1")) == 1
    store.close()


def test_a_locked_file_makes_the_store_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.sqlite_file.BUSY_SECONDS", 0.05)
    path = tmp_path / "logs.sqlite"
    store = SqliteEventStore("cases", path, SEALS)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(4) as pool:
        for refused in [pool.submit(store.append, commit(f"case-{n}")) for n in range(4)]:
            assert isinstance(refused.exception(), StoreUnavailable)
    other.execute("ROLLBACK")
    other.close()
    store.append(commit())
    store.close()


def test_a_closed_sqlite_store_raises_unavailable(tmp_path: Path) -> None:
    store = SqliteEventStore("cases", tmp_path / "logs.sqlite", SEALS)
    store.close()
    for use in (lambda: store.append(commit()), store.last_position):
        with pytest.raises(StoreUnavailable):
            use()


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "1st", "a.b"])
def test_an_invalid_name_of_a_log_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a valid name of a log"):
        SqliteEventStore(name, tmp_path / "logs.sqlite", SEALS)


# Group commit


def test_appends_that_arrive_during_a_write_are_written_together() -> None:
    batches: list[list[int]] = []
    writing, may_go_on = Event(), Event()

    def write(queue: Iterator[int]) -> Sequence[int]:
        items = list(queue)
        batches.append(items)
        writing.set()
        may_go_on.wait()
        return [item * 10 for item in items]

    group = Grouping[int, int](write)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(group.submit, 1)
        writing.wait()
        others = [pool.submit(group.submit, item) for item in (2, 3, 4, 5)]
        assert wait_until(lambda: group.waiting == 4, 60)
        may_go_on.set()
        assert [first.result(), *(other.result() for other in others)] == [10, 20, 30, 40, 50]
    assert batches[0] == [1]
    assert sorted(batches[1]) == [2, 3, 4, 5]


def test_no_waiter_hangs_when_writes_fail() -> None:
    started = Barrier(8)

    def write(queue: Iterator[int]) -> Sequence[int]:
        items = list(queue)
        sleep(random.random() / 200)
        match items[0] % 4:
            case 0:
                raise StoreUnavailable("away")
            case 1:
                raise SystemExit
            case 2:
                return []
            case _:
                return items

    group = Grouping[int, int](write, largest=3)

    def submit_many(thread: int) -> int:
        started.wait()
        answered = 0
        for number in range(50):
            with suppress(StoreUnavailable, SystemExit, ValueError):
                assert group.submit(thread * 1000 + number) == thread * 1000 + number
            answered += 1
        return answered

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(submit_many, range(8))) == 400


def test_an_interrupted_waiter_does_not_block_the_others() -> None:
    class Interrupted(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    writing, may_go_on = Event(), Event()

    def write(queue: Iterator[int]) -> Sequence[int]:
        items = list(queue)
        writing.set()
        may_go_on.wait()
        return items

    def interrupt_the_waiter() -> None:
        wait_until(lambda: group.waiting == 1, 60)
        os.kill(os.getpid(), signal.SIGUSR1)

    group = Grouping[int, int](write)
    before = signal.signal(signal.SIGUSR1, interrupt)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(group.submit, 1)
        writing.wait()
        pool.submit(interrupt_the_waiter)
        with pytest.raises(Interrupted):
            group.submit(2)
        third = pool.submit(group.submit, 3)
        may_go_on.set()
        assert (first.result(60), third.result(60)) == (1, 3)
    signal.signal(signal.SIGUSR1, before)


# MongoDB


@pytest.fixture
def database(mongo_url: str) -> Iterator[Database[Document]]:
    database = connect(mongo_url, f"test-{uuid4()}")
    yield database
    database.client.drop_database(database.name)
    database.client.close()


def retry(call: Callable[[], object]) -> None:
    """As a client does: again, until the store is back."""
    while True:
        try:
            call()
        except StoreUnavailable:
            sleep(0.05)
        else:
            return


def append_until(store: EventStore, stream: str, stop: Event) -> list[str]:
    """Appends command by command, each until it is acknowledged; returns those that are."""
    acknowledged: list[str] = []

    def append_one() -> None:
        loaded = store.load(stream)
        head = loaded[-1].head if loaded else NOTHING
        with suppress(AlreadyDone):
            store.append(commit(stream, head, command_id=f"{stream}/{len(acknowledged)}"))

    while not stop.is_set():
        retry(append_one)
        acknowledged.append(f"{stream}/{len(acknowledged)}")
    return acknowledged


def follow_until(store: EventStore, stop: Event) -> list[int]:
    """The position of each commit as a reader met it, kills or not."""
    met: list[int] = []

    def read() -> None:
        met.extend(stored.position for stored in store.read_log(met[-1] if met else 0, 50))

    while not stop.is_set():
        retry(read)
    return met


def test_a_killed_server_loses_no_acknowledged_commit() -> None:
    with Mongo() as server:
        database = connect(f"{server.url}&{PATIENTLY}", "klarity")
        tail = MongoTail(database)
        store = MongoEventStore("cases", database, tail, SEALS)
        writers_stop, readers_stop, woken = Event(), Event(), Event()
        store.on_append(woken.set)
        with ThreadPoolExecutor(18) as pool:
            writers = [
                pool.submit(append_until, store, f"case-{number}", writers_stop)
                for number in range(16)
            ]
            others = MongoEventStore("cases", database, tail, SEALS)
            readers = [pool.submit(follow_until, each, readers_stop) for each in (store, others)]
            for _ in range(2):
                sleep(0.7)
                server.kill()
                server.start()
            sleep(0.7)
            writers_stop.set()
            acknowledged = [command for writer in writers for command in writer.result()]
            readers_stop.set()
        read = store.read_log(0, EVERYTHING)
        assert sorted(acknowledged) == sorted(stored.command_id for stored in read)
        assert_gapless(read)
        assert_in_stream_order(read)
        for reader in readers:
            met = reader.result()
            assert met == [stored.position for stored in read][: len(met)]
        tail.close()
        database.client.close()


def test_the_tail_wakes_listeners_again_after_the_server_was_killed() -> None:
    with Mongo() as server:
        database = connect(f"{server.url}&{PATIENTLY}", "klarity")
        listening, writing = MongoTail(database), MongoTail(database)
        heard = Event()
        MongoEventStore("cases", database, listening, SEALS).on_append(heard.set)
        server.kill()
        server.start()
        store = MongoEventStore("cases", database, writing, SEALS)
        for number in count():
            heard.clear()
            retry(partial(append_many, store, f"case-{number}", [1]))
            if heard.wait(2):
                break
        listening.close()
        writing.close()
        database.client.close()


def test_a_server_that_is_away_makes_every_use_fail_without_hanging() -> None:
    with Mongo() as server:
        database = connect(server.url, "klarity")
        tail = MongoTail(database)
        store = MongoEventStore("cases", database, tail, SEALS)
        server.kill()
        uses: list[Callable[[], object]] = [
            lambda: store.load("case-1"),
            lambda: store.read_log(0, 10),
            lambda: store.find_command("c-1"),
            lambda: store.position_of("case-1", 1),
            store.last_position,
            *[partial(store.append, commit(f"case-{number}")) for number in range(20)],
        ]
        with ThreadPoolExecutor(len(uses)) as pool:
            for use in [pool.submit(use) for use in uses]:
                assert isinstance(use.exception(), StoreUnavailable)
        tail.close()
        database.client.close()


def test_an_unfinished_numbering_is_completed_by_the_next_reader(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = MongoTail(database)
    killed, other = (MongoEventStore("cases", database, tail, SEALS) for _ in range(2))
    append_many(killed, "case-1", [1, 2])
    before = other.read_log(0, EVERYTHING)
    append_many(killed, "case-0", [2, 1])

    def die(*_: object) -> None:
        raise AutoReconnect

    with monkeypatch.context() as patch:
        patch.setattr(Numbering, "_write", die)
        with pytest.raises(StoreUnavailable):
            killed.read_log(0, EVERYTHING)
    append_many(killed, "case-2", [1])
    read = other.read_log(0, EVERYTHING)
    assert read[:2] == before
    assert len(read) == 5
    assert_gapless(read)
    assert killed.read_log(0, EVERYTHING) == read


def test_a_half_written_numbering_shows_no_gap(database: Database[Document]) -> None:
    store = MongoEventStore("cases", database, MongoTail(database), SEALS)
    append_many(store, "case-1", [1, 2, 1, 1])
    store.read_log(0, EVERYTHING)
    unwritten = {"$unset": {"position": ""}, "$set": {"unnumbered": 3}}
    database["log_cases"].update_one({"position": 4}, unwritten)
    assert [stored.position for stored in store._page(0, 10)] == [1, 3]
    reader = MongoEventStore("cases", database, MongoTail(database), SEALS)
    assert [stored.position for stored in reader.read_log(0, 10)] == [1, 3, 4, 5]


def test_a_reader_is_not_delayed_by_concurrent_appends(
    database: Database[Document],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MongoEventStore("cases", database, MongoTail(database), SEALS)
    write, appended = Numbering._write, count()

    def append_one_more(numbering: Numbering, plan: Any, session: Any) -> None:
        write(numbering, plan, session)
        if plan:
            append_many(store, f"case-{next(appended)}", [1])

    monkeypatch.setattr(Numbering, "_write", append_one_more)
    append_many(store, "case", [1])
    assert [commit.position for commit in store.read_log(0, EVERYTHING)] == [1]
    assert [commit.position for commit in store.read_log(1, EVERYTHING)] == [2]


def test_a_long_backlog_is_numbered_and_read(database: Database[Document]) -> None:
    store = MongoEventStore("cases", database, MongoTail(database), SEALS)
    for number in range(50):
        append_many(store, f"case-{number}", [1, 2] * 25)
    assert len(store.read_log(0, 3)) == 3
    read = store.read_log(0, EVERYTHING)
    assert len(read) == 2500
    assert_gapless(read)
    assert_in_stream_order(read)


def test_a_commit_that_is_too_large_is_refused(database: Database[Document]) -> None:
    store = MongoEventStore("cases", database, MongoTail(database), SEALS)
    with pytest.raises(ValueError, match="too large"):
        store.append(commit(body=bytes(17_000_000)))
    assert store.load("case-1") == []


# Connecting to MongoDB


class Standalone(Mongo):
    """A server that is no replica set."""

    @property
    def url(self) -> str:
        return f"mongodb://{HOST}:{self.port}/"

    def _command(self) -> Sequence[str]:
        command = list(super()._command())
        at = command.index("--replSet")
        return command[:at] + command[at + 2 :]

    def _initiate(self) -> None:
        """It is ready as it is."""


def test_a_server_without_a_replica_set_is_refused() -> None:
    with Standalone() as server:
        for url in (server.url, f"{server.url}?replicaSet=rs0&serverSelectionTimeoutMS=10000"):
            with pytest.raises(StoreMisconfigured, match="must be a replica set"):
                connect(url, "klarity")


def test_an_unreachable_server_is_refused() -> None:
    url = f"mongodb://user:secret@{HOST}:{free_port()}/?serverSelectionTimeoutMS=500"
    assert_refused(url, "cannot be reached")


def test_a_wrong_password_is_refused(mongo_url: str) -> None:
    assert_refused(mongo_url.replace("//", "//user:secret@"), "refused the user name")


@pytest.mark.parametrize(
    "url",
    [
        "secret",
        "http://user:secret@host/",
        "mongodb://user:sec:ret@host/",
        "mongodb://user:secret@host:port/",
        "mongodb://user:secret@host/?w=-1",
    ],
)
def test_an_invalid_address_is_refused(url: str) -> None:
    assert_refused(url, "address of MongoDB")


def assert_refused(url: str, reason: str) -> None:
    with pytest.raises(StoreMisconfigured, match=reason) as refused:
        connect(url, "klarity")
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__
