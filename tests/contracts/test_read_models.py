"""What all ReadModels promise, and that they all answer alike."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import product
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any, TypeVar
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure

from adapters.key_vault.memory import MemoryKeyVault
from adapters.mongo import Document, connect
from adapters.read_models import mongo_commits
from adapters.read_models.memory import MemoryReadModels
from adapters.read_models.mongo import MongoReadModels
from adapters.read_models.mongo_commits import Commits, Rows, TooLarge
from adapters.read_models.sqlite import SqliteReadModels
from adapters.read_models.sqlite_renewal import Renewal
from adapters.sqlite_file import SqliteFile
from application.engine.filters import Box, in_box
from application.engine.query_service import value_of
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable
from application.ports.key_vault import KeyVault
from application.ports.read_models import (
    NO_SIDES,
    Between,
    Build,
    Condition,
    Cursor,
    Equals,
    Find,
    HasWords,
    InBox,
    Index,
    Near,
    OneOf,
    ReadModel,
    ReadModels,
    Row,
    Side,
    SideChanges,
    Table,
    UnreadableDocument,
    by,
    by_each,
    by_point,
    by_range,
)
from application.ports.rebuilds import (
    NO_REBUILD,
    Difference,
    Kind,
    Phase,
    RebuildState,
    Then,
)
from domain.sphere import km_between
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race
from tests.world import Clock

KEY = bytes(32)


class Vault:
    """A vault that gives every process the same keys."""

    def __init__(self) -> None:
        self.destroyed: set[str] = set()

    def key(self, subject: str, *, fresh: bool = False) -> bytes | None:
        return None if subject in self.destroyed else sha256(subject.encode()).digest()

    def make_key(self, subject: str) -> bytes:
        return sha256(subject.encode()).digest()

    def destroy(self, subject: str) -> None:
        self.destroyed.add(subject)


VAULT = Vault()

# One more user of the same read models.
Open = Callable[[], ReadModels]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    member_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A document with a field of every kind that can be indexed."""

    title: str = ""
    story: str = ""
    colour: Colour = Colour.RED
    size: int = 0
    rank: float = 0.0
    open: bool = False
    seen_at: datetime | None = None
    day: date | None = None
    tags: tuple[str, ...] = ()
    colours: frozenset[Colour] = frozenset()
    place: Place | None = None
    author: Author | None = None
    unindexed: str = ""


