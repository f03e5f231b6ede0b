"""Comments as threads, addresses to share a case at, and the words for sizes."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from entrypoints.site.case_words import weight
from entrypoints.site.language import choose_language
from entrypoints.site.sharing import share_addresses
from entrypoints.site.threads import DEEPEST, threads


def shown(*comments: tuple[str, str | None]) -> list[tuple[str, int]]:
    given = [{"comment_id": name, "parent_id": parent} for name, parent in comments]
    return [(remark.comment["comment_id"], remark.depth) for remark in threads(given)]


def test_answers_follow_their_comment_the_oldest_first() -> None:
    found = shown(("a", None), ("b", None), ("c", "a"), ("d", "c"), ("e", "a"))
    assert found == [("a", 0), ("c", 1), ("d", 2), ("e", 1), ("b", 0)]


def test_a_comment_whose_parent_is_on_another_page_stands_alone() -> None:
    assert shown(("b", "a"), ("c", "b")) == [("b", 0), ("c", 1)]


def test_a_thread_of_a_thousand_answers_is_indented_a_little() -> None:
    chain = [("0", None), *((str(n), str(n - 1)) for n in range(1, 1000))]
    found = shown(*chain)
    assert [name for name, _ in found] == [str(n) for n in range(1000)]
    assert max(depth for _, depth in found) == DEEPEST


def test_a_long_title_is_cut_and_all_addresses_keep_what_is_shared() -> None:
    found = share_addresses("https://k.example/cases/1?x=1&y", "t&t" * 100)
    assert {urlsplit(place).scheme for place in found.values()} == {"https", "mailto"}
    shared = parse_qs(urlsplit(found["x"]).query)
    assert shared["url"] == ["https://k.example/cases/1?x=1&y"]
    assert len(shared["text"][0]) == 120


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({}, ""),
        ({"size": None, "duration": None}, ""),
        ({"size": 12_400}, "12 KB"),
        ({"size": 20}, "1 KB"),
        ({"size": 1_240_000, "duration": 78.4}, "1.2 MB, 1:18"),
    ],
)
def test_size_and_length_are_told_as_far_as_known(item: dict[str, Any], told: str) -> None:
    with Flask("words").test_request_context():
        choose_language()
        assert weight(item) == told
