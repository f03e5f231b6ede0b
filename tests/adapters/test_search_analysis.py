"""How texts become terms, excerpts and columns, the same for every engine."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.search_index import languages
from adapters.search_index.analysis import (
    MOST_WORDS,
    asked,
    breaks,
    joined,
    spoken,
    stems,
    terms,
    units,
)
from adapters.search_index.circles import around
from adapters.search_index.columns import decoded, encoded
from adapters.search_index.completion import completions
from adapters.search_index.folding import LONGEST, fold
from adapters.search_index.fragments import CUT, WIDTH, fragment, is_mistyped
from application.ports.read_models import Near

# Letters, marks and signs of many scripts, in every order.
MIXED = some.text(
    some.sampled_from(
        "aÉß\u0301\u00ad\u200c\u200d رشوةپ رِ रिश्वत क़ שׁ 贿賂警 わワﾜﾞー ก็ำ ស្រ 뇌물을 "
        "İıŁ 5٥५𠮷📷_'.- \n"
    )
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Don't panic, l'ami!", ["don", "t", "panic", "l", "ami"]),
        ("a_b-c.d", ["a", "b", "c", "d"]),
        ("贿赂", ["贿赂", "赂"]),
        ("贿 赂", ["贿", "赂"]),
        ("500元 x贿赂y", ["500", "元", "x", "贿赂", "赂", "y"]),
        ("𠮷野", ["𠮷野", "野"]),
        ("पुलिस ने", ["पुलिस", "ने"]),
        ("\u0301 \u00ad", []),
    ],
)
def test_texts_become_words_and_pairs(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@given(MIXED)
def test_units_follow_each_other_and_fold_what_is_written(text: str) -> None:
    found = list(units(text))
    for one, following in pairwise(found):
        assert one.end <= following.start
        assert not following.joined or following.in_run
    for unit in found:
        assert unit.form == fold(text[unit.start : unit.end])
        assert unit.form == fold(unit.form)
        assert " " not in unit.form


@given(MIXED, some.integers(0, 20), some.integers(1, 5))
def test_each_part_of_a_run_is_asked_for_by_terms_of_the_whole(
    text: str, start: int, size: int
) -> None:
    found = list(units(text))
    part = found[start : start + size]
    if not part or not all(one.joined for one in part[1:]) or not part[0].in_run:
        return
    held = terms(text)
    for word in asked(text[part[0].start : part[-1].end]):
        assert all(
            any(term.startswith(one) if word.is_prefix else term == one for term in held)
            for one in word.terms
        )


@pytest.mark.parametrize("letter", ["a", "贿", "ส", "뇌", "\u0301", "\u00ad", "a\u0301", "क़", "a "])
def test_hostile_texts_have_no_more_terms_than_letters(letter: str) -> None:
    text = letter * 20_000
    assert len(terms(text)) <= len(text)
    assert len(stems(text)) <= len(text) * len(languages.ALL)
    assert len(asked(text)) <= MOST_WORDS
    assert all(len(term) <= 2 * LONGEST for term in terms(text))


def test_a_text_is_in_the_language_of_its_frequent_words() -> None:
    assert spoken(["The bribe that was in the letter of the clerk"]) == {"en"}
    assert spoken(["el soborno de la policía en la calle", "взятка на дороге не моя"]) == {
        "es",
        "ru",
    }
    assert spoken(["Korruption"]) == languages.ALL
    assert stems("bribes", frozenset({"en"})) == ["en_bribe"]
    assert stems("the bribes")[-1] == "en_bribe"
    assert stems("贿赂 of") == []


def test_terms_of_two_texts_are_kept_apart() -> None:
    assert joined([["a", "b"], ["c"]]) == "a b | c"


def test_dictionaries_cut_runs_by_letters_not_by_units_of_utf_16() -> None:
    assert breaks("𠮷贿赂") == [0, 1, 3]


@given(
    some.lists(
        some.one_of(
            some.none(),
            some.floats(allow_nan=False),
            some.integers(-(2**53), 2**53),
            some.text(max_size=9),
        )
    )
)
def test_columns_have_the_order_of_their_values(values: list[float | str | None]) -> None:
    def kind(value: float | str | None) -> tuple[int, float | str]:
        if value is None:
            return (0, 0)
        return (2, value) if isinstance(value, str) else (1, value)

    assert [decoded(code) for code in sorted(map(encoded, values))] == sorted(values, key=kind)


@pytest.mark.parametrize("value", [float("nan"), 10**400, "x" * 40_000])
def test_values_without_a_place_in_an_order_are_refused(value: float | str) -> None:
    with pytest.raises(ValueError, match=r"NaN|large|bytes"):
        encoded(value)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("police", "police", True),
        ("police", "polcie", True),
        ("police", "polixe", True),
        ("police", "olice", True),
        ("police", "policee", True),
        ("police", "pilocy", False),
        ("police", "plce", False),
        ("police", "epolic", False),
    ],
)
def test_one_mistyped_letter_is_told_from_two(one: str, other: str, expected: bool) -> None:
    assert is_mistyped(one, other) == is_mistyped(other, one) == expected


@given(some.lists(MIXED), MIXED)
def test_excerpts_mark_what_was_found(texts: list[str], query: str) -> None:
    found = fragment(texts, asked(query))
    if found is None:
        return
    assert any(found.text.strip(CUT) in text for text in texts)
    assert found.found
    assert all(start < end <= len(found.text) for start, end in found.found)
    assert all(one[1] <= following[0] for one, following in pairwise(found.found))


def test_an_excerpt_is_cut_between_words_around_most_of_the_words_found() -> None:
    noise = "unrelated sentences about the weather and the harvest, " * 20
    text = f"A bribe. {noise}The customs officer took a bribe and another bribe. {noise}"
    found = fragment([text], asked("customs bribe"))
    assert found is not None
    assert len(found.text) <= WIDTH + 2 * len(CUT)
    assert [found.text[start:end] for start, end in found.found] == ["customs", "bribe", "bribe"]
    assert found.text.startswith(CUT)
    assert found.text.endswith(CUT)
    assert set(found.text.strip(CUT).replace(",", "").replace(".", "").split()) <= set(
        text.replace(",", "").replace(".", "").split()
    )


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("The officers came", "officer", ["officers"]),
        ("The oficer came", "officer", ["oficer"]),
        ("cor\u00adruption", "corruption", ["cor\u00adruption"]),
        ("警察索要贿赂五百元", "贿赂 五", ["贿赂", "五"]),
        ("뇌물이 있다", "뇌물을", ["뇌물"]),
        ("ตำรวจเรียกสินบน", "สินบน", ["สินบน"]),
        ("nothing here", "bribe", None),
    ],
)
def test_excerpts_mark_words_in_any_script(
    text: str, query: str, expected: list[str] | None
) -> None:
    found = fragment([text], asked(query))
    marked = found and [found.text[start:end] for start, end in found.found]
    assert marked == expected


def test_a_word_of_a_run_is_completed_to_the_end_of_its_last_word() -> None:
    (word,) = asked("索", typing=True)
    assert list(completions(["警察索要贿赂", "x 索"], word)) == ["索", "索"]


@pytest.mark.parametrize(
    ("circle", "box"),
    [
        (Near("place", 0, 0, 111.3), (-1.0, -1.0, 1.0, 1.0)),
        (Near("place", 0, 180, 111.3), (179.0, -1.0, -179.0, 1.0)),
        (Near("place", 89.5, 0, 111.3), (-180.0, 88.5, 180.0, 90.5)),
        (Near("place", 0, 0, 15_000), (-180.0, -90, 180.0, 90)),
    ],
)
def test_a_box_holds_its_circle(circle: Near, box: tuple[float, float, float, float]) -> None:
    found = around(circle)
    if circle.km < 1000:
        assert (found.west, found.south, found.east, found.north) == pytest.approx(box, abs=0.01)
    else:
        assert (found.west, found.east) == (-180, 180)