INDEXES = (
    by_range("title"),
    by_range("colour"),
    by_range("size"),
    by_range("rank"),
    by_range("open"),
    by_range("seen_at"),
    by_range("day"),
    by("author.member_id"),
    by_each("tags"),
    by_each("colours"),
    by_point("place", order="seen_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A row of a side table."""

    member_id: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A row of another one, which is looked for by its key alone."""

    since: int


SIDES = (Side(Watch, indexes=(by_each("tags"), by("member_id"))), Side(Hidden))
SORTABLE = ("", *(index.name for index in INDEXES if index.ordered))

NOON = datetime(2026, 5, 17, 12, 0, 0, 123_456, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

FULL = Sight(
    title="Ünïcode \U0001f4f7 and \x00",
    story="A long one",
    colour=Colour.BLUE,
    size=-(2**40),
    rank=0.1,
    open=True,
    seen_at=NOON,
    day=date(2026, 5, 17),
    tags=("a", "b", "a"),
    colours=frozenset(Colour),
    place=Place(lat=90, lon=-180),
    author=Author(member_id="m1"),
    unindexed="x",
)


def opened(models: ReadModels, version: int = 1, name: str = "sights") -> ReadModel[Sight]:
    return models.open(name, version, Sight, INDEXES, SIDES)


def filled(models: Open, rows: Mapping[str, Sight]) -> ReadModel[Sight]:
    model = opened(models())
    commit(model, rows)
    return model


def commit(model: ReadModel[Sight], changes: Mapping[str, Sight | None]) -> Checkpoint:
    checkpoint = model.checkpoint()
    moved = checkpoint.moved("cases", checkpoint.at("cases") + 1)
    model.commit(changes, moved)
    return moved


def opened_with(
    models: Open, documents: Mapping[str, Sight], sides: SideChanges
) -> ReadModel[Sight]:
    """A read model that holds these documents and side rows."""
    model = opened(models())
    model.commit(documents, model.checkpoint().next(), sides)
    return model


def found(
    model: ReadModel[Sight], *where: Condition, order_by: str = "", descending: bool = False
) -> list[str]:
    """The keys of all rows that meet the conditions, after making sure that they are counted."""
    find = Find(where=where, order_by=order_by, descending=descending)
    rows = model.find(find, limit=1000)
    assert model.count(find) == len(rows)
    return [row.key for row in rows]


def pages(model: ReadModel[Sight], find: Find, limit: int) -> list[Row[Sight]]:
    """All rows, page by page, each beginning where the one before ended."""
    rows: list[Row[Sight]] = []
    after = None
    while page := model.find(find, limit=limit, after=after):
        rows += page
        after = cursor_of(page[-1], find.order_by)
        assert len(rows) <= 1000
    return rows


def cursor_of(row: Row[Sight], order_by: str) -> Cursor:
    return Cursor(value_of(row.document, order_by) if order_by else None, row.key)


class ReadModelContract:
    """One read model: its rows and its checkpoint."""

    def test_a_new_read_model_is_empty_and_at_the_start(self, models: Open) -> None:
        model = opened(models())
        assert model.checkpoint() == START
        assert model.get(["a"]) == {}
        assert found(model) == []

    def test_documents_are_read_back_unchanged(self, models: Open) -> None:
        model = filled(models, {"full": FULL, "empty": Sight(), "other": Sight()})
        assert model.get(["full", "missing", "empty"]) == {"full": FULL, "empty": Sight()}
        assert model.get([]) == {}

    def test_concurrent_gets_each_return_their_own_documents(self, models: Open) -> None:
        model = filled(models, {str(number): Sight(size=number) for number in range(5)})
        asked = [[key] for key in "01234x"] * 4 + [["0", "3", "x"]] * 4
        got = race(len(asked), lambda number: model.get(asked[number]))
        expected = [{key: Sight(size=int(key)) for key in keys if key in "01234"} for keys in asked]
        assert got == expected

    def test_a_reopened_read_model_holds_rows_and_checkpoint(self, models: Open) -> None:
        model = opened(models())
        checkpoint = START.next(positions={"cases": 5}, parked=frozenset({"cases/case-1@2"}))
        model.commit({"full": FULL}, checkpoint)
        later = opened(models())
        assert later.checkpoint() == checkpoint
        assert later.get(["full"]) == {"full": FULL}
        assert found(later, Equals("colour", Colour.BLUE)) == ["full"]

    def test_a_commit_replaces_and_deletes(self, models: Open) -> None:
        model = filled(models, {"a": Sight(), "b": Sight(), "c": Sight()})
        commit(model, {"a": FULL, "b": None, "missing": None})
        assert model.get(["a", "b", "c"]) == {"a": FULL, "c": Sight()}
        assert found(model) == ["a", "c"]

    def test_a_row_is_found_by_its_present_values_only(self, models: Open) -> None:
        model = filled(models, {"a": FULL, "b": FULL})
        commit(model, {"a": Sight(title="New", place=Place(lat=1, lon=1), tags=("c",))})
        assert found(model, Equals("title", "New")) == ["a"]
        assert found(model, Equals("tags", "a")) == ["b"]
        assert found(model, Equals("tags", "c")) == ["a"]
        assert found(model, InBox("place", -180, 80, 180, 90)) == ["b"]
        commit(model, {"b": replace(FULL, place=None), "a": None})
        assert found(model, InBox("place", -180, -90, 180, 90)) == []
        assert found(model, Near("place", 90, 0, 1)) == []
        assert found(model, Equals("seen_at", NOON)) == ["b"]

    def test_a_commit_without_rows_moves_the_checkpoint(self, models: Open) -> None:
        model = opened(models())
        checkpoint = commit(model, {})
        assert checkpoint.revision == 1
        assert opened(models()).checkpoint() == checkpoint

    @pytest.mark.parametrize("changes", [{}, {"a": None, "b": FULL}])
    @pytest.mark.parametrize("revision", [0, 1, 3])
    def test_any_revision_but_the_next_is_fenced_and_writes_nothing(
        self, models: Open, revision: int, changes: Mapping[str, Sight | None]
    ) -> None:
        model = filled(models, {"a": Sight()})
        before = model.checkpoint()
        with pytest.raises(Fenced):
            model.commit(changes, Checkpoint(revision=revision, positions={"cases": 99}))
        assert model.checkpoint() == before
        assert model.get(["a", "b"]) == {"a": Sight()}

    @pytest.mark.parametrize("rows", [1, 150])
    def test_of_two_concurrent_commits_one_succeeds_and_the_other_writes_nothing(
        self, models: Open, rows: int
    ) -> None:
        users = [opened(models()) for _ in range(3)]
        for _ in range(3):
            moved = users[0].checkpoint().moved("cases", 1)
            changes = [
                {f"{user} {row}": Sight(size=moved.revision) for row in range(rows)}
                for user in range(3)
            ]
            outcomes = race(3, lambda it: users[it].commit(changes[it], moved))  # noqa: B023 - the race is over within the loop
            assert sum(isinstance(outcome, Fenced) for outcome in outcomes) == 2, outcomes
            winner = outcomes.index(None)
            assert sorted(found(users[0], Equals("size", moved.revision))) == sorted(
                changes[winner]
            )
            assert users[winner].checkpoint() == moved

    def test_a_large_commit_is_one_commit(self, models: Open) -> None:
        model = opened(models())
        rows = {
            f"{number:05}": Sight(size=number, title=f"Sight {number}", tags=(f"t{number % 7}",))
            for number in range(20_000)
        }
        commit(model, rows)
        commit(model, {key: None if row.size % 2 else row for key, row in rows.items()})
        assert model.count(Find()) == 10_000
        assert model.checkpoint().revision == 2
        newest = model.find(Find(order_by="size"), limit=2)
        assert [row.key for row in newest] == ["19998", "19996"]

    def test_an_invalid_location_is_refused_and_nothing_is_written(self, models: Open) -> None:
        model = filled(models, {"a": Sight()})
        before = model.checkpoint()
        for place in (Place(lat=91, lon=0), Place(lat=0, lon=-181)):
            with pytest.raises(ValueError, match="degrees"):
                commit(model, {"a": FULL, "b": Sight(place=place)})
        assert model.checkpoint() == before
        assert model.get(["a", "b"]) == {"a": Sight()}

    def test_a_dropped_read_model_is_empty_and_fenced_until_opened_again(
        self, models: Open
    ) -> None:
        model = filled(models, {"a": FULL})
        model.drop()
        model.drop()
        assert found(model) == []
        assert model.checkpoint() == START
        for changes in ({}, {"a": FULL}):
            with pytest.raises(Fenced):
                model.commit(changes, START.moved("cases", 1))
        again = filled(models, {"b": FULL})
        assert found(again) == ["b"]


class SideTablesContract:
    """What a projection remembers beside its documents."""

    ANN = Watch(member_id="ann", tags=("roads", "water"))

    def test_side_rows_are_read_back_unchanged_and_found_by_their_indexes(
        self, models: Open
    ) -> None:
        opened_with(
            models, {"a": Sight()}, {Watch: {"a": self.ANN}, Hidden: {"a": Hidden(since=3)}}
        )
        model = opened(models())
        assert model.side(Watch).get(["a", "b"]) == {"a": self.ANN}
        assert model.side(Hidden).get(["a"]) == {"a": Hidden(since=3)}
        where = Find(where=(Equals("tags", "water"),))
        assert model.side(Watch).find(where, limit=9) == [Row("a", self.ANN)]
        assert model.side(Watch).count(where) == 1

    def test_side_rows_and_documents_are_separate(self, models: Open) -> None:
        model = opened_with(models, {"d": Sight()}, {Watch: {"w": self.ANN}})
        assert model.get(["d", "w"]) == {"d": Sight()}
        assert found(model) == ["d"]
        assert model.side(Watch).get(["d", "w"]) == {"w": self.ANN}
        assert model.side(Hidden).get(["d", "w"]) == {}

    def test_side_rows_are_replaced_and_deleted(self, models: Open) -> None:
        model = opened_with(models, {}, {Watch: {"a": self.ANN, "b": self.ANN}})
        ben = Watch(member_id="ben", tags=("roads",))
        model.commit({}, model.checkpoint().next(), {Watch: {"a": ben, "b": None}})
        assert model.side(Watch).get(["a", "b"]) == {"a": ben}
        assert model.side(Watch).count(Find(where=(Equals("tags", "water"),))) == 0

    def test_a_fenced_commit_writes_no_side_row(self, models: Open) -> None:
        model = opened_with(models, {}, {Watch: {"a": self.ANN}})
        with pytest.raises(Fenced):
            model.commit({}, START.next(), {Watch: {"a": None}, Hidden: {"b": Hidden(since=1)}})
        assert model.side(Watch).get(["a"]) == {"a": self.ANN}
        assert model.side(Hidden).get(["b"]) == {}

    def test_no_side_row_is_written_if_a_document_cannot_be_stored(self, models: Open) -> None:
        model = opened_with(models, {}, {Hidden: {"a": Hidden(since=1)}})
        nowhere = {"a": Sight(place=Place(lat=91, lon=0))}
        with pytest.raises(ValueError, match="degrees"):
            model.commit(nowhere, model.checkpoint().next(), {Hidden: {"a": None}})
        assert model.side(Hidden).get(["a"]) == {"a": Hidden(since=1)}

    def test_many_side_rows_are_one_commit(self, models: Open) -> None:
        rows = {f"{number:04}": Hidden(since=number) for number in range(300)}
        model = opened_with(models, {"d": FULL}, {Hidden: rows})
        model.commit({}, model.checkpoint().next(), {Hidden: {**rows, "0000": None}})
        assert model.side(Hidden).count(Find()) == 299
        assert model.get(["d"]) == {"d": FULL}

    def test_side_rows_are_dropped_with_their_build_only(self, models: Open) -> None:
        model = opened_with(models, {}, {Watch: {"a": self.ANN}})
        other = opened(models(), version=10)
        other.commit({}, other.checkpoint().next(), {Watch: {"b": self.ANN}})
        models().open("sights", 1, Sight, ()).drop()
        assert model.side(Watch).get(["a"]) == {}
        assert other.side(Watch).get(["b"]) == {"b": self.ANN}

    def test_an_undeclared_side_table_is_refused(self, models: Open) -> None:
        model = opened(models())
        with pytest.raises(ValueError, match="Place is no declared side table"):
            model.side(Place)
        with pytest.raises(ValueError, match="Place is no declared side table"):
            model.commit({}, model.checkpoint().next(), {Place: {"a": Place(lat=1, lon=1)}})


class FindContract:
    """Asking a read model: what is found, and in which order."""

    def test_rows_are_found_in_the_order_of_their_keys(self, models: Open) -> None:
        keys = ["B", "a", "aa", "b", "é", "\U0001f4f7"]
        model = filled(models, {key: Sight() for key in reversed(keys)})
        assert found(model) == keys
        assert found(model, descending=True) == keys[::-1]

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("title", ["", "B", "a", "aa", "é", "\U0001f4f7"]),
            ("colour", [Colour.BLUE, Colour.RED]),
            ("size", [-(2**40), -1, 0, 2, 10, 2**40]),
            ("rank", [-1e300, -0.5, 0.0, 1e-9, 0.5, 1e300]),
            ("open", [False, True]),
            ("seen_at", [None, NOON - MICROSECOND, NOON, NOON + MICROSECOND]),
            ("day", [None, date(1, 1, 1), date(2026, 5, 17), date(9999, 12, 31)]),
        ],
    )
    def test_rows_are_sorted_by_value_and_none_is_sorted_first(
        self, models: Open, field: str, values: Sequence[Any]
    ) -> None:
        rows = {f"{number}": Sight(**{field: value}) for number, value in enumerate(values)}
        model = filled(models, dict(reversed(rows.items())))
        assert found(model, order_by=field) == list(rows)
        assert found(model, order_by=field, descending=True) == list(rows)[::-1]
        for key, row in rows.items():
            assert found(model, Equals(field, getattr(row, field))) == [key]

    def test_a_field_can_be_compared_with_several_values(self, models: Open) -> None:
        rows = {key: Sight(size=size) for key, size in {"a": 1, "b": 2, "c": 1, "d": 3}.items()}
        model = filled(models, rows)
        assert found(model, OneOf("size", (1, 3, 9)), order_by="size") == ["a", "c", "d"]
        assert found(model, OneOf("size", (1, 1)), Equals("size", 1)) == ["a", "c"]
        assert found(model, OneOf("size", ())) == []
        assert model.count(Find(where=(OneOf("size", (2, 3)),))) == 2

    def test_a_list_holds_one_of_several_values(self, models: Open) -> None:
        rows = {"a": Sight(tags=("x", "y")), "b": Sight(tags=("y",)), "c": Sight(tags=("z",))}
        model = filled(models, rows)
        assert sorted(found(model, OneOf("tags", ("x", "y")))) == ["a", "b"]
        assert found(model, OneOf("tags", ("y", "z")), Equals("tags", "x")) == ["a"]
        assert found(model, OneOf("tags", ("z",)), Equals("tags", "x")) == []
        assert found(model, OneOf("tags", ())) == []

    def test_equal_values_are_sorted_by_key_in_the_same_direction(self, models: Open) -> None:
        sizes = {"a": 1, "b": 0, "c": 1, "d": 0}
        model = filled(models, {key: Sight(size=size) for key, size in sizes.items()})
        assert found(model, order_by="size") == ["b", "d", "a", "c"]
        assert found(model, order_by="size", descending=True) == ["c", "a", "d", "b"]

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("order_by", ["", "size", "seen_at", "title"])
    def test_pages_together_hold_every_row_once(
        self, models: Open, order_by: str, descending: bool
    ) -> None:
        model = filled(models, {f"{number:02}": paged(number) for number in range(17)})
        find = Find(order_by=order_by, descending=descending)
        whole = model.find(find, limit=1000)
        assert len(whole) == 17
        for limit in (1, 4, 17, 18):
            assert pages(model, find, limit) == whole

    def test_a_limit_of_zero_finds_no_rows(self, models: Open) -> None:
        model = filled(models, {"a": Sight()})
        assert model.find(Find(), limit=0) == []
        assert model.find(Find(), limit=1) == [Row("a", Sight())]

    def test_the_next_page_continues_after_the_last_one_when_rows_change(
        self, models: Open
    ) -> None:
        model = filled(models, {f"k{number}": Sight(size=number) for number in range(6)})
        find = Find(order_by="size")
        page = model.find(find, limit=2)
        assert [row.key for row in page] == ["k5", "k4"]
        commit(model, {"k9": Sight(size=9), "k4": None, "j4": Sight(size=4), "k44": Sight(size=4)})
        rest = model.find(find, limit=10, after=cursor_of(page[-1], "size"))
        assert [row.key for row in rest] == ["j4", "k3", "k2", "k1", "k0"]

    @pytest.mark.parametrize("value", [{"$gt": ""}, ["a"], b"a", object()])
    def test_comparing_with_an_unsupported_value_is_refused(
        self, models: Open, value: object
    ) -> None:
        model = filled(models, {"a": FULL})
        with pytest.raises(ValueError, match="cannot compare"):
            model.find(Find(where=(Equals("title", value),)), limit=1)
        with pytest.raises(ValueError, match="cannot compare"):
            model.find(Find(order_by="title"), limit=1, after=Cursor(value, "a"))

    def test_a_list_field_equals_each_of_its_items(self, models: Open) -> None:
        model = filled(
            models,
            {
                "a": Sight(tags=("x", "y", "x"), colours=frozenset(Colour)),
                "b": Sight(tags=("y",), colours=frozenset({Colour.RED})),
                "c": Sight(),
            },
        )
        assert found(model, Equals("tags", "y")) == ["a", "b"]
        assert found(model, Equals("tags", "x"), Equals("tags", "y")) == ["a"]
        assert found(model, Equals("tags", "z")) == []
        assert found(model, Equals("tags", None)) == []
        assert found(model, Equals("colours", Colour.BLUE)) == ["a"]

    def test_dots_select_fields_of_nested_documents(self, models: Open) -> None:
        authors = {"a": Author(member_id="m1"), "b": Author(member_id="m2"), "c": None}
        model = filled(models, {key: Sight(author=author) for key, author in authors.items()})
        assert found(model, Equals("author.member_id", "m2")) == ["b"]
        assert found(model, Equals("author.member_id", None)) == ["c"]
        assert found(model, OneOf("author.member_id", ("m1", None))) == ["a", "c"]

    def test_a_range_holds_its_lower_end_and_not_its_upper(self, models: Open) -> None:
        model = filled(models, {f"{number}": Sight(size=number) for number in range(5)})
        assert found(model, Between("size", 1, 3)) == ["1", "2"]
        assert found(model, Between("size", 3)) == ["3", "4"]
        assert found(model, Between("size", None, 1)) == ["0"]
        assert found(model, Between("size", 3, 1)) == []
        assert found(model, Between("size")) == ["0", "1", "2", "3", "4"]

    def test_ranges_of_times_are_exact_to_the_microsecond(self, models: Open) -> None:
        times = {"a": NOON - MICROSECOND, "b": NOON, "c": NOON + MICROSECOND, "d": None}
        model = filled(models, {key: Sight(seen_at=time) for key, time in times.items()})
        assert found(model, Between("seen_at", NOON)) == ["b", "c"]
        assert found(model, Between("seen_at", None, NOON)) == ["a"]
        assert found(model, Between("seen_at", NOON, NOON + MICROSECOND)) == ["b"]
        assert found(model, Between("seen_at"), order_by="seen_at") == ["a", "b", "c"]

    def test_a_box_holds_its_edges(self, models: Open) -> None:
        model = filled(models, at(a=(10, 20), b=(12.5, 22.5), c=(10, 22.6), d=(9.9, 21), e=None))
        assert found(model, InBox("place", west=20, south=10, east=22.5, north=12.5)) == ["a", "b"]
        assert found(model, InBox("place", -180, -90, 180, 90)) == ["a", "b", "c", "d"]

    def test_the_edges_of_a_box_are_parallels_and_meridians(self, models: Open) -> None:
        model = filled(models, at(inside=(60, 0), outside=(60.1, 0)))
        assert found(model, InBox("place", west=-80, south=50, east=80, north=60)) == ["inside"]

    def test_a_box_may_cross_the_date_line(self, models: Open) -> None:
        model = filled(models, at(a=(0, 179), b=(0, -179), c=(0, 0), d=(0, 180), e=(0, -180)))
        crossing = InBox("place", west=178, south=-1, east=-178, north=1)
        assert found(model, crossing) == ["a", "b", "d", "e"]

    @pytest.mark.parametrize(
        ("text", "keys"),
        [
            # As toBBoxString of Leaflet 1.9.4 writes them, at zooms 0, 6, 5 and 3.
            ("-900.0000000000001,-89.98333351062323,900.0000000000001,89.98333351062323", "abcde"),
            ("-180,-85.0511287798066,180,85.0511287798066", "abcde"),
            ("175.53955078125,-23.58412603264412,183.44970703125003,-10.163560279490476", "abde"),
            ("-184.46044921875,-23.58412603264412,-176.55029296875003,-10.163560279490476", "abde"),
            ("-707.9150390625001,-28.4,-692.0947265625001,49.92293545449574", "c"),
            ("3529.6875000000005,-46.558860303117186,3670.3125000000005,46.55886030311719", "c"),
            # Both longitudes of the date line are one.
            ("170,-20,180,0", "ade"),
            ("-180,-20,-170,0", "bde"),
            ("180,-20,180,0", "de"),
        ],
    )
    def test_boxes_of_maps_that_repeat_the_world_are_wrapped(
        self, models: Open, text: str, keys: str
    ) -> None:
        places = at(a=(-17, 179), b=(-17, -179), c=(-17, 15), d=(-17, 180), e=(-17, -180), f=None)
        model = filled(models, places)
        assert found(model, *in_box("place", Box.parse(text))) == list(keys)

    def test_near_compares_distances_on_the_sphere(self, models: Open) -> None:
        model = filled(models, at(here=(60, 10), east=(60, 10.1), north=(60.1, 10), no=None))
        assert found(model, Near("place", 60, 10, km=0.001)) == ["here"]
        assert found(model, Near("place", 60, 10, km=5)) == ["here"]
        assert found(model, Near("place", 60, 10, km=6)) == ["east", "here"]
        assert found(model, Near("place", 60, 10, km=12)) == ["east", "here", "north"]

    def test_near_crosses_the_date_line_and_the_poles(self, models: Open) -> None:
        model = filled(models, at(a=(0, 179.9), b=(0, -179.9), c=(89.9, 0), d=(89.9, 180)))
        assert found(model, Near("place", 0, 180, km=12)) == ["a", "b"]
        assert found(model, Near("place", 89.9, 90, km=20)) == ["c", "d"]
        assert found(model, Near("place", 90, 77, km=12)) == ["c", "d"]
        assert found(model, Near("place", 0, 0, km=30_000)) == ["a", "b", "c", "d"]

    def test_boxes_and_circles_hold_the_points_that_they_cover(self, models: Open) -> None:
        """Points that everybody has to agree on: all over the world, and close together."""
        model = filled(models, SPOTTED)
        places = {key: row.place for key, row in SPOTTED.items() if row.place}

        @settings(max_examples=40, deadline=None)
        @given(one=corners, other=corners)
        def compare_boxes(one: tuple[float, float], other: tuple[float, float]) -> None:
            (south, west), (north, east) = one, other
            box = box_between(west, south, east, north)
            wanted = [key for key, place in places.items() if covers(box, place)]
            assert found(model, box) == wanted

        @settings(max_examples=40, deadline=None)
        @given(centre=corners, km=some.sampled_from((0.5, 10, 150, 3_000, 12_000, 25_000)))
        def compare_circles(centre: tuple[float, float], km: float) -> None:
            near = Near("place", *centre, km)
            lengths = {key: km_between(near, place) for key, place in places.items()}
            sure = {key for key, length in lengths.items() if abs(length - km) > EDGE_KM}
            wanted = [key for key, length in lengths.items() if key in sure and length <= km]
            assert [key for key in found(model, near) if key in sure] == wanted

        compare_boxes()
        compare_circles()

    def test_all_conditions_hold_together(self, models: Open) -> None:
        rows = {f"{number:03}": paged(number) for number in range(60)}
        model = filled(models, rows)
        keys = found(
            model,
            Equals("colour", Colour.BLUE),
            Equals("tags", "t1"),
            Between("size", 1, 4),
            order_by="size",
        )
        wanted = [
            (row.size, key)
            for key, row in rows.items()
            if row.colour is Colour.BLUE and "t1" in row.tags and 1 <= row.size < 4
        ]
        assert wanted
        assert keys == [key for _, key in sorted(wanted)]

    @pytest.mark.parametrize(
        "find",
        [
            Find(where=(Equals("unindexed", "x"),)),
            Find(where=(Equals("place", "x"),)),
            Find(where=(Equals("", None),)),
            Find(where=(Between("tags", "x"),)),
            Find(where=(InBox("size", 0, 0, 1, 1),)),
            Find(where=(Near("title", 0, 0, 1),)),
            Find(where=(HasWords("title", "x"),)),
            Find(where=(Equals("size", 1), Equals("author", None))),
            Find(where=(Between("author.member_id", "a"),)),
            Find(order_by="author.member_id"),
            Find(order_by="unindexed"),
            Find(order_by="tags"),
            Find(order_by="place"),
        ],
    )
    def test_a_query_without_an_index_is_refused(self, models: Open, find: Find) -> None:
        model = filled(models, {"a": FULL})
        with pytest.raises(ValueError, match="no index"):
            model.find(find, limit=1)
        with pytest.raises(ValueError, match="no index"):
            model.count(find)


class ReadModelsContract:
    """Versions of read models beside each other."""

    def test_a_new_store_has_no_build_and_no_live_one(self, models: Open) -> None:
        assert models().live_version("sights") == 0
        assert models().versions("sights") == []

    def test_a_live_build_is_live_for_all_users_of_the_store(self, models: Open) -> None:
        models().make_live("sights", 2)
        models().make_live("other", 7)
        assert models().live_version("sights") == 2
        models().make_live("sights", 3)
        assert models().live_version("sights") == 3

    def test_a_live_build_is_replaced_by_later_builds_only(self, models: Open) -> None:
        models().make_live("sights", 3)
        models().make_live("sights", 2)
        assert models().live_version("sights") == 3

    def test_each_new_build_has_the_next_number(self, models: Open) -> None:
        begun = [models().begin("sights", fingerprint) for fingerprint in ("a", "$b.c", "a")]
        models().begin("other", "a")
        assert begun == [Build(1, "a"), Build(2, "$b.c"), Build(3, "a")]
        assert models().builds("sights") == begun
        assert models().live_version("sights") == 0
        assert models().versions("sights") == []

    def test_dropped_builds_are_still_listed(self, models: Open) -> None:
        build = models().begin("sights", "a")
        opened(models(), build.number).drop()
        models().make_live("sights", 1)
        assert models().builds("sights") == [build]
        assert models().begin("sights", "a").number == 2

    def test_concurrent_begins_get_different_builds(self, models: Open) -> None:
        begun = race(4, lambda _: models().begin("sights", "a").number)
        assert sorted(map(str, begun)) == ["1", "2", "3", "4"]

    def test_versions_are_the_opened_and_not_dropped_builds(self, models: Open) -> None:
        for version in (1000, 2, 11):
            opened(models(), version)
        opened(models(), 5, "other")
        assert models().versions("sights") == [2, 11, 1000]
        opened(models(), 11).drop()
        assert models().versions("sights") == [2, 1000]

    def test_versions_are_independent(self, models: Open) -> None:
        first, second = opened(models(), 1), opened(models(), 2)
        commit(first, {"a": FULL})
        assert second.checkpoint() == START
        assert found(second) == []
        commit(second, {"b": FULL})
        second.drop()
        assert found(first) == ["a"]

    def test_reopening_keeps_the_rows(self, models: Open) -> None:
        commit(opened(models()), {"a": FULL})
        assert found(opened(models())) == ["a"]
        assert models().versions("sights") == [1]

    def test_a_model_without_indexes_is_found_by_key(self, models: Open) -> None:
        model = models().open("plain", 1, Sight, ())
        commit(model, {"a": FULL, "b": Sight()})
        assert found(model) == ["a", "b"]
        assert model.get(["a"]) == {"a": FULL}
        with pytest.raises(ValueError, match="no index"):
            found(model, Equals("size", 0))


STATE = RebuildState(
    revision=1,
    phase=Phase.HELD,
    then=Then.HOLD,
    build=3,
    kept=2,
    kept_until=NOON,
    retired=(1,),
    events_a_second=2.5,
    began_at=NOON,
    different=1,
    differences=(Difference(table="", key="a", kind=Kind.CHANGED, fields=("title",)),),
)


class RebuildStatesContract:
    """What all processes know of a rebuild."""

    def test_a_new_store_has_no_rebuild(self, models: Open) -> None:
        assert models().rebuild("sights") == NO_REBUILD

    def test_a_saved_state_is_there_for_all_users_of_the_store(self, models: Open) -> None:
        models().save_rebuild("sights", STATE)
        assert models().rebuild("sights") == STATE
        assert models().rebuild("other") == NO_REBUILD
        assert models().live_version("sights") == 0

    def test_a_state_that_follows_an_earlier_one_is_refused(self, models: Open) -> None:
        later = replace(STATE, revision=2, phase=Phase.CANCELLED)
        for _ in range(2):
            with pytest.raises(Fenced):
                models().save_rebuild("sights", later, live=1)
        models().save_rebuild("sights", STATE)
        models().save_rebuild("sights", later)
        for stale in (STATE, later):
            with pytest.raises(Fenced):
                models().save_rebuild("sights", stale, live=1)
        assert models().rebuild("sights") == later
        assert models().live_version("sights") == 0

    def test_one_of_two_concurrent_states_is_saved(self, models: Open) -> None:
        def save(number: int) -> bool:
            try:
                models().save_rebuild("sights", replace(STATE, build=number), live=number)
            except Fenced:
                return False
            return True

        assert race(4, lambda number: save(number + 1)).count(True) == 1
        assert models().rebuild("sights").build == models().live_version("sights")

    def test_a_state_can_make_an_earlier_build_serve(self, models: Open) -> None:
        build = models().begin("sights", "a")
        models().make_live("sights", 3)
        models().save_rebuild("sights", STATE, live=1)
        assert (models().live_version("sights"), models().builds("sights")) == (1, [build])
        models().make_live("sights", 2)
        models().save_rebuild("sights", replace(STATE, revision=2))
        assert models().live_version("sights") == 2


def paged(number: int) -> Sight:
    """Sights of which many are alike, and some have no value to sort by."""
    return Sight(
        size=number % 5,
        colour=Colour.BLUE if number % 3 else Colour.RED,
        tags=(f"t{number % 4}", "all"),
        seen_at=NOON + number % 4 * MICROSECOND if number % 3 else None,
        author=Author(member_id=f"m{number % 2}") if number % 4 else None,
    )


def at(**places: tuple[float, float] | None) -> dict[str, Sight]:
    """Sights at places given as latitude and longitude."""
    return {
        key: Sight(place=None if place is None else Place(lat=place[0], lon=place[1]))
        for key, place in places.items()
    }


LATITUDES = (-90.0, -89.9, -45.0, -0.1, 0.0, 12.3, 52.5, 52.51, 52.6, 89.95, 90.0)
LONGITUDES = (-180.0, -179.99, -90.0, 0.0, 13.4, 13.41, 13.5, 14.0, 179.9, 180.0)
SPOTTED = {
    "nowhere": Sight(),
    **{
        f"{number:03}": Sight(place=Place(lat=lat, lon=lon))
        for number, (lat, lon) in enumerate(product(LATITUDES, LONGITUDES))
    },
}
corners = some.tuples(
    some.sampled_from(LATITUDES) | some.floats(-90, 90),
    some.sampled_from(LONGITUDES) | some.floats(-180, 180),
)
# A ten-thousandth of a metre: those that compute a distance otherwise round it otherwise.
EDGE_KM = 1e-7


def box_between(west: float, one: float, east: float, other: float) -> InBox:
    return InBox("place", west, min(one, other), east, max(one, other))


def covers(box: InBox, place: Place) -> bool:
    if box.west <= box.east:
        across = box.west <= place.lon <= box.east
    else:
        across = place.lon >= box.west or place.lon <= box.east
    return across and box.south <= place.lat <= box.north


class TestMemoryReadModels(
    ReadModelContract, SideTablesContract, FindContract, ReadModelsContract, RebuildStatesContract
):
    @pytest.fixture
    def models(self) -> Open:
        only = MemoryReadModels()
        return lambda: only

    def test_a_reader_never_sees_half_a_commit(self, models: Open) -> None:
        model = filled(models, {"a": Sight(), "b": Sight()})
        enough, torn = Event(), []

        def read() -> None:
            while not enough.is_set():
                sizes = {row.document.size for row in model.find(Find(order_by="size"), limit=9)}
                sizes |= {row.size for row in model.get(["a", "b"]).values()} - sizes
                torn.extend([] if len(sizes) <= 2 else [sizes])
                if len({row.size for row in model.get(["a", "b"]).values()}) != 1:
                    torn.append(sizes)

        reader = Thread(target=read)
        reader.start()
        for size in range(2000):
            commit(model, {"a": Sight(size=size), "b": Sight(size=size)})
        enough.set()
        reader.join()
        assert torn == []

    def test_a_cursor_of_another_list_is_refused(self, models: Open) -> None:
        model = filled(models, {"a": FULL, "b": FULL})
        with pytest.raises(ValueError, match="different types"):
            model.find(Find(order_by="size"), limit=1, after=Cursor("text", "a"))

    def test_many_rows_are_found_and_paged_like_few(
        self, models: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = filled(models, {f"{number:03}": paged(number) for number in range(200)})
        wheres: list[tuple[Condition, ...]] = [
            (Equals("tags", "all"),),
            (Between("size", 1, 4), Equals("colour", Colour.BLUE)),
            (Between("seen_at", NOON),),
        ]
        finds = [
            Find(where=where, order_by=order_by, descending=down)
            for where in wheres
            for order_by in ("", "size", "seen_at")
            for down in (False, True)
        ]
        sorted_out = [pages(model, find, 7) for find in finds]
        monkeypatch.setattr("adapters.read_models.memory.SORTED", 0)
        assert [pages(model, find, 7) for find in finds] == sorted_out


def assert_another_shape_is_unreadable(models: Open) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Sized:
        size: str

    commit(opened(models()), {"a": FULL})
    other = models().open("sights", 1, Sized, INDEXES)
    with pytest.raises(UnreadableDocument):
        other.get(["a"])
    with pytest.raises(UnreadableDocument):
        other.find(Find(), limit=1)


class TestSqliteReadModels(
    ReadModelContract, SideTablesContract, FindContract, ReadModelsContract, RebuildStatesContract
):
    @pytest.fixture
    def models(self, tmp_path: Path) -> Iterator[Open]:
        with ExitStack() as stack:

            def open_one() -> ReadModels:
                return stack.enter_context(
                    closing(SqliteReadModels(tmp_path / "models.db", KEY, VAULT))
                )

            yield open_one

    def test_a_row_that_another_program_wrote_differently_is_unreadable(self, models: Open) -> None:
        assert_another_shape_is_unreadable(models)

    def test_a_number_that_does_not_fit_is_refused_and_nothing_is_written(
        self, models: Open
    ) -> None:
        model = filled(models, {"a": Sight()})
        with pytest.raises(ValueError, match="64 bits"):
            commit(model, {"a": FULL, "b": Sight(size=2**63)})
        assert model.get(["a", "b"]) == {"a": Sight()}

    def test_a_build_that_was_opened_without_its_indexes_gets_them(self, models: Open) -> None:
        models().open("sights", 1, Sight, ())
        model = filled(models, {"a": FULL})
        assert found(model, Equals("tags", "a"), order_by="size") == ["a"]

    def test_readers_do_not_wait_for_a_commit(self, models: Open, tmp_path: Path) -> None:
        model = filled(models, {"a": FULL})
        with closing(sqlite3.connect(tmp_path / "models.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute('DELETE FROM "sights.1"')
            assert model.get(["a"]) == {"a": FULL}
            assert found(model, Equals("tags", "a")) == ["a"]

    def test_another_process_continues_after_one_was_killed_in_a_commit(
        self, models: Open, tmp_path: Path
    ) -> None:
        model = filled(models, {"a": Sight()})
        command = [sys.executable, "-c", COMMITTING_TO_A_FILE, str(tmp_path / "models.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "in a transaction\n"
            child.kill()
        commit(model, {"b": FULL})
        assert model.checkpoint().at("cases") == 2
        assert model.get(["a", "b"]) == {"a": Sight(), "b": FULL}

    @pytest.mark.parametrize(
        ("find", "plan"),
        [
            (Find(), ["SCAN sights.1 USING INDEX sights.1:"]),
            (Find(order_by="seen_at"), ["SCAN sights.1 USING INDEX sights.1:seen_at"]),
            (
                Find(where=(Equals("colour", Colour.RED),), order_by="seen_at"),
                ["SCAN sights.1 USING INDEX sights.1:seen_at"],
            ),
            (
                Find(where=(Equals("tags", "all"),), order_by="seen_at"),
                [
                    "SCAN sights.1 USING INDEX sights.1:seen_at",
                    "CORRELATED SCALAR SUBQUERY",
                    "SEARCH i USING PRIMARY KEY (item=? AND id=?)",
                ],
            ),
            (
                Find(where=(InBox("place", -180, -90, 180, 90),), order_by="rank"),
                ["SCAN sights.1 USING INDEX sights.1:rank"],
            ),
            (
                Find(where=(Between("size", 0, 300),), order_by="size"),
                ["SEARCH sights.1 USING INDEX sights.1:size (i:size>? AND i:size<?)"],
            ),
            (
                Find(where=(Equals("size", 7),)),
                ["SEARCH sights.1 USING INDEX sights.1:size (i:size=?)"],
            ),
        ],
    )
    def test_a_list_is_read_along_the_index_of_its_order(
        self, models: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, find: Find, plan: Any
    ) -> None:
        monkeypatch.setattr("adapters.read_models.sqlite_questions.FEW", 20)
        assert plan_of(find, models, tmp_path, monkeypatch) == plan

    @pytest.mark.parametrize(
        ("condition", "step"),
        [
            (Equals("size", 7), "SEARCH sights.1 USING INDEX sights.1:size"),
            (OneOf("size", (7, 8)), "SEARCH sights.1 USING INDEX sights.1:size"),
            (Equals("tags", "rare"), "SEARCH sights.1/tags USING PRIMARY KEY (item=?)"),
            (Near("place", 1, 1, 1), "SEARCH sights.1@place USING PRIMARY KEY (cell=?)"),
            (InBox("place", 0, 0, 1, 1), "SEARCH sights.1@place USING PRIMARY KEY (cell=?)"),
        ],
    )
    def test_few_rows_are_found_by_their_index_and_sorted(
        self,
        models: Open,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        condition: Condition,
        step: str,
    ) -> None:
        monkeypatch.setattr("adapters.read_models.sqlite_questions.FEW", 20)
        find = Find(where=(Equals("colour", Colour.RED), condition), order_by="rank")
        steps = plan_of(find, models, tmp_path, monkeypatch)
        assert any(each.startswith(step) for each in steps), steps
        rows = [each for each in steps if each.startswith(("SCAN sights.1 ", "SEARCH sights.1 "))]
        assert all("rank" not in each and "SCAN" not in each for each in rows), steps
        assert steps[-1] == "USE TEMP B-TREE FOR ORDER BY"

    @pytest.mark.parametrize(
        "where",
        [
            (InBox("place", 0, 0, 1, 1),),
            (InBox("place", 170, 0, -170, 1),),
            (InBox("place", -180, -90, 180, 90),),
            (Near("place", 1, 1, 1),),
            (Near("place", 1, 1, 20_000), Equals("colour", Colour.RED)),
            (Equals("tags", "all"), Near("place", 1, 1, 20_000)),
        ],
    )
    @pytest.mark.parametrize("after", [None, Cursor(NOON, "7")])
    def test_an_area_is_merged_from_its_cells_in_order(
        self,
        models: Open,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        where: tuple[Condition, ...],
        after: Cursor | None,
    ) -> None:
        monkeypatch.setattr("adapters.read_models.sqlite_questions.FEW", 20)
        find = Find(where=where, order_by="seen_at")
        steps = plan_of(find, models, tmp_path, monkeypatch, after)
        bounds = "(cell=? AND (sorted,named)<(?,?))" if after else "(cell=?)"
        assert {each for each in steps if "TEMP" in each or "SCAN" in each} == set()
        assert f"SEARCH sights.1@place USING PRIMARY KEY {bounds}" in steps
        assert len([each for each in steps if each.startswith("SEARCH sights.1@place")]) <= 18


class TestTheFileOfReadModels:
    """What makes it unusable, and that it is made again."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "data" / "models.db"
        with closing(SqliteReadModels(path, KEY, VAULT)) as models:
            filled(lambda: models, {"a": FULL})
            models.make_live("sights", models.begin("sights", "f").number)
        return path

    def is_empty(self, path: Path, vault: KeyVault = VAULT) -> bool:
        with closing(SqliteReadModels(path, KEY, vault)) as models:
            empty = models.versions("sights") == []
            assert models.live_version("sights") == (0 if empty else 1)
            assert found(opened(models)) == ([] if empty else ["a"])
        return empty

    def test_it_stays(self, path: Path) -> None:
        assert not self.is_empty(path)

    def test_it_is_made_again_after_it_was_deleted(self, path: Path) -> None:
        path.unlink()
        assert self.is_empty(path)

    def test_it_is_made_again_if_it_is_no_database(self, path: Path) -> None:
        path.write_bytes(b"not a database at all" * 1000)
        assert self.is_empty(path)

    def test_it_is_made_again_if_its_tables_are_of_another_program(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 999")
        assert self.is_empty(path)

    def test_it_is_made_again_if_its_key_is_not_in_the_vault(self, path: Path) -> None:
        assert self.is_empty(path, MemoryKeyVault())

    def test_damage_that_shows_later_is_mended_by_the_next_start(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            root = "SELECT rootpage FROM sqlite_master WHERE name = 'sights.1'"
            ((page,),) = connection.execute(root).fetchall()
        with path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
        with closing(SqliteReadModels(path, KEY, VAULT)) as models, pytest.raises(StoreUnavailable):
            commit(opened(models), {"b": FULL})
        assert self.is_empty(path)

    def test_a_file_that_cannot_be_read_now_is_kept(self, path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("adapters.sqlite_file.BUSY_SECONDS", 0.01)
                patch.setattr("adapters.read_models.sqlite_file.BUSY_SECONDS", 0.01)
                with pytest.raises(StoreUnavailable):
                    SqliteReadModels(path, KEY, VAULT)
        assert not self.is_empty(path)

    def test_a_full_disk_loses_nothing_and_the_commit_can_be_tried_again(self, path: Path) -> None:
        with closing(SqliteReadModels(path, KEY, VAULT)) as models:
            model = opened(models)
            before, rows = model.checkpoint(), {f"{n}": FULL for n in range(500)}
            limit_pages(path, 60)
            with pytest.raises(StoreUnavailable):
                commit(model, rows)
            assert (model.checkpoint(), found(model)) == (before, ["a"])
            limit_pages(path, 10_000)
            commit(model, rows)
            assert model.count(Find()) == 501

    def test_other_users_of_the_machine_cannot_read_it(self, path: Path) -> None:
        with closing(SqliteReadModels(path, KEY, VAULT)):
            modes = {file.name: file.stat().st_mode & 0o077 for file in path.parent.iterdir()}
        assert modes == {"models.db": 0, "models.db-wal": 0, "models.db-shm": 0}

    def test_it_holds_no_text_of_a_document_and_no_item_of_a_list(self, path: Path) -> None:
        sight = Sight(title="Brindisi", story="Ninety in an envelope", tags=("customs",))
        indexes = (by_each("tags"),)
        with closing(SqliteReadModels(path, KEY, VAULT)) as models:
            model = models.open("hidden", 1, Sight, indexes)
            commit(model, {"a": sight})
            assert found(model, Equals("tags", "customs")) == ["a"]
            held = b"".join(file.read_bytes() for file in path.parent.iterdir()).lower()
        assert [word for word in (b"brindisi", b"ninety", b"customs") if word in held] == []

    def test_it_holds_no_text_that_is_sought_for_equality_alone(self, path: Path) -> None:
        row = Watch(member_id="brindisi")
        with closing(SqliteReadModels(path, KEY, VAULT)) as models:
            model = opened(models)
            model.commit({}, model.checkpoint().next(), {Watch: {"w": row}})
            by_member = Find(where=(Equals("member_id", "brindisi"),))
            assert model.side(Watch).find(by_member, limit=9) == [Row("w", row)]
            held = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert b"brindisi" not in held

    def test_equal_texts_of_two_columns_are_not_equal_in_it(self, path: Path) -> None:
        sight = Sight(author=Author(member_id="ann"), tags=("ann",))
        with closing(SqliteReadModels(path, KEY, VAULT)) as models:
            model = opened(models)
            watches: SideChanges = {Watch: {"w": Watch(member_id="ann", tags=("ann",))}}
            model.commit({"a": sight}, model.checkpoint().next(), watches)
        with closing(sqlite3.connect(path)) as connection:
            rows = [connection.execute(each).fetchall() for each in HASHED]
        assert [len(each) for each in rows] == [1] * len(HASHED)
        assert len({*map(str, rows)}) == len(HASHED)


HASHED = (
    'SELECT "i:author.member_id" FROM "sights.1"',
    'SELECT item FROM "sights.1/tags"',
    'SELECT "i:member_id" FROM "sights.1.Watch"',
    'SELECT item FROM "sights.1.Watch/tags"',
)


class TestTheKeyOfTheFile:
    """It is renewed, so that nobody can read what documents were before."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "models.db"

    @pytest.fixture
    def vault(self) -> Vault:
        return Vault()

    @pytest.fixture
    def models(self, path: Path, vault: Vault, clock: Clock) -> Iterator[SqliteReadModels]:
        with closing(SqliteReadModels(path, KEY, vault, clock)) as models:
            yield models

    def test_an_earlier_copy_cannot_be_read_after_a_day(
        self, models: SqliteReadModels, path: Path, vault: Vault, clock: Clock
    ) -> None:
        model = filled(lambda: models, {f"{n:03}": Sight(size=n) for n in range(500)})
        model.commit({}, model.checkpoint().next(), {Hidden: {"h": Hidden(since=1)}})
        copy = path.with_name("copy.db")
        with closing(sqlite3.connect(path)) as now, closing(sqlite3.connect(copy)) as then:
            now.backup(then)
        clock.wind(days=1)
        models.renew_key()
        assert [row.document.size for row in model.find(Find(order_by="size"), limit=2)] == [
            499,
            498,
        ]
        assert model.side(Hidden).get(["h"]) == {"h": Hidden(since=1)}
        with closing(SqliteReadModels(copy, KEY, vault, clock)) as old:
            assert old.versions("sights") == []

    def test_it_is_renewed_once_a_day_and_only_after_a_change(
        self, models: SqliteReadModels, vault: Vault, clock: Clock
    ) -> None:
        model = filled(lambda: models, {"a": FULL})
        models.renew_key()
        clock.wind(days=-1)
        models.renew_key()
        assert len(vault.destroyed) == 0
        clock.wind(days=2)
        models.renew_key()
        models.renew_key()
        clock.wind(days=1)
        models.renew_key()
        assert len(vault.destroyed) == 1
        commit(model, {"a": Sight()})
        models.renew_key()
        assert len(vault.destroyed) == 2
        assert model.get(["a"]) == {"a": Sight()}

    def test_an_interrupted_renewal_is_finished_by_the_next_process(
        self,
        models: SqliteReadModels,
        path: Path,
        vault: Vault,
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        rows = {f"{number:03}": Sight(size=number) for number in range(50)}
        filled(lambda: models, rows)
        clock.wind(days=1)
        monkeypatch.setattr("adapters.read_models.sqlite_renewal.ROWS_A_STEP", 10)
        with monkeypatch.context() as patch:
            end = Mock(side_effect=[True, StoreUnavailable])
            patch.setattr(
                "adapters.read_models.sqlite_renewal.generation_of", lambda _: 0 if end() else 1
            )
            with pytest.raises(StoreUnavailable):
                models.renew_key()
        assert not vault.destroyed
        with closing(SqliteReadModels(path, KEY, vault, clock)) as later:
            assert opened(later).get(list(rows)) == rows
            later.renew_key()
            assert len(vault.destroyed) == 1
            assert opened(later).get(list(rows)) == rows

    def test_no_key_is_destroyed_before_what_it_sealed_is_sealed_anew_on_the_disk(
        self, path: Path, vault: Vault, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.sqlite_file.BUSY_SECONDS", 0.01)
        with closing(SqliteReadModels(path, KEY, vault, clock)) as models:
            model = filled(lambda: models, {"a": FULL})
            clock.wind(days=1)
            with closing(sqlite3.connect(path, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT * FROM models").fetchall()
                models.renew_key()
                assert not vault.destroyed
            models.renew_key()
            assert len(vault.destroyed) == 1
            assert model.get(["a"]) == {"a": FULL}

    def test_other_processes_notice_that_it_was_renewed(
        self, models: SqliteReadModels, path: Path, vault: Vault, clock: Clock
    ) -> None:
        with closing(SqliteReadModels(path, KEY, vault, clock)) as others:
            model = filled(lambda: models, {"a": FULL})
            clock.wind(days=1)
            others.renew_key()
            with pytest.raises(Fenced):
                commit(model, {"b": FULL})
            commit(model, {"b": FULL})
            assert opened(others).get(["a", "b"]) == {"a": FULL, "b": FULL}
            clock.wind(days=1)
            models.renew_key()
            assert opened(others).get(["a", "b"]) == {"a": FULL, "b": FULL}

    def test_a_table_that_was_dropped_meanwhile_is_passed_over(
        self, models: SqliteReadModels, vault: Vault, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = filled(lambda: models, {"a": FULL})
        rows = Renewal._renew_rows

        def drop_first(self: Renewal, table: str) -> None:
            model.drop()
            rows(self, table)

        monkeypatch.setattr(Renewal, "_renew_rows", drop_first)
        clock.wind(days=1)
        models.renew_key()
        assert len(vault.destroyed) == 1


def limit_pages(path: Path, pages: int) -> None:
    """Let the file of this process grow to so many pages, as a full disk does."""
    SqliteFile.open(path, limit_pages).write(
        lambda writer: writer.execute(f"PRAGMA max_page_count = {pages}")
    )
    SqliteFile.open(path, limit_pages).close(limit_pages)


def plan_of(
    find: Find,
    models: Open,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: Cursor | None = None,
) -> list[str]:
    """The steps by which SQLite finds the first page of 400 rows."""
    model = filled(
        models,
        {
            f"{number}": replace(
                paged(number),
                size=number,
                title=f"t{number}",
                tags=("all", "rare") if number == 7 else ("all",),
                place=Place(lat=number / 10, lon=number / 10),
            )
            for number in range(400)
        },
    )
    asked: list[tuple[str, Any]] = []
    read = SqliteFile.read

    def remembered(self: SqliteFile, sql: str, *values: object) -> list[Any]:
        asked.append((sql, values))
        return read(self, sql, *values)

    monkeypatch.setattr(SqliteFile, "read", remembered)
    model.find(find, limit=5, after=after)
    with closing(sqlite3.connect(folder / "models.db")) as connection:
        sql, values = asked[-1]
        steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    return [re.sub(" [0-9]+$", "", step) for *_, step in steps]


# A process that stays in the middle of a commit.
COMMITTING_TO_A_FILE = """
import sys
from pathlib import Path
from time import sleep

from adapters.read_models import sqlite
from tests.contracts.test_read_models import FULL, KEY, Vault, commit, opened

write = sqlite._write

def stay(writer, writes):
    write(writer, writes)
    print("in a transaction", flush=True)
    sleep(3600)

sqlite._write = stay
commit(opened(sqlite.SqliteReadModels(Path(sys.argv[1]), KEY, Vault())), {"a": None, "c": FULL})
"""


CELLS = "ci:place_1_i:seen_at_1__id_1"

# A process that stays in the middle of a commit.
COMMITTING = """
import sys
from time import sleep

from adapters.mongo import connect
from adapters.read_models.mongo import MongoReadModels
from adapters.read_models.mongo_commits import Commits
from tests.contracts.test_read_models import FULL, opened

def stay(commits, rows, session):
    commits.table("").update_one({"_id": "a"}, {"$set": {"d": b"x"}}, upsert=True, session=session)
    print("in a transaction", flush=True)
    sleep(3600)

Commits._write = stay
model = opened(MongoReadModels(connect(*sys.argv[1:])))
model.commit({"a": FULL}, model.checkpoint().moved("cases", 1))
"""


class TestMongoReadModels(
    ReadModelContract, SideTablesContract, FindContract, ReadModelsContract, RebuildStatesContract
):
    def test_a_row_that_another_program_wrote_differently_is_unreadable(self, models: Open) -> None:
        assert_another_shape_is_unreadable(models)

    @pytest.fixture
    def models(self, mongo_database: Database[Document]) -> Open:
        return lambda: MongoReadModels(mongo_database)

    @pytest.mark.parametrize("rows", [1, 500])
    def test_a_row_that_the_server_refuses_raises_an_error_and_nothing_is_written(
        self, models: Open, mongo_database: Database[Document], rows: int
    ) -> None:
        model = filled(models, {"a": Sight()})
        before = model.checkpoint()
        only_even = {"i:size": {"$mod": [2, 0]}}
        mongo_database.command("collMod", "rows.sights.1", validator=only_even)
        changes = {f"{number}": Sight(size=2) for number in range(rows)}
        with pytest.raises(ValueError, match="refuses"):
            commit(model, {**changes, "b": Sight(size=1)})
        assert found(model) == ["a"]
        assert model.checkpoint() == before

    @pytest.mark.parametrize("changes", [{"a": FULL}, {}])
    def test_another_process_continues_after_one_was_killed_in_a_commit(
        self,
        mongo_url: str,
        mongo_database: Database[Document],
        changes: Mapping[str, Sight],
    ) -> None:
        """The server would keep the transaction of the dead for a minute."""
        name = mongo_database.name
        command = [sys.executable, "-c", COMMITTING, mongo_url, name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "in a transaction\n"
            child.kill()
        hasty = connect(mongo_url.replace("socketTimeoutMS=120000", "socketTimeoutMS=30000"), name)
        model = opened(MongoReadModels(hasty))
        model.commit(changes, model.checkpoint().moved("cases", 1))
        assert model.checkpoint().at("cases") == 1
        assert found(model) == list(changes)
        hasty.client.close()

    def test_a_commit_waits_for_a_slow_rival(
        self,
        models: Open,
        mongo_database: Database[Document],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("adapters.mongo.ABANDONED_SECONDS", 3600)
        model = opened(models())
        with mongo_database.client.start_session() as rival:
            rival.start_transaction()
            checkpoints = mongo_database["read_models"]
            checkpoints.update_one({"_id": "sights.1"}, {"$set": {"revision": 1}}, session=rival)
            end = Timer(3, rival.commit_transaction)
            end.start()
            with pytest.raises(Fenced):
                model.commit({"a": FULL}, START.moved("cases", 1))
            end.join()
        assert found(model) == []

    @pytest.mark.parametrize(
        ("find", "index"),
        [
            (Find(order_by="seen_at"), "i:seen_at_1__id_1"),
            (Find(where=(Equals("tags", "rare"),)), "i:tags_1"),
            (Find(where=(Near("place", 1, 1, 1),)), CELLS),
            (Find(where=(InBox("place", 0, 0, 1, 1),)), CELLS),
            (Find(where=(InBox("place", 179, 0, -179, 1),)), CELLS),
            (Find(where=(Near("place", 1, 1, 100),), order_by="seen_at"), CELLS),
        ],
    )
    def test_every_kind_of_query_uses_its_index(
        self, models: Open, mongo_database: Database[Document], find: Find, index: str
    ) -> None:
        many = {
            f"{number}": replace(
                paged(number),
                title=f"t{number}",
                tags=("rare",) if number == 7 else (),
                place=Place(lat=number / 10, lon=number / 10),
            )
            for number in range(400)
        }
        model = filled(models, many)
        mongo_database.command("profile", 2)
        model.find(find, limit=5)
        mongo_database.command("profile", 0)
        plan = mongo_database["system.profile"].find_one({"ns": {"$regex": "rows"}, "op": "query"})
        assert plan is not None
        assert index in str(plan["execStats"])

    @pytest.mark.parametrize(
        "area",
        [InBox("place", 0, 0, 1, 1), InBox("place", -180, -90, 180, 90), Near("place", 0, 0, 100)],
    )
    def test_a_page_of_an_area_is_read_without_the_rest_of_it(
        self, models: Open, mongo_database: Database[Document], area: Condition
    ) -> None:
        model = filled(
            models,
            {
                f"{number}": Sight(
                    seen_at=NOON + number * MICROSECOND,
                    place=Place(lat=number % 40 / 50, lon=number % 30 / 50),
                )
                for number in range(2000)
            },
        )
        mongo_database.command("profile", 2)
        page = model.find(Find(where=(area,), order_by="seen_at"), limit=5)
        mongo_database.command("profile", 0)
        plan = mongo_database["system.profile"].find_one({"ns": {"$regex": "rows"}, "op": "query"})
        assert plan is not None
        assert len(page) == 5
        assert plan["docsExamined"] <= 2 * len(page)


class TestMongoCommitsInParts:
    """What is too large for one transaction is committed in one step all the same."""

    @pytest.fixture
    def models(self, mongo_database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Open:
        def refuse(*_: object) -> None:
            raise TooLarge

        monkeypatch.setattr(Commits, "_commit_at_once", refuse)
        monkeypatch.setattr(mongo_commits, "PART", 10)
        return lambda: MongoReadModels(mongo_database)

    @pytest.mark.parametrize("size", [1, 10, 25])
    def test_all_parts_are_written_and_no_temporary_rows_are_left(
        self, models: Open, mongo_database: Database[Document], size: int
    ) -> None:
        rows = {f"{number:02}": paged(number) for number in range(size)}
        model = filled(models, rows)
        assert model.get(list(rows)) == rows
        assert commit(model, {**dict.fromkeys(rows), "z": FULL}).revision == 2
        assert found(model) == ["z"]
        assert mongo_database["ready.sights.1"].find_one() is None

    def test_a_full_cache_that_rolls_back_what_is_large_does_not_stop_it(
        self, mongo_database: Database[Document], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[int] = []
        write = Commits._write

        def roll_back(self: Commits, rows: Rows, session: ClientSession) -> None:
            tried.append(len(rows))
            if len(rows) > 10:
                conflict = {"code": 112, "errorLabels": ["TransientTransactionError"]}
                raise OperationFailure("oldest pinned transaction rolled back", 112, conflict)
            write(self, rows, session)

        monkeypatch.setattr(mongo_commits, "PART", 10)
        monkeypatch.setattr(mongo_commits, "PAUSES", [0.001] * 3)
        monkeypatch.setattr(Commits, "_write", roll_back)
        rows = {f"{number:02}": paged(number) for number in range(25)}
        model = filled(lambda: MongoReadModels(mongo_database), rows)
        assert model.get(list(rows)) == rows
        commit(model, dict.fromkeys(rows))
        assert found(model) == []
        assert tried == [25, 25, 25, 10, 10, 5, 10, 10, 5]

    def test_side_rows_are_committed_in_the_same_parts(
        self, models: Open, mongo_database: Database[Document]
    ) -> None:
        rows = {f"{number:02}": Hidden(since=number) for number in range(15)}
        model = opened_with(models, {"00": FULL}, {Hidden: rows})
        assert model.get(["00"]) == {"00": FULL}
        assert model.side(Hidden).get(list(rows)) == rows
        assert mongo_database["ready.sights.1"].find_one() is None

    def test_a_commit_interrupted_by_a_crash_is_completed_first(
        self, models: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = {f"{number:02}": paged(number) for number in range(35)}
        model = filled(models, {"00": FULL})
        moved = model.checkpoint().moved("cases", 9)
        with monkeypatch.context() as patch:
            crash_after(patch, parts=1)
            with pytest.raises(KeyboardInterrupt):
                model.commit(rows, moved)
        with pytest.raises(Fenced):
            model.commit({"z": FULL}, moved.moved("cases", 10))
        later = opened(models())
        assert later.checkpoint() == moved
        assert later.get(list(rows)) == rows

    def test_an_interrupted_commit_can_be_completed_concurrently(
        self, models: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = {f"{number:02}": paged(number) for number in range(45)}
        model = opened(models())
        with monkeypatch.context() as patch:
            crash_after(patch, parts=0)
            with pytest.raises(KeyboardInterrupt):
                model.commit(rows, START.moved("cases", 1))
        users = [opened(models()) for _ in range(4)]
        assert race(4, lambda it: users[it].checkpoint()) == [START.moved("cases", 1)] * 4
        assert model.get(list(rows)) == rows

    def test_a_fenced_commit_leaves_nothing(
        self, models: Open, mongo_database: Database[Document]
    ) -> None:
        model = filled(models, {"a": FULL})
        with pytest.raises(Fenced):
            model.commit({"a": None, "b": FULL}, START.moved("cases", 1))
        assert found(model) == ["a"]
        assert mongo_database["ready.sights.1"].find_one() is None


def crash_after(patch: pytest.MonkeyPatch, parts: int) -> None:
    """Let a commit die when so many of its parts are in place."""
    put, left = Commits._put_in_place, iter(range(parts))

    def put_or_die(self: Commits, unfinished: Document) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        put(self, unfinished)

    patch.setattr(Commits, "_put_in_place", put_or_die)


# Both adapters answer alike


def lists(values: some.SearchStrategy[Any]) -> some.SearchStrategy[tuple[Any, ...]]:
    return some.lists(values, max_size=3).map(tuple)


texts = lists(some.sampled_from(["Bribe", "bribe", "Café", "cafe", "50", "?", "straße"])).map(
    " ".join
)
sizes = some.integers(-2, 2)
times = some.sampled_from([NOON, NOON + MICROSECOND, NOON + timedelta(days=1)])
days = some.dates(date(2026, 1, 1), date(2026, 1, 4))
latitudes = some.integers(-18, 18).map(lambda number: number * 5.0)
longitudes = some.integers(-36, 36).map(lambda number: number * 5.0)
members = some.sampled_from(["m1", "m2"])
colours = some.sampled_from(Colour)

sights = some.builds(
    Sight,
    title=texts,
    story=texts,
    colour=colours,
    size=sizes,
    rank=some.floats(-2, 2),
    open=some.booleans(),
    seen_at=some.none() | times,
    day=some.none() | days,
    tags=lists(some.sampled_from("xyz")),
    colours=some.frozensets(colours),
    place=some.none() | some.builds(Place, lat=latitudes, lon=longitudes),
    author=some.none() | some.builds(Author, member_id=members),
)
values = {
    "title": texts,
    "colour": colours,
    "size": sizes,
    "rank": some.floats(-2, 2),
    "open": some.booleans(),
    "seen_at": times,
    "day": days,
    "author.member_id": members,
}
conditions = some.one_of(
    *(some.builds(Equals, some.just(name), some.none() | value) for name, value in values.items()),
    *(
        some.builds(Between, some.just(name), some.none() | value, some.none() | value)
        for name, value in values.items()
        if name in SORTABLE
    ),
    some.builds(Equals, some.just("tags"), some.sampled_from("xyz")),
    some.builds(OneOf, some.just("tags"), lists(some.sampled_from("xyz"))),
    some.builds(Equals, some.just("colours"), colours),
    some.builds(box_between, longitudes, latitudes, longitudes, latitudes),
    some.builds(Near, some.just("place"), latitudes, longitudes, some.floats(0.1, 20_000)),
)
finds = some.builds(
    Find,
    where=lists(conditions),
    order_by=some.sampled_from(SORTABLE),
    descending=some.booleans(),
)
tables = some.dictionaries(some.text("abAé", min_size=1, max_size=2), sights, max_size=8)


def test_memory_and_mongo_answer_every_query_alike(mongo_database: Database[Document]) -> None:
    assert_alike(MemoryReadModels(), MongoReadModels(mongo_database), examples=150)


@pytest.mark.parametrize("few", [0, 2, 1000])
def test_memory_and_sqlite_answer_every_query_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("adapters.read_models.sqlite_questions.FEW", few)
    with closing(SqliteReadModels(tmp_path / "models.db", KEY, VAULT)) as sqlite:
        assert_alike(MemoryReadModels(), sqlite, examples=100)


def assert_alike(one: ReadModels, other: ReadModels, examples: int) -> None:
    model, same = opened(one), opened(other)

    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(rows=tables, asked=some.lists(finds, min_size=1, max_size=4), limit=some.integers(1, 4))
    def compare(rows: Mapping[str, Sight], asked: Sequence[Find], limit: int) -> None:
        changes = {**dict.fromkeys(found(model)), **rows}
        for each in (model, same):
            commit(each, changes)
        assert model.checkpoint() == same.checkpoint()
        for find in asked:
            assert pages(model, find, limit) == pages(same, find, limit)
            assert model.count(find) == same.count(find)

    compare()


# Nothing

D = TypeVar("D")


class NoModel:
    def checkpoint(self) -> Checkpoint:
        return START

    def get(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return {}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[Any]]:
        return []

    def count(self, find: Find) -> int:
        return 0

    def side(self, row: type[D]) -> Table[D]:
        return NoModel()

    def commit(
        self,
        changes: Mapping[str, Any],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None: ...

    def drop(self) -> None: ...


class Nothing:
    def open(
        self,
        name: str,
        version: int,
        document: type[D],
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]] = (),
    ) -> ReadModel[D]:
        return NoModel()

    def begin(self, name: str, fingerprint: str) -> Build:
        return Build(0, "")

    def builds(self, name: str) -> list[Build]:
        return []

    def live_version(self, name: str) -> int:
        return 0

    def make_live(self, name: str, version: int) -> None: ...

    def versions(self, name: str) -> list[int]:
        return []

    def rebuild(self, name: str) -> RebuildState:
        return NO_REBUILD

    def save_rebuild(self, name: str, state: RebuildState, *, live: int = 0) -> None: ...

    def close(self) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    new = "test_a_new_read_model_is_empty_and_at_the_start"
    none = "test_a_new_store_has_no_build_and_no_live_one"
    assert_fails_against_nothing(ReadModelContract, models=Nothing, but=[new])
    assert_fails_against_nothing(FindContract, models=Nothing)
    assert_fails_against_nothing(SideTablesContract, models=Nothing)
    assert_fails_against_nothing(ReadModelsContract, models=Nothing, but=[none])
    no_rebuild = "test_a_new_store_has_no_rebuild"
    assert_fails_against_nothing(RebuildStatesContract, models=Nothing, but=[no_rebuild])
