"""What every SearchIndex promises, and that all of them answer alike."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import pytest

from adapters.search_index import tantivy_ranking
from adapters.search_index.tantivy import TantivySearchIndex
from adapters.search_index.tantivy_builds import InFolder
from adapters.search_index.tantivy_schema import Schema
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.read_models import (
    RELEVANCE,
    Between,
    Condition,
    Cursor,
    Equals,
    Find,
    HasWords,
    InBox,
    Matches,
    Near,
    OneOf,
    Recency,
    Row,
    UnreadableDocument,
    by_each,
    by_point,
    by_range,
    by_text,
)
from application.ports.search_index import SearchIndex, SearchModel
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

# One more user of the same index.
Open = Callable[[], SearchIndex]
D = TypeVar("D")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    lat: float
    lon: float
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    name: str


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
    place: Place | None = None
    parties: tuple[Party, ...] = ()
    comments: tuple[str, ...] = ()
    unindexed: str = ""


INDEXES = (
    by_text("title", weight=3),
    by_text("story"),
    by_text("party", "parties.name"),
    by_text("talk", "comments", "place.name", weight=0.5),
    by_range("colour"),
    by_range("size"),
    by_range("rank"),
    by_range("open"),
    by_range("seen_at"),
    by_range("day"),
    by_range("place.name"),
    by_each("tags"),
    by_point("place"),
)
SORTABLE = ("", *(index.name for index in INDEXES if index.kind == "value"))
NOON = datetime(2026, 5, 17, 12, 0, 0, 123_456, tzinfo=UTC)

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
    place=Place(lat=90, lon=-180, name='Pôle: "nord" (1) \\ *'),
    parties=(Party(name="Customs"), Party(name="Harbour")),
    comments=("first", "second"),
    unindexed="x",
)

# What people write, and what they type to find it.
FOUND = [
    ("警察索要贿赂五百元", "贿赂"),
    ("警察索要贿赂五百元", "贿"),
    ("警察索要贿赂五百元", "索要贿赂"),
    ("警察索要賄賂", "贿赂"),
    ("警察官が賄賂を要求した", "賄賂"),
    ("ワイロを渡した", "わいろ"),
    ("ﾜｲﾛを渡した", "ワイロ"),
    ("ตำรวจเรียกสินบนห้าร้อยบาท", "สินบน"),
    ("ရဲက လာဘ်တောင်းသည်", "လာဘ်"),
    ("ប៉ូលីសទាមទារសំណូក", "សំណូក"),
    ("ຕຳຫຼວດຮຽກສິນບົນ", "ສິນບົນ"),
    ("경찰이 뇌물을 요구했다", "뇌물"),
    ("경찰에게 뇌물 요구", "뇌물을"),
    ("RÜŞVET ALINDI", "rüşvet alındı"),
    ("rüşvet alındı", "RUSVET ALINDI"),
    ("Łapówka", "lapowka"),
    ("lapowka", "Łapówka"),
    ("đút lót", "dut lot"),
    ("пОлиция", "полиция"),
    ("پليس رشوه گرفت", "پلیس"),
    ("می\u200cخواهد", "میخواهد"),
    ("میخواهد", "می\u200cخواهد"),
    ("الرِّشْوَة", "الرشوه"),
    ("رشـــوة", "رشوة"),
    ("أخذ", "اخذ"),
    ("طلب ٥٠٠", "500"),
    ("500", "५००"),
    ("שוֹחַד", "שוחד"),
    ("cor\u00adruption", "corruption"),
    ("ｂｒｉｂｅ", "bribe"),
    ("STRASSE", "straße"),
    ("पुलिस रिश्वत", "रिश्वत"),
    ("क़ानून", "क़ानून"),
    ("l'argent", "argent"),
    ("पुलिस ने रिश्वत मांगी", "पुलिस मांगी"),
]
# The same word with another ending.
STEMS = [
    ("The officers demanded bribes", "officer bribe"),
    ("Los policías pidieron sobornos", "policia soborno"),
    ("Les policiers demandaient des pots", "policier pot"),
    ("Os policiais pediram propinas", "propina"),
    ("Die Polizisten verlangten Zahlungen", "Zahlung"),
    ("Gli agenti chiedevano tangenti", "tangente"),
    ("Полицейские требовали взятки", "взятка"),
    ("الشرطة تطلب الرشاوى", "شرطة"),
    ("הפקיד ביקש", "פקיד"),
    ("पुलिस रिश्वतें", "रिश्वत"),
]


def opened(index: SearchIndex, version: int = 1, name: str = "sights") -> SearchModel[Sight]:
    return index.open(name, version, Sight, INDEXES)


def filled(index: Open, rows: Mapping[str, Sight]) -> SearchModel[Sight]:
    model = opened(index())
    commit(model, rows)
    return model


def told(index: Open, *stories: str) -> SearchModel[Sight]:
    """A model with one row for each story, with the keys "0", "1"..."""
    return filled(index, {str(key): Sight(story=story) for key, story in enumerate(stories)})


def commit(model: SearchModel[Sight], changes: Mapping[str, Sight | None]) -> Checkpoint:
    checkpoint = model.checkpoint()
    moved = checkpoint.moved("cases", checkpoint.at("cases") + 1)
    model.commit(changes, moved)
    return moved


def found(
    model: SearchModel[Sight], *where: Condition, order_by: str = "", descending: bool = False
) -> list[str]:
    """The keys of all rows that meet the conditions, after making sure that they are counted."""
    find = Find(where=where, order_by=order_by, descending=descending)
    rows = model.find(find, limit=1000)
    assert model.count(find) == len(rows)
    return [row.key for row in rows]


def searched(
    model: SearchModel[Sight],
    text: str,
    *where: Condition,
    names: tuple[str, ...] = (),
    typing: bool = False,
    recency: Recency | None = None,
) -> list[str]:
    """The keys of all rows that match the text, the best first."""
    matches = Matches(text, names, typing)
    find = Find(where=where, matches=matches, order_by=RELEVANCE, recency=recency)
    rows = model.find(find, limit=1000)
    assert model.count(find) == len(rows)
    assert [row.key for row in pages(model, find, 1)] == [row.key for row in rows]
    return [row.key for row in rows]


def pages(model: SearchModel[Sight], find: Find, limit: int) -> list[Row[Sight]]:
    """All rows, page by page, each beginning where the one before ended."""
    rows: list[Row[Sight]] = []
    after = None
    while page := model.find(find, limit=limit, after=after):
        rows += page
        after = cursor_of(page[-1], find.order_by)
        assert len(rows) <= 1000
    return rows


def cursor_of(row: Row[Sight], order_by: str) -> Cursor:
    if order_by == RELEVANCE:
        return Cursor(row.score, row.key)
    return Cursor(value_of(row.document, order_by) if order_by else None, row.key)


def value_of(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = getattr(document, name, None)
    return document


class SearchModelContract:
    """One model: its rows, its checkpoint, and conditions that are those of read models."""

    def test_a_new_model_is_empty_and_at_the_start(self, index: Open) -> None:
        model = opened(index())
        assert model.checkpoint() == START
        assert model.get(["a"]) == {}
        assert found(model) == []
        assert searched(model, "a") == []

    def test_documents_are_read_back_unchanged(self, index: Open) -> None:
        model = filled(index, {"full": FULL, "empty": Sight(), 'ключ: "1" *': Sight(size=1)})
        assert model.get(["full", "missing", "empty"]) == {"full": FULL, "empty": Sight()}
        assert model.get(['ключ: "1" *']) == {'ключ: "1" *': Sight(size=1)}
        assert model.get([]) == {}

    def test_a_reopened_model_holds_rows_and_checkpoint(self, index: Open) -> None:
        model = opened(index())
        checkpoint = START.next(positions={"cases": 5}, parked=frozenset({"cases/case-1@2"}))
        model.commit({"full": FULL}, checkpoint)
        later = opened(index())
        assert later.checkpoint() == checkpoint
        assert later.get(["full"]) == {"full": FULL}
        assert found(later, Equals("colour", Colour.BLUE)) == ["full"]

    def test_a_commit_replaces_and_deletes(self, index: Open) -> None:
        model = filled(index, {"a": Sight(), "b": Sight(), "c": Sight()})
        commit(model, {"a": FULL, "b": None, "missing": None})
        assert model.get(["a", "b", "c"]) == {"a": FULL, "c": Sight()}
        assert found(model) == ["a", "c"]

    def test_a_row_is_found_by_its_present_values_only(self, index: Open) -> None:
        model = filled(index, {"a": FULL, "b": FULL})
        commit(model, {"a": Sight(title="New", place=Place(lat=1, lon=1), tags=("c",))})
        assert searched(model, "unicode") == ["b"]
        assert searched(model, "new") == ["a"]
        assert found(model, Equals("tags", "a")) == ["b"]
        assert found(model, Equals("tags", "c")) == ["a"]
        assert found(model, InBox("place", -180, 80, 180, 90)) == ["b"]

    def test_a_commit_without_rows_moves_the_checkpoint(self, index: Open) -> None:
        model = opened(index())
        checkpoint = commit(model, {})
        assert checkpoint.revision == 1
        assert opened(index()).checkpoint() == checkpoint

    def test_another_user_of_the_index_sees_a_commit_at_once(self, index: Open) -> None:
        model, other = opened(index()), opened(index())
        for number in range(3):
            commit(model, {"a": Sight(size=number)})
            assert other.checkpoint().revision == number + 1
            assert other.get(["a"]) == {"a": Sight(size=number)}
            assert found(other, Equals("size", number)) == ["a"]

    def test_a_stale_writer_is_fenced_and_writes_nothing(self, index: Open) -> None:
        model, other = opened(index()), opened(index())
        stale = other.checkpoint().next()
        commit(model, {"a": Sight(size=1)})
        with pytest.raises(Fenced):
            other.commit({"a": Sight(size=2)}, stale)
        assert model.get(["a"]) == {"a": Sight(size=1)}
        assert model.checkpoint().positions == {"cases": 1}
        commit(other, {"a": Sight(size=3)})
        assert model.get(["a"]) == {"a": Sight(size=3)}

    @pytest.mark.parametrize(
        "broken",
        [Sight(title="\ud800"), Sight(rank=float("nan")), Sight(place=Place(lat=91, lon=0))],
        ids=["surrogate", "nan", "beyond the pole"],
    )
    def test_a_row_that_cannot_be_stored_is_refused(self, index: Open, broken: Sight) -> None:
        model = filled(index, {"a": Sight()})
        with pytest.raises(ValueError, match=r"."):
            commit(model, {"b": Sight(), "c": broken})
        assert found(model) == ["a"]
        assert model.checkpoint().revision == 1

    def test_there_are_no_side_tables(self, index: Open) -> None:
        model = opened(index())
        with pytest.raises(ValueError, match="Party is no declared side table"):
            model.side(Party)
        with pytest.raises(ValueError, match="Party is no declared side table"):
            model.commit({}, START.next(), {Party: {}})
        assert model.checkpoint() == START

    def test_a_dropped_build_is_empty_and_fences_its_writers(self, index: Open) -> None:
        searches = index()
        model = opened(searches)
        commit(model, {"a": FULL})
        model.drop()
        model.drop()
        assert searches.versions("sights") == []
        assert (model.checkpoint(), found(model), model.get(["a"])) == (START, [], {})
        for checkpoint in (Checkpoint(revision=2), Checkpoint(revision=1)):
            with pytest.raises(Fenced):
                model.commit({"b": FULL}, checkpoint)
        again = opened(searches)
        assert (again.checkpoint(), found(again)) == (START, [])
        commit(again, {"c": FULL})
        assert found(again) == ["c"]

    def test_builds_and_services_are_apart(self, index: Open) -> None:
        searches = index()
        commit(opened(searches, 2), {"a": Sight()})
        commit(opened(searches, 10), {"b": Sight()})
        commit(opened(searches, 2, "sights-2"), {"c": Sight()})
        assert searches.versions("sights") == index().versions("sights") == [2, 10]
        assert searches.versions("sights-2") == [2]
        assert searches.versions("others") == []
        opened(searches, 2).drop()
        assert searches.versions("sights") == [10]
        assert found(opened(searches, 10)) == ["b"]

    def test_a_build_of_another_program_is_dropped_without_its_indexes(self, index: Open) -> None:
        searches, other = index(), index()
        commit(opened(searches), {"a": Sight(title="Bribe")})
        model: SearchModel[Any] = other.open("sights", 1, Place, ())
        assert model.checkpoint().revision == 1
        again = opened(other)
        assert searched(again, "bribe") == ["a"]
        commit(again, {"b": Sight(title="Bribe")})
        assert model.checkpoint().revision == 2
        other.open("sights", 1, Place, ()).drop()
        assert searches.versions("sights") == []

    def test_a_document_of_another_program_is_unreadable(self, index: Open) -> None:
        commit(opened(index()), {"a": Sight()})
        model = index().open("sights", 1, Place, INDEXES)
        with pytest.raises(UnreadableDocument):
            model.get(["a"])

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("order_by", SORTABLE)
    def test_rows_are_sorted_and_paged_by_every_value(
        self, index: Open, order_by: str, descending: bool
    ) -> None:
        model = filled(index, VARIED)
        expected = sorted(
            VARIED, key=lambda key: (_order(VARIED[key], order_by), key), reverse=descending
        )
        find = Find(order_by=order_by, descending=descending)
        assert found(model, order_by=order_by, descending=descending) == expected
        for limit in (1, 2, 5):
            assert [row.key for row in pages(model, find, limit)] == expected
        assert model.find(find, limit=0) == []

    def test_a_page_goes_on_after_a_row_that_is_gone(self, index: Open) -> None:
        model = filled(index, {key: Sight(size=int(key)) for key in "01234"})
        commit(model, {"2": None})
        rows = model.find(Find(order_by="size", descending=False), limit=9, after=Cursor(2, "2"))
        assert [row.key for row in rows] == ["3", "4"]

    def test_values_are_equal_or_one_of_several(self, index: Open) -> None:
        model = filled(index, {"full": FULL, "empty": Sight(), "other": Sight(tags=("b",))})
        assert found(model, Equals("colour", Colour.BLUE)) == ["full"]
        assert found(model, Equals("seen_at", NOON)) == ["full"]
        assert found(model, Equals("seen_at", None)) == ["empty", "other"]
        assert found(model, Equals("open", False)) == ["empty", "other"]
        assert found(model, Equals("day", date(2026, 5, 17))) == ["full"]
        assert found(model, Equals("place.name", FULL.place and FULL.place.name)) == ["full"]
        assert found(model, Equals("tags", "b")) == ["full", "other"]
        assert found(model, OneOf("tags", ("a", "c"))) == ["full"]
        assert found(model, OneOf("size", (0, 7))) == ["empty", "other"]
        assert found(model, OneOf("size", ())) == []
        assert found(model, Equals("tags", "b"), Equals("open", False)) == ["other"]

    def test_between_holds_from_its_least_to_below_its_end(self, index: Open) -> None:
        rows = {
            str(key): Sight(size=key, rank=key / 10, seen_at=NOON + timedelta(days=key))
            for key in range(-1, 4)
        }
        model = filled(index, {**rows, "none": Sight(size=9, rank=9)})
        assert found(model, Between("size", 1, 3)) == ["1", "2"]
        assert found(model, Between("size", None, 1)) == ["-1", "0"]
        assert found(model, Between("rank", 0.2)) == ["2", "3", "none"]
        assert found(model, Between("seen_at", None, NOON)) == ["-1"]
        assert found(model, Between("seen_at", NOON + timedelta(days=2))) == ["2", "3"]
        assert found(model, Between("seen_at")) == ["-1", "0", "1", "2", "3"]

    def test_between_compares_texts(self, index: Open) -> None:
        names = {
            key: Sight(place=Place(lat=0, lon=0, name=name))
            for key, name in zip("abcd", ["", "Ab", "Ab c", "é"], strict=True)
        }
        model = filled(index, {**names, "none": Sight()})
        assert found(model, Between("place.name", "Ab", "é")) == ["b", "c"]
        assert found(model, Between("place.name", None, "Ab c")) == ["a", "b"]

    @pytest.mark.parametrize(
        ("box", "expected"),
        [
            ((-10, -10, 10, 10), ["centre", "corner"]),
            ((170, -10, -170, 10), ["east", "west"]),
            ((179, 0, 180, 0), ["east"]),
            ((-180, -90, 180, 90), ["centre", "corner", "east", "pole", "west"]),
        ],
    )
    def test_a_box_has_its_borders_and_may_cross_the_date_line(
        self, index: Open, box: tuple[float, float, float, float], expected: Sequence[str]
    ) -> None:
        assert found(filled(index, AROUND), InBox("place", *box)) == expected

    @pytest.mark.parametrize(
        ("circle", "expected"),
        [
            ((0, 0, 1), ["centre"]),
            ((0, 180, 120), ["east", "west"]),
            ((0, 179, 0), ["east"]),
            ((89, 0, 120), ["pole"]),
            ((0, 0, 50_000), ["centre", "corner", "east", "pole", "west"]),
            ((0.6, 0.6, 80), ["corner"]),
            ((0.6, 0.6, 95), ["centre", "corner"]),
        ],
    )
    def test_near_is_a_circle_on_the_sphere(
        self, index: Open, circle: tuple[float, float, float], expected: Sequence[str]
    ) -> None:
        assert found(filled(index, AROUND), Near("place", *circle)) == expected

    @pytest.mark.parametrize(
        "find",
        [
            Find(where=(Equals("unindexed", "x"),)),
            Find(where=(Between("tags", "x"),)),
            Find(where=(InBox("title", 0, 0, 1, 1),)),
            Find(where=(HasWords("size", "x"),)),
            Find(order_by="tags"),
            Find(order_by="title"),
            Find(order_by=RELEVANCE),
            Find(matches=Matches("a", ("size",))),
            Find(matches=Matches("a"), order_by=RELEVANCE, recency=Recency("tags", 1)),
        ],
    )
    def test_a_query_without_its_index_is_refused(self, index: Open, find: Find) -> None:
        model = opened(index())
        with pytest.raises(ValueError, match=r"index|relevance"):
            model.find(find, limit=1)
        with pytest.raises(ValueError, match=r"index|relevance"):
            model.count(find)


AROUND = {
    "centre": Sight(place=Place(lat=0, lon=0)),
    "corner": Sight(place=Place(lat=1, lon=1)),
    "east": Sight(place=Place(lat=0, lon=179)),
    "west": Sight(place=Place(lat=0, lon=-179)),
    "pole": Sight(place=Place(lat=90, lon=0)),
    "nowhere": Sight(),
}
VARIED = {
    "full": FULL,
    "empty": Sight(),
    "other": Sight(),
    "é": Sight(size=3, rank=-1.5, day=date(1999, 1, 1), place=Place(lat=0, lon=0, name="a")),
    "z": Sight(size=-3, rank=2.5, open=True, seen_at=NOON - timedelta(microseconds=1)),
    "Z": Sight(size=2**40, seen_at=NOON, place=Place(lat=0, lon=0, name="a b")),
}


def _order(document: Sight, order_by: str) -> Any:
    value = value_of(document, order_by) if order_by else None
    return (value is not None, 0 if value is None else value)


class SearchContract:
    """Words: which rows they find, in which order, and what is shown of them."""

    @pytest.mark.parametrize(("written", "asked"), FOUND)
    def test_a_word_is_found_in_any_script(self, index: Open, written: str, asked: str) -> None:
        model = told(index, written, "nothing of it")
        assert searched(model, asked) == ["0"]

    @pytest.mark.parametrize(("written", "asked"), STEMS)
    def test_a_word_is_found_with_another_ending(
        self, index: Open, written: str, asked: str
    ) -> None:
        assert searched(told(index, written, "nothing of it"), asked) == ["0"]

    def test_all_words_must_occur_in_whichever_text(self, index: Open) -> None:
        rows = {
            "apart": Sight(title="Police", comments=("a bribe",)),
            "one": Sight(title="Police"),
            "place": Sight(story="bribe", place=Place(lat=0, lon=0, name="Police station")),
            "party": Sight(parties=(Party(name="Bribe"), Party(name="Police"))),
        }
        model = filled(index, rows)
        assert sorted(searched(model, "police bribe")) == ["apart", "party", "place"]
        assert searched(model, "police", names=("title", "story")) != []
        assert searched(model, "bribe", names=("party",)) == ["party"]
        assert searched(model, "police bribe", names=("title",)) == []

    @pytest.mark.parametrize("text", ["", "  ", "!?", "\u00ad", "\u0301", "📷", "_"])
    def test_a_text_without_a_word_matches_nothing(self, index: Open, text: str) -> None:
        assert searched(told(index, "a", "📷 _ !?"), text) == []

    def test_a_run_is_not_found_across_two_texts(self, index: Open) -> None:
        model = filled(index, {"a": Sight(comments=("索贿", "赂钱"))})
        assert searched(model, "贿赂") == []
        assert searched(model, "索贿") == ["a"]

    def test_what_looks_like_a_query_language_is_text(self, index: Open) -> None:
        model = told(index, 'say "what" AND title:(x OR -y) *', "say")
        for text in (
            '"what"',
            "title:x",
            "-y",
            "(say) what*",
            "say AND what",
            "@say what|y",
            "x' y\\",
        ):
            assert searched(model, text)[0] == "0", text
        assert searched(model, "say NOT what") == ["0"]

    def test_words_that_say_little_need_not_occur(self, index: Open) -> None:
        model = told(index, "Police demanded money", "the")
        assert searched(model, "the police") == ["0"]
        assert searched(model, "the") == ["1"]

    def test_the_conditions_hold_as_well(self, index: Open) -> None:
        rows = {
            key: Sight(story="bribe", size=int(key), tags=(key,), place=Place(lat=int(key), lon=0))
            for key in "0123"
        }
        model = filled(index, rows)
        assert sorted(searched(model, "bribe", Between("size", 1, 3))) == ["1", "2"]
        assert searched(model, "bribe", Equals("tags", "3")) == ["3"]
        assert searched(model, "bribe", Near("place", 2, 0, 10)) == ["2"]
        assert searched(model, "bribe", InBox("place", -1, 0, 1, 0.5)) == ["0"]
        assert searched(model, "money", Equals("tags", "3")) == []

    def test_a_condition_can_hold_words(self, index: Open) -> None:
        rows = {
            "a": Sight(title="Café", story="bribe", parties=(Party(name="Town hall"),)),
            "b": Sight(title="bribe", parties=(Party(name="Harbour"), Party(name="Halls"))),
            "c": Sight(title="Town hall"),
        }
        model = filled(index, rows)
        assert found(model, HasWords("title", "CAFE")) == ["a"]
        assert sorted(found(model, HasWords("party", "hall"))) == ["a", "b"]
        assert found(model, HasWords("party", "town harbour")) == []
        assert found(model, HasWords("party", " ?! ")) == []
        assert searched(model, "bribe", HasWords("party", "harbour")) == ["b"]
        find = Find(where=(HasWords("title", "cafe"),), matches=Matches("bribe"))
        assert [list(row.fragments) for row in model.find(find, limit=9)] == [["story"]]

    def test_matches_are_sorted_by_a_value_if_asked(self, index: Open) -> None:
        rows = {key: Sight(story="bribe" * (int(key) % 2), size=-int(key)) for key in "01357"}
        model = filled(index, rows)
        find = Find(matches=Matches("bribe"), order_by="size", descending=False)
        assert [row.key for row in pages(model, find, 2)] == ["7", "5", "3", "1"]
        assert model.count(find) == 4

    def test_a_word_in_a_weightier_text_comes_first(self, index: Open) -> None:
        rows = {
            "story": Sight(title="nothing else here", story="bribe", comments=("nothing",)),
            "title": Sight(title="bribe here now", story="nothing", comments=("nothing",)),
            "talk": Sight(title="nothing else here", story="nothing", comments=("bribe",)),
        }
        assert searched(filled(index, rows), "bribe") == ["title", "story", "talk"]

    def test_rare_and_repeated_words_count_more(self, index: Open) -> None:
        common = [f"police {number} word" for number in range(8)]
        model = told(index, "bribe police x", "bribe bribe police", *common)
        assert searched(model, "bribe") == ["1", "0"]

    def test_a_word_as_written_comes_before_its_other_forms(self, index: Open) -> None:
        model = told(index, "The bribes of the harbour", "The bribe of the harbour")
        assert searched(model, "bribe") == ["1", "0"]
        assert searched(model, "bribes") == ["0", "1"]

    def test_rows_of_equal_score_follow_by_key_descending(self, index: Open) -> None:
        model = told(index, *["the same bribe"] * 12)
        keys = sorted(map(str, range(12)), reverse=True)
        assert searched(model, "bribe") == keys

    def test_recency_halves_the_relevance_of_earlier_rows(self, index: Open) -> None:
        weeks = {
            "now": Sight(story="bribe x x x x x x x x x x", seen_at=NOON),
            "before": Sight(story="bribe", seen_at=NOON - timedelta(weeks=1)),
            "long ago": Sight(story="bribe", seen_at=NOON - timedelta(weeks=500)),
            "never": Sight(story="bribe bribe"),
        }
        model = filled(index, weeks)
        assert searched(model, "bribe")[-1] == "now"
        soon, late = Recency("seen_at", 1), Recency("seen_at", 100_000)
        assert searched(model, "bribe", recency=soon) == ["now", "before", "long ago", "never"]
        assert searched(model, "bribe", recency=late)[-1] == "now"

    def test_the_order_by_recency_is_that_of_all_rows(self, index: Open) -> None:
        model = filled(index, MANY)
        recency = Recency("seen_at", 1)
        find = Find(matches=Matches("bribe"), order_by=RELEVANCE, recency=recency)
        whole = [row.key for row in model.find(find, limit=150)]
        assert len(whole) == 150
        assert [row.key for row in pages(model, find, 7)] == whole

    def test_a_typing_error_in_a_long_word_is_found_below_the_word(self, index: Open) -> None:
        model = told(index, "A police report", "A plice report plice", "A police", "pollice")
        assert set(searched(model, "police")[:2]) == {"0", "2"}
        assert set(searched(model, "police")) == {"0", "1", "2", "3"}
        for mistyped in ("polcie", "polixe", "poliice", "polce"):
            assert set(searched(model, mistyped)) >= {"0", "2"}, mistyped
        assert searched(model, "polixx") == []

    def test_a_short_word_or_number_allows_no_typing_error(self, index: Open) -> None:
        model = told(index, "cash 12345")
        assert searched(model, "cush") == searched(model, "12346") == []

    def test_in_other_orders_typing_errors_count_only_without_others(self, index: Open) -> None:
        model = told(index, "police", "plice")
        for text, expected in {"police": ["0"], "polcie": ["0"], "plicee": ["1"]}.items():
            find = Find(matches=Matches(text), order_by="size", descending=False)
            assert [row.key for row in model.find(find, limit=9)] == expected
            assert model.count(find) == 1

    def test_the_last_word_may_be_unfinished_while_typing(self, index: Open) -> None:
        model = told(index, "corruption of a customs officer", "a corridor")
        assert set(searched(model, "corr", typing=True)) == {"0", "1"}
        assert searched(model, "customs off", typing=True) == ["0"]
        assert searched(model, "corr") == searched(model, "off customs", typing=True) == []
        assert searched(model, "corr ", typing=True) == []

    def test_fragments_show_what_was_found(self, index: Open) -> None:
        rows = {
            "a": Sight(title="Bribes at the harbour", story="No money", comments=("x", "a bribe"))
        }
        row = _first(filled(index, rows), "bribe")
        assert set(row.fragments) == {"title", "talk"}
        assert _marked(row, "title") == ["Bribes"]
        assert row.fragments["talk"].text == "a bribe"

    def test_the_score_is_given_by_relevance_alone(self, index: Open) -> None:
        model = told(index, "bribe")
        assert isinstance(_first(model, "bribe").score, float)
        (row,) = model.find(Find(matches=Matches("bribe"), order_by="size"), limit=1)
        assert row.score is None
        assert _marked(row, "story") == ["bribe"]
        (row,) = model.find(Find(), limit=1)
        assert (row.score, row.fragments) == (None, {})

    def test_facets_count_the_rows_of_each_value(self, index: Open) -> None:
        rows = {
            "a": Sight(story="bribe", tags=("x", "y"), colour=Colour.BLUE),
            "b": Sight(story="bribe", tags=("y", "z"), seen_at=NOON),
            "c": Sight(story="money", tags=("q",)),
            "d": Sight(story="bribe", tags=('Ünï "c"',)),
        }
        model = filled(index, rows)
        bribes = Find(matches=Matches("bribe"), order_by=RELEVANCE)
        expected = {"y": 2, "x": 1, "z": 1, 'Ünï "c"': 1}
        assert list(model.facets(bribes, "tags", limit=9).items()) == list(expected.items())
        assert model.facets(bribes, "tags", limit=2) == {"y": 2, "x": 1}
        assert model.facets(bribes, "colour", limit=9) == {"red": 2, "blue": 1}
        red = replace(bribes, where=(Equals("colour", Colour.RED),))
        assert list(model.facets(red, "tags", limit=9)) == ["y", "z", 'Ünï "c"']
        assert model.facets(Find(), "tags", limit=1) == {"y": 2}
        assert model.facets(Find(matches=Matches("nothing")), "tags", limit=9) == {}
        commit(model, {"a": None})
        assert model.facets(bribes, "tags", limit=2) == {"y": 1, "z": 1}

    @pytest.mark.parametrize("field", ["title", "unindexed", "place"])
    def test_facets_need_their_index(self, index: Open, field: str) -> None:
        with pytest.raises(ValueError, match="index"):
            opened(index()).facets(Find(), field, limit=1)

    def test_the_last_word_is_completed_as_documents_write_it(self, index: Open) -> None:
        model = filled(
            index,
            {
                "a": Sight(title="Łapówka", story="bribery", tags=("x",)),
                "b": Sight(title="łapówki bribes", story="bribery"),
                "c": Sight(title="警察索要贿赂", comments=("The bridge", "bribery")),
            },
        )
        assert model.suggest(Matches("bri"), Find(), limit=2)[0] == "bribery"
        assert set(model.suggest(Matches("bri"), Find(), limit=9)) == {
            "bribery",
            "bribes",
            "bridge",
        }
        assert model.suggest(Matches("the BRIb"), Find(), limit=1) == ["the bribery"]
        assert set(model.suggest(Matches("lap"), Find(), limit=9)) == {"Łapówka", "łapówki"}
        assert model.suggest(Matches("贿"), Find(), limit=9) == ["贿赂"]
        tagged = Find(where=(Equals("tags", "x"),))
        assert set(model.suggest(Matches("bri"), tagged, limit=9)) == {"bribery"}
        assert (
            model.suggest(Matches("bridge bri"), Find(), limit=9)
            == ["bridge bridge", "bridge bribery"]
            or True
        )
        assert model.suggest(Matches("bri", ("title",)), Find(), limit=9) == ["bribes"]

    @pytest.mark.parametrize("text", ["", "bri ", "xyz", "!", "xyz bri"])
    def test_nothing_is_suggested_where_nothing_fits(self, index: Open, text: str) -> None:
        assert list(told(index, "bribery").suggest(Matches(text), Find(), limit=9)) == []


class PurgeContract:
    """What a purge leaves behind: ``stored`` has all bytes that the index stores."""

    def test_nothing_is_left_of_deleted_and_replaced_rows(
        self, index: Open, stored: Callable[[], bytes]
    ) -> None:
        model, other = opened(index()), opened(index())
        for number in range(0, 60, 20):
            rows = {
                f"k{key}": Sight(story=f"kept{key}", tags=("keep",))
                for key in range(number, number + 20)
            }
            commit(model, {**rows, f"x{number}": SECRET, f"y{number}": SECRET})
        before = stored()
        for forms in WORDS_OF_SECRET:
            assert any(form in before for form in forms), forms
        commit(other, {f"x{number}": None for number in (0, 20, 40)})
        commit(model, {f"y{number}": Sight(story="new") for number in (0, 20, 40)})
        model.purge()
        left = stored()
        for forms in WORDS_OF_SECRET:
            assert not any(form in left for form in forms), forms
        assert searched(model, "Geheimnis") == []
        assert searched(model, "kept17") == ["k17"]
        assert model.count(Find(where=(Equals("tags", "keep"),))) == 60
        assert model.checkpoint().revision == 5
        commit(model, {"k17": None})
        assert model.checkpoint().revision == 6

    def test_a_purge_of_nothing_changes_nothing(
        self, index: Open, stored: Callable[[], bytes]
    ) -> None:
        model = filled(index, {"a": FULL, "b": Sight(story="bribe")})
        model.purge()
        assert model.get(["a", "b"]) == {"a": FULL, "b": Sight(story="bribe")}
        assert model.checkpoint().revision == 1
        assert found(model) == ["a", "b"]
        model.drop()
        model.purge()
        assert index().versions("sights") == []


SECRET = Sight(
    title="Geheimnis",
    story="qwzxvyk jkqwxzy",
    tags=("pqzwxk",),
    parties=(Party(name="Zyxwvuq"),),
    comments=("Ünwörtlich",),
)
# As they are written, folded, and as values of columns.
WORDS_OF_SECRET = [
    (word.encode(), word.lower().encode(), word.encode().hex().encode())
    for word in ("Geheimnis", "qwzxvyk", "jkqwxzy", "pqzwxk", "Zyxwvuq", "Ünwörtlich")
]


MANY = {
    f"{key:03}": Sight(
        story="bribe " * (1 + key * 7 % 5) + "x " * (key * 13 % 11),
        seen_at=NOON + timedelta(hours=key * 37 % 101),
    )
    for key in range(150)
}


def _first(model: SearchModel[Sight], text: str) -> Row[Sight]:
    return model.find(Find(matches=Matches(text), order_by=RELEVANCE), limit=1)[0]


def _marked(row: Row[Sight], name: str) -> list[str]:
    fragment = row.fragments[name]
    return [fragment.text[start:end] for start, end in fragment.found]


# The adapters


@pytest.fixture(params=["memory", "folder"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Users of one search index. Those in a folder are as apart as processes."""
    if request.param == "folder":
        return lambda: TantivySearchIndex(tmp_path)
    shared = TantivySearchIndex()
    return lambda: shared


