"""Words: how texts are split and compared in searches."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from application.ports.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        (" ?! --- ", set()),
        ("The clerk asked for 500.", {"the", "clerk", "asked", "for", "500"}),
        ("Café, CAFE\u0301 cafe", {"cafe"}),
        ("snake_case and kebab-case", {"snake", "case", "and", "kebab"}),
        ("Straße STRASSE", {"strasse"}),
        ("İstanbul istanbul", {"istanbul"}),
        ("ﬁnes", {"fines"}),
        ("Αθήνα ΑΘΗΝΑ", {"αθηνα"}),
        ("взятка Взятка", {"взятка"}),
        ("贿赂 500", {"贿赂", "500"}),
    ],
)
def test_words_are_compared_without_case_accents_and_punctuation(
    text: str, expected: set[str]
) -> None:
    assert words(text) == expected


@given(some.text())
def test_splitting_words_again_changes_nothing(text: str) -> None:
    assert words(" ".join(words(text))) == words(text)


@given(some.text(), some.text())
def test_the_words_of_two_texts_are_the_words_of_both(one: str, other: str) -> None:
    assert words(f"{one}\n{other}") == words(one) | words(other)


@given(some.text())
def test_case_is_ignored(text: str) -> None:
    assert words(text.casefold()) == words(text)
