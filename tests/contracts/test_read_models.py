"""What all ReadModels promise, and that they all answer alike."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from threading import Event, Thread, Timer
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pymongo.database import Database

from adapters.mongo import Document, connect
from adapters.read_models import mongo_commits
from adapters.read_models.memory import MemoryReadModels
from adapters.read_models.mongo import MongoReadModels
from adapters.read_models.mongo_commits import Commits, TooLarge
from application.engine.filters import Box, in_box
from application.engine.query_service import value_of
from application.ports.checkpoints import START, Checkpoint, Fenced
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
    by_words,
)
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

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
    by("title"),
    by("colour"),
    by("size"),
    by("rank"),
    by("open"),
    by("seen_at"),
    by("day"),
    by("author.member_id"),
    by_each("tags"),
    by_each("colours"),
    by_point("place"),
    by_words("words", "title", "story"),
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
SORTABLE = ("", *(index.name for index in INDEXES if index.kind == "value"))

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
        assert found(model, HasWords("words", "unicode")) == ["b"]
        assert found(model, HasWords("words", "new")) == ["a"]
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
    @pytest.mark.parametrize("order_by", ["", "size", "seen_at", "author.member_id"])
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
        assert found(model, order_by="author.member_id") == ["c", "a", "b"]

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

    def test_words_are_found_in_any_of_their_fields_without_case_and_accents(
        self, models: Open
    ) -> None:
        model = filled(
            models,
            {
                "a": Sight(title="Bribe at the Café", story="He asked for 50 €."),
                "b": Sight(title="cafe", story="BRIBES"),
                "c": Sight(title="Straße"),
            },
        )
        assert found(model, HasWords("words", "CAFE")) == ["a", "b"]
        assert found(model, HasWords("words", "asked, café")) == ["a"]
        assert found(model, HasWords("words", "50")) == ["a"]
        assert found(model, HasWords("words", "STRASSE")) == ["c"]
        assert found(model, HasWords("words", "caf")) == []
        assert found(model, HasWords("words", "bribe nothing")) == []

    def test_a_search_text_without_words_is_no_condition(self, models: Open) -> None:
        model = filled(models, {"a": Sight(title="Bribe"), "b": Sight()})
        assert found(model, HasWords("words", " ?! ")) == ["a", "b"]

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
            Find(where=(Equals("words", "x"),)),
            Find(where=(Equals("", None),)),
            Find(where=(Between("tags", "x"),)),
            Find(where=(InBox("size", 0, 0, 1, 1),)),
            Find(where=(Near("title", 0, 0, 1),)),
            Find(where=(HasWords("title", "x"),)),
            Find(where=(Equals("size", 1), Equals("author", None))),
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


class TestMemoryReadModels(ReadModelContract, SideTablesContract, FindContract, ReadModelsContract):
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
        monkeypatch.setattr("adapters.read_models.memory.FEW", 0)
        assert [pages(model, find, 7) for find in finds] == sorted_out


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


class TestMongoReadModels(ReadModelContract, SideTablesContract, FindContract, ReadModelsContract):
    def test_a_row_that_another_program_wrote_differently_is_unreadable(self, models: Open) -> None:
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Sized:
            size: str

        commit(opened(models()), {"a": FULL})
        other = models().open("sights", 1, Sized, INDEXES)
        with pytest.raises(UnreadableDocument):
            other.get(["a"])
        with pytest.raises(UnreadableDocument):
            other.find(Find(), limit=1)

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
            (Find(where=(HasWords("words", "t1"),)), "i:words_1"),
            (Find(where=(Near("place", 1, 1, 1),)), "i:place_2dsphere"),
            (Find(where=(InBox("place", 0, 0, 1, 1),)), "i:place.lat_1_i:place.lon_1"),
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
    ),
    some.builds(Equals, some.just("tags"), some.sampled_from("xyz")),
    some.builds(OneOf, some.just("tags"), lists(some.sampled_from("xyz"))),
    some.builds(Equals, some.just("colours"), colours),
    some.builds(HasWords, some.just("words"), texts),
    some.builds(InBox, some.just("place"), longitudes, latitudes, longitudes, latitudes),
    some.builds(Near, some.just("place"), latitudes, longitudes, some.floats(0.1, 20_000)),
)
finds = some.builds(
    Find,
    where=lists(conditions),
    order_by=some.sampled_from(SORTABLE),
    descending=some.booleans(),
)
tables = some.dictionaries(some.text("abAé", min_size=1, max_size=2), sights, max_size=8)


def test_memory_and_mongo_answer_every_query_alike(
    mongo_database: Database[Document],
) -> None:
    memory, mongo = opened(MemoryReadModels()), opened(MongoReadModels(mongo_database))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(rows=tables, asked=some.lists(finds, min_size=1, max_size=4), limit=some.integers(1, 4))
    def compare(rows: Mapping[str, Sight], asked: Sequence[Find], limit: int) -> None:
        stale = dict.fromkeys(found(memory))
        for model in (memory, mongo):
            commit(model, {**stale, **rows})
        assert memory.checkpoint() == mongo.checkpoint()
        for find in asked:
            assert pages(memory, find, limit) == pages(mongo, find, limit)
            assert memory.count(find) == mongo.count(find)

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

    def close(self) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    new = "test_a_new_read_model_is_empty_and_at_the_start"
    none = "test_a_new_store_has_no_build_and_no_live_one"
    assert_fails_against_nothing(ReadModelContract, models=Nothing, but=[new])
    assert_fails_against_nothing(FindContract, models=Nothing)
    assert_fails_against_nothing(SideTablesContract, models=Nothing)
    assert_fails_against_nothing(ReadModelsContract, models=Nothing, but=[none])
