"""Verifying finds every change of the database made without the secret of the instance."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import pytest
from pymongo.database import Database

from adapters.event_store.memory import MemoryEventStore
from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.event_store.sqlite import SqliteEventStore
from adapters.mongo import Document
from application.engine.executor import CommandContext
from application.engine.log_sealer import LogSealer, LogTampered
from application.engine.log_seals import LogSeals
from application.engine.verify import Fault, verify_checkpoints, verify_log
from application.ports.checkpoints import START
from application.ports.event_store import (
    NOTHING,
    EventStore,
    Head,
    NewCommit,
    SealedHead,
    StoredCommit,
)
from domain.cases.case_commands import TagCase
from tests.world import World

SEALS = LogSeals(b"k" * 32)
LOG = "cases"

Row = dict[str, Any]
Rows = list[Row]


class Tampered(Protocol):
    """A log, and what somebody with write access to its database can do."""

    def open(self) -> EventStore:
        """The log as the next process finds it."""
        ...

    def read(self) -> Rows:
        """Every row, in the order of the log."""
        ...

    def write(self, rows: Rows) -> None:
        """These rows in place of all there are."""
        ...

    def place(self, row: Row, stream: str, first: int) -> None:
        """Move a row to another place."""
        ...

    def where(self, row: Row) -> tuple[str, int]:
        """The stream of a row and its first version."""
        ...

    def set_head(self, head: SealedHead | None) -> None: ...


class TamperedMemory:
    def __init__(self) -> None:
        self._store = MemoryEventStore(LOG, SEALS)

    def open(self) -> EventStore:
        return self._store

    def read(self) -> Rows:
        return [asdict(commit) for commit in self._store._commits]

    def write(self, rows: Rows) -> None:
        commits = [StoredCommit(**row) for row in rows]
        self._store._streams.clear()
        for commit in commits:
            self._store._streams[commit.stream].append(commit)
        self._store._commits[:] = sorted(commits, key=lambda commit: commit.position)
        self._store._commands = {commit.command_id: commit for commit in commits}

    def place(self, row: Row, stream: str, first: int) -> None:
        row |= {"stream": stream, "first": first}

    def where(self, row: Row) -> tuple[str, int]:
        return row["stream"], row["first"]

    def set_head(self, head: SealedHead | None) -> None:
        self._store._head = head


class TamperedSqlite(TamperedMemory):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: list[EventStore] = []

    def open(self) -> EventStore:
        self._opened.append(SqliteEventStore(LOG, self._path, SEALS))
        return self._opened[-1]

    def read(self) -> Rows:
        with closing(sqlite3.connect(self._path)) as database:
            database.row_factory = sqlite3.Row
            found = database.execute("SELECT * FROM log_cases ORDER BY position")
            return [dict(row) for row in found]

    def write(self, rows: Rows) -> None:
        with closing(sqlite3.connect(self._path)) as database, database:
            database.execute("DELETE FROM log_cases")
            for row in rows:
                names, marks = ", ".join(row), ", ".join("?" * len(row))
                sql = f"INSERT INTO log_cases ({names}) VALUES ({marks})"  # noqa: S608 - the test's own
                database.execute(sql, list(row.values()))

    def set_head(self, head: SealedHead | None) -> None:
        with closing(sqlite3.connect(self._path)) as database, database:
            database.execute("DELETE FROM sealed_heads WHERE log = ?", [LOG])
            if head:
                values = [LOG, head.position, head.running, head.seal]
                database.execute("INSERT INTO sealed_heads VALUES (?, ?, ?, ?)", values)

    def close(self) -> None:
        for store in self._opened:
            store.close()


class TamperedMongo:
    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._tail = MongoTail(database)

    def open(self) -> EventStore:
        return MongoEventStore(LOG, self._database, self._tail, SEALS)

    def read(self) -> Rows:
        return self._database["log_cases"].find().sort("position").to_list()

    def write(self, rows: Rows) -> None:
        self._database["log_cases"].delete_many({})
        if rows:
            self._database["log_cases"].insert_many(deepcopy(rows))
        last = max((row["position"] for row in rows if _is_number(row.get("position"))), default=0)
        # The counter goes along, and its last plan is forgotten, which makes it harder to see.
        counters = self._database["log_counters"]
        counters.update_one({"_id": LOG}, {"$set": {"last": last, "plan": []}})

    def place(self, row: Row, stream: str, first: int) -> None:
        row["_id"] = f"{stream}@{first:010}"

    def where(self, row: Row) -> tuple[str, int]:
        stream, _, first = row["_id"].rpartition("@")
        return stream, int(first)

    def set_head(self, head: SealedHead | None) -> None:
        self._database["log_heads"].delete_one({"_id": LOG})
        if head:
            made = {"position": head.position, "running": head.running, "seal": head.seal}
            self._database["log_heads"].insert_one({"_id": LOG, **made})

    def close(self) -> None:
        self._tail.close()


def _is_number(value: object) -> bool:
    return isinstance(value, int)


@pytest.fixture(scope="module")
def world() -> World:
    """A log of several streams, whose commits hold one event or more."""
    world = World()
    anna, ben = world.member("Anna"), world.member("Ben")
    for case, author in (("c1", anna), ("c2", ben)):
        world.public_case(author, case)
    for case, author, tag in (("c1", anna, "police"), ("c2", ben, "school"), ("c1", anna, "road")):
        command = TagCase(tag=tag, by=author, at=world.clock())
        world.executors.cases.execute(case, command, CommandContext())
    return world


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def tampered(request: pytest.FixtureRequest, tmp_path: Path, world: World) -> Iterator[Tampered]:
    """A log that is sealed to its end."""
    made: Any
    if request.param == "memory":
        made = TamperedMemory()
    elif request.param == "sqlite":
        made = TamperedSqlite(tmp_path / "klarity.db")
    else:
        made = TamperedMongo(request.getfixturevalue("mongo_database"))
    fill(made.open(), world)
    LogSealer(made.open(), SEALS).leave()
    yield made
    if request.param != "memory":
        made.close()


def fill(store: EventStore, world: World) -> None:
    heads: dict[str, Head] = {}
    for commit in world.stores[LOG].read_log(0, 1000):
        new = NewCommit(
            stream=commit.stream,
            head=heads.get(commit.stream, NOTHING),
            size=commit.size,
            stamp=commit.stamp,
            command_id=commit.command_id,
            body=commit.body,
        )
        heads[commit.stream] = store.append(new).head
    store.read_log(0, 1000)


def faults(tampered: Tampered, world: World, **kept: Any) -> list[Fault]:
    return verify_log(tampered.open(), world.codec, SEALS, **kept).faults


def rehash(rows: Rows, tampered: Tampered) -> None:
    """Make every chain whole again, as anybody can."""
    hashes: dict[str, bytes] = {}
    for row in sorted(rows, key=tampered.where):
        stream, _ = tampered.where(row)
        before = hashes.get(stream, sha256(stream.encode()).digest())
        row["hash"] = hashes[stream] = sha256(before + row["body"]).digest()


def changed(value: Any) -> Any:
    """Another value of the same type, as near as it gets."""
    if isinstance(value, int):
        return value + 1000
    if isinstance(value, str):
        return f"{value}0"
    return bytes([value[0] ^ 1]) + value[1:]


def edit(row: Row, **more: Any) -> None:
    """Change what a body says."""
    row["body"] = json.dumps(json.loads(row["body"]) | more).encode()


def test_an_unchanged_log_has_no_fault(tampered: Tampered, world: World) -> None:
    verified = verify_log(tampered.open(), world.codec, SEALS)
    end = tampered.open().last_position()
    assert (verified.faults, verified.position) == ([], end)
    head = tampered.open().sealed_head()
    assert head == SEALS.head(LOG, end, verified.running)
    tampered.write(tampered.read())
    assert faults(tampered, world) == []


def test_a_change_of_any_column_of_any_row_is_found(tampered: Tampered, world: World) -> None:
    good = tampered.read()
    assert len(good) > 6
    for index, row in enumerate(good):
        for column, value in row.items():
            rows = deepcopy(good)
            rows[index][column] = changed(value)
            tampered.write(rows)
            found = faults(tampered, world)
            places = {tampered.where(row)[0], LOG, f"{tampered.where(row)[0]}0"}
            assert {fault.stream for fault in found} & places, (column, index, found)
    tampered.write(good)
    assert faults(tampered, world) == []


def test_a_change_of_any_column_is_found_although_the_hash_chains_are_recomputed(
    tampered: Tampered, world: World
) -> None:
    good = tampered.read()
    for index, row in enumerate(good):
        for column in row.keys() - {"_id", "hash"}:
            rows = deepcopy(good)
            rows[index][column] = changed(row[column])
            rehash(rows, tampered)
            tampered.write(rows)
            assert faults(tampered, world), (column, index)


def test_a_changed_body_is_found_although_columns_and_hash_chains_are_adapted(
    tampered: Tampered, world: World
) -> None:
    good = tampered.read()
    changes: list[Row] = [
        {"stamp": 7},
        {"command": "mine"},
        {"correlation": "x"},
        {"events": []},
    ]
    for index in range(len(good)):
        for change in changes:
            rows = deepcopy(good)
            edit(rows[index], **change)
            rows[index] |= {"stamp": 7} if "stamp" in change else {}
            rows[index] |= {"command_id": "mine"} if "command" in change else {}
            rehash(rows, tampered)
            tampered.write(rows)
            assert faults(tampered, world), (change, index)


def swap_places(rows: Rows, tampered: Tampered, one: int, other: int) -> None:
    first, second = tampered.where(rows[one]), tampered.where(rows[other])
    tampered.place(rows[one], *second)
    tampered.place(rows[other], *first)


def swap(*columns: str) -> Callable[[Rows, Tampered, int, int], None]:
    def swapped(rows: Rows, _: Tampered, one: int, other: int) -> None:
        for column in columns:
            rows[one][column], rows[other][column] = rows[other][column], rows[one][column]

    return swapped


@pytest.mark.parametrize("whole", [False, True], ids=["as they are", "with whole chains"])
@pytest.mark.parametrize(
    "swapped",
    [
        swap_places,
        swap("body"),
        swap("hash"),
        swap("seal"),
        swap("position"),
        swap("stamp"),
        swap("command_id"),
        swap("body", "hash", "seal"),
        swap("body", "hash", "seal", "stamp", "command_id", "size"),
    ],
    ids=["places", "body", "hash", "seal", "position", "stamp", "command", "content", "all"],
)
def test_any_two_swapped_commits_are_found(
    tampered: Tampered,
    world: World,
    swapped: Callable[[Rows, Tampered, int, int], None],
    whole: bool,
) -> None:
    good = tampered.read()
    for one, other in pairs(tampered, len(good)):
        rows = deepcopy(good)
        swapped(rows, tampered, one, other)
        if whole:
            rehash(rows, tampered)
        if _same(rows, good):
            continue
        tampered.write(rows)
        assert faults(tampered, world), (one, other)


def pairs(tampered: Tampered, rows: int) -> Iterator[tuple[int, int]]:
    """Any two rows; on a server, which takes longer to write and to verify, any two neighbours."""
    apart = 1 if isinstance(tampered, TamperedMongo) else rows
    for one in range(rows):
        for other in range(max(0, one - apart), one):
            yield one, other


def _same(rows: Rows, good: Rows) -> bool:
    def key(row: Row) -> str:
        return str(sorted(row.items()))

    return sorted(map(key, rows)) == sorted(map(key, good))


def test_any_missing_row_is_found(tampered: Tampered, world: World) -> None:
    good = tampered.read()
    for index in range(len(good)):
        tampered.write(good[:index] + good[index + 1 :])
        assert faults(tampered, world), index
        closed = deepcopy(good[:index] + good[index + 1 :])
        for row in closed[index:]:
            row["position"] -= good[index]["size"]
        rehash(closed, tampered)
        tampered.write(closed)
        assert faults(tampered, world), index


def test_a_truncated_log_is_found(tampered: Tampered, world: World) -> None:
    good = tampered.read()
    for length in range(len(good)):
        tampered.write(good[:length])
        assert any("cut off" in fault.what for fault in faults(tampered, world)), length


def test_a_truncated_and_rewritten_log_is_found(tampered: Tampered, world: World) -> None:
    good = tampered.read()
    end = tampered.open().last_position()
    tampered.write(good[:-2])
    store = tampered.open()
    while store.last_position() < end:
        stream = f"case-{store.last_position()}"
        body = good[-1]["body"]
        store.append(
            NewCommit(stream=stream, head=NOTHING, size=1, stamp=1, command_id=stream, body=body)
        )
        store.read_log(0, 1000)
    assert any("not what was sealed" in fault.what for fault in faults(tampered, world))


def test_a_renamed_stream_is_found(tampered: Tampered, world: World) -> None:
    rows = tampered.read()
    for row in rows:
        stream, first = tampered.where(row)
        if stream == "case-c1":
            tampered.place(row, "case-c3", first)
            edit(row, stream="case-c3")
    for whole in (False, True):
        if whole:
            rehash(rows, tampered)
        tampered.write(rows)
        assert {fault.stream for fault in faults(tampered, world)} >= {"case-c3"}


@pytest.mark.parametrize("stream", ["case-c1", "case-c9"])
def test_an_inserted_commit_is_found_and_never_sealed(
    tampered: Tampered, world: World, stream: str
) -> None:
    rows = tampered.read()
    fake = deepcopy(rows[-1])
    first = 1 + sum(row["size"] for row in rows if tampered.where(row)[0] == stream)
    tampered.place(fake, stream, first)
    edit(fake, stream=stream, first=first, stamp=fake["stamp"] + 1, command="fake")
    fake |= {"command_id": "fake", "position": rows[-1]["position"] + fake["size"]}
    fake["stamp"] += 1
    rows.append(fake)
    rehash(rows, tampered)
    tampered.write(rows)
    (fault,) = faults(tampered, world)
    assert (fault.stream, fault.version) == (stream, first)
    assert "secret" in fault.what
    with pytest.raises(LogTampered):
        LogSealer(tampered.open(), SEALS).step()
    assert faults(tampered, world) == [fault]


def test_a_row_outside_of_the_positions_of_the_log_is_found(
    tampered: Tampered, world: World
) -> None:
    good = tampered.read()
    for position in (0, -5, 10**6, None, 7.5, "9"):
        rows = deepcopy(good)
        fake = deepcopy(rows[0])
        tampered.place(fake, "case-c9", 1)
        fake |= {"command_id": "fake", "position": position}
        rows.append(fake)
        try:
            tampered.write(rows)
        except (sqlite3.Error, TypeError):
            assert not isinstance(position, int)  # the store itself does not take it
            tampered.write(good)
            continue
        assert faults(tampered, world), position


def test_missing_fields_and_fields_of_another_type_are_found(
    mongo_database: Database[Document], world: World
) -> None:
    tampered = TamperedMongo(mongo_database)
    fill(tampered.open(), world)
    LogSealer(tampered.open(), SEALS).leave()
    good = tampered.read()
    values: list[Any] = [None, "nonsense", 1.5, {}]
    for index in (0, len(good) // 2, len(good) - 1):
        for column in good[0].keys() - {"_id"}:
            for value in values:
                rows = deepcopy(good)
                if value is None:
                    del rows[index][column]
                else:
                    rows[index][column] = value
                tampered.write(rows)
                assert faults(tampered, world), (column, index, value)
        rows = deepcopy(good)
        rows[index]["unnumbered"] = 1
        tampered.write(rows)
        assert faults(tampered, world), index
    tampered.close()


def test_a_counter_set_back_is_found(mongo_database: Database[Document], world: World) -> None:
    tampered = TamperedMongo(mongo_database)
    fill(tampered.open(), world)
    mongo_database["log_counters"].update_one({"_id": LOG}, {"$set": {"last": 2, "plan": []}})
    assert any("set back" in fault.what for fault in faults(tampered, world))
    tampered.close()


@pytest.mark.parametrize("way", ["removed", "another key", "another log", "back to the start"])
def test_a_tampered_head_is_found(tampered: Tampered, world: World, way: str) -> None:
    head = tampered.open().sealed_head()
    assert head is not None
    start = SEALS.start(LOG)
    other = {
        "removed": None,
        "another key": LogSeals(b"mine").head(LOG, head.position, head.running),
        "another log": SEALS.head("members", head.position, head.running),
        "back to the start": SealedHead(0, start.running, head.seal),
    }[way]
    tampered.set_head(other)
    assert any("sealed head" in fault.what for fault in faults(tampered, world))
    with pytest.raises(LogTampered):
        LogSealer(tampered.open(), SEALS).step()
    assert tampered.open().sealed_head() == other


def test_a_restored_database_is_found_by_a_head_and_checkpoints_kept_elsewhere(
    tampered: Tampered, world: World
) -> None:
    verified = verify_log(tampered.open(), world.codec, SEALS)
    sealer = LogSealer(tampered.open(), SEALS)
    assert not sealer.step()
    tampered.write(tampered.read()[:2])
    tampered.set_head(SEALS.start(LOG))
    assert faults(tampered, world) == []
    (fault,) = faults(tampered, world, earlier={verified.position: verified.running})
    assert "cut off since it was verified" in fault.what
    behind = {"relay.cases": START.moved(LOG, verified.position)}
    (fault,) = verify_checkpoints(behind, {LOG: tampered.open()})
    assert (fault.stream, fault.version) == ("relay.cases", verified.position)


def test_a_running_sealer_does_not_seal_a_log_that_was_set_back(tampered: Tampered) -> None:
    sealer = LogSealer(tampered.open(), SEALS)
    assert not sealer.step()
    tampered.write(tampered.read()[:2])
    tampered.set_head(SEALS.start(LOG))
    sealer._sealed_at = -(10.0**9)
    with pytest.raises(LogTampered, match="cut off"):
        sealer.step()
    sealer.leave()
    assert tampered.open().sealed_head() == SEALS.start(LOG)


def test_a_kept_head_stays_valid_after_the_log_grew(tampered: Tampered, world: World) -> None:
    verified = verify_log(tampered.open(), world.codec, SEALS)
    (first, *_) = tampered.open().read_log(0, 1)
    tampered.open().append(
        NewCommit(stream="case-c8", head=NOTHING, size=1, stamp=1, command_id="8", body=first.body)
    )
    found = faults(tampered, world, earlier={verified.position: verified.running})
    assert {fault.stream for fault in found} == {"case-c8"}  # whose body is another's


def test_checkpoints_within_their_logs_are_no_fault(tampered: Tampered) -> None:
    store = tampered.open()
    good = START.next(positions={LOG: store.last_position(), "elsewhere": 10**9})
    assert verify_checkpoints({"relay.cases": good}, {LOG: store}) == []