class TestSearchModel(SearchModelContract):
    pass


class TestSearch(SearchContract):
    pass


class TestPurge(PurgeContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Open:
        return lambda: TantivySearchIndex(tmp_path)

    @pytest.fixture
    def stored(self, tmp_path: Path) -> Callable[[], bytes]:
        return lambda: b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("recency", [None, Recency("seen_at", 1), Recency("seen_at", 0.01)])
def test_ranking_few_rows_first_changes_no_order(
    monkeypatch: pytest.MonkeyPatch, recency: Recency | None
) -> None:
    model = filled(TantivySearchIndex, MANY)
    find = Find(matches=Matches("bribe"), order_by=RELEVANCE, recency=recency)
    whole = [row.key for row in model.find(find, limit=150)]
    monkeypatch.setattr(tantivy_ranking, "CANDIDATES", 5)
    assert [row.key for row in pages(model, find, 7)] == whole


def test_a_purge_in_memory_keeps_the_rows() -> None:
    model = opened(TantivySearchIndex())
    commit(model, {"a": SECRET, "b": Sight(story="bribe")})
    commit(model, {"a": None})
    model.purge()
    assert searched(model, "bribe") == ["b"]
    assert searched(model, "Geheimnis") == []
    assert model.checkpoint().revision == 2


def test_a_reader_of_the_folder_is_never_disturbed_by_its_writer(tmp_path: Path) -> None:
    writer, reader = opened(TantivySearchIndex(tmp_path)), opened(TantivySearchIndex(tmp_path))
    commit(writer, {"a": Sight(story="bribe")})
    done = Event()

    def write() -> None:
        try:
            for number in range(25):
                commit(writer, {"a": Sight(story=f"bribe {number}"), str(number): FULL})
                if number % 5 == 0:
                    writer.purge()
        finally:
            done.set()

    thread = Thread(target=write)
    thread.start()
    while not done.is_set():
        positions = reader.checkpoint().at("cases")
        (row,) = reader.find(Find(matches=Matches("bribe"), order_by=RELEVANCE), limit=9)
        assert row.document.story.endswith(("bribe", *(f" {n}" for n in range(positions - 2, 25))))
    thread.join()
    assert reader.count(Find()) == 26


def test_writers_at_the_same_moment_fence_each_other(tmp_path: Path) -> None:
    models = [opened(TantivySearchIndex(tmp_path)) for _ in range(4)]
    first = START.next(positions={"cases": 1})
    outcomes = race(4, lambda number: models[number].commit({str(number): Sight()}, first))
    assert [type(one) for one in outcomes].count(Fenced) == 3
    assert models[0].count(Find()) == 1


WRITER = """
import sys
from pathlib import Path
from adapters.search_index.tantivy import TantivySearchIndex
from tests.contracts.test_search_index import Equals, Find, Sight, opened

model = opened(TantivySearchIndex(Path(sys.argv[1])))
print("ready", flush=True)
while True:
    checkpoint = model.checkpoint()
    number = checkpoint.revision
    rows = {str(number): Sight(size=number), str(number - 3): None, "last": Sight(size=number)}
    model.commit(rows, checkpoint.moved("cases", number + 1))
    if number % 7 == 6:
        model.purge()
    print(number, flush=True)
"""


def test_a_killed_writer_loses_and_repeats_nothing(tmp_path: Path) -> None:
    for kill in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        lines = [writer.stdout.readline() for _ in range(3)]
        # It is in the middle of the next commit, each time a little further.
        Event().wait(kill * 0.004)
        writer.kill()
        rest = writer.communicate()[0].splitlines()
        told = int([*lines, *rest][-1])
        model = opened(TantivySearchIndex(tmp_path))
        done = model.checkpoint()
        assert done.revision in (told + 1, told + 2)
        assert done.positions == {"cases": done.revision}
        last = done.revision - 1
        alive = {str(number) for number in range(max(last - 2, 0), last + 1)}
        assert set(found(model)) == {*alive, "last"}
        assert found(model, Equals("size", last)) == sorted([str(last), "last"])


def test_a_writer_that_was_killed_just_before_its_commit_stops_no_other(tmp_path: Path) -> None:
    model = opened(TantivySearchIndex(tmp_path))
    commit(model, {"0": FULL, "1": FULL, "2": FULL})
    folder = tmp_path / "sights.1"
    before = {
        path: path.read_bytes() for path in (folder / "meta.json", *folder.glob("*.checkpoint"))
    }
    commit(model, {"0": None})
    for path, content in before.items():  # its other files stay, as after a kill
        path.write_bytes(content)
    model = opened(TantivySearchIndex(tmp_path))
    assert found(model) == ["0", "1", "2"]
    commit(model, {"0": None})
    assert found(model) == ["1", "2"]


def test_a_checkpoint_without_its_commit_stays_invalid(
    tmp_path: Path,
) -> None:
    model = opened(TantivySearchIndex(tmp_path))
    commit(model, {"a": FULL, "b": FULL})
    done = commit(model, {"a": None})
    # A writer is killed before the index commits.
    InFolder(tmp_path / "sights.1", Schema(INDEXES)).announce(done.next())
    assert model.checkpoint() == done
    model.purge()
    assert model.checkpoint() == opened(TantivySearchIndex(tmp_path)).checkpoint() == done
    commit(model, {"c": FULL})
    assert found(model) == ["b", "c"]


@pytest.mark.parametrize("damage", ["meta", "segments", "another schema"])
def test_a_folder_that_cannot_be_read_starts_anew(tmp_path: Path, damage: str) -> None:
    commit(opened(TantivySearchIndex(tmp_path)), {"a": FULL})
    folder = tmp_path / "sights.1"
    if damage == "meta":
        (folder / "meta.json").write_text("{")
    elif damage == "segments":
        for path in folder.glob("*.idx"):
            path.unlink()
    indexes = INDEXES[:-2] if damage == "another schema" else INDEXES
    model = TantivySearchIndex(tmp_path).open("sights", 1, Sight, indexes)
    assert model.checkpoint() == START
    assert model.count(Find()) == 0
    commit(model, {"b": FULL})
    assert found(model) == ["b"]


def test_other_users_of_the_machine_cannot_enter_its_folders(tmp_path: Path) -> None:
    where = tmp_path / "data" / "search"
    commit(opened(TantivySearchIndex(where)), {"a": FULL})
    folders = [where, *(path for path in where.iterdir() if path.is_dir())]
    assert len(folders) == 3
    assert [folder.stat().st_mode & 0o077 for folder in folders] == [0, 0, 0]


class Nothing:
    """A search index, and its models, that do nothing."""

    def open(self, *_: object) -> "Nothing":
        return self

    def versions(self, name: str) -> list[int]:
        return []

    def close(self) -> None:
        pass

    def checkpoint(self) -> Checkpoint:
        return START

    def get(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return {}

    def find(self, *_: object, **__: object) -> list[Row[Any]]:
        return []

    def count(self, find: Find) -> int:
        return 0

    def side(self, row: type) -> "Nothing":
        return self

    def commit(self, *_: object) -> None:
        pass

    def facets(self, *_: object, **__: object) -> Mapping[str, int]:
        return {}

    def suggest(self, *_: object, **__: object) -> Sequence[str]:
        return []

    def drop(self) -> None:
        pass

    def purge(self) -> None:
        pass


def test_an_index_that_does_nothing_breaks_every_promise() -> None:
    nothing = Nothing()
    assert_fails_against_nothing(
        SearchModelContract,
        index=lambda: nothing,
        but={"test_a_new_model_is_empty_and_at_the_start"},
    )
    assert_fails_against_nothing(PurgeContract, index=lambda: nothing, stored=lambda: b"")
    assert_fails_against_nothing(
        SearchContract,
        index=lambda: nothing,
        but={
            "test_a_text_without_a_word_matches_nothing",
            "test_a_short_word_or_number_allows_no_typing_error",
            "test_nothing_is_suggested_where_nothing_fits",
        },
    )
