"""Search over HTTP: results with what was found, counts, suggestions, and the lists that use it."""

import logging
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from config.process import Process
from tests.http.conftest import Caller, problem
from tests.http.public_cases import publish, withdraw

LISTS = ("/v1/cases", "/v1/cases.geojson", "/v1/cases.csv", "/v1/feeds/cases.atom")
PLACE = {"lat": 1, "lon": 2, "precision": "city", "name": "Harbour"}


@pytest.fixture
def word() -> str:
    """A word that nobody has used before."""
    return f"w{uuid4().hex[:12]}"


def found(caller: Caller, q: str, query: str = "", **headers: str) -> Any:
    reply = caller("GET", f"/v1/search?q={quote(q)}&{query}", headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json


def ids(body: Any) -> list[str]:
    return [item["case_id"] for item in body["items"]]


class TestResults:
    def test_what_was_found_is_told_in_pieces(
        self, process: Process, anna: Caller, word: str
    ) -> None:
        case = publish(process, anna, title=f"The {word} permit", story="Nothing else.")
        (item,) = found(anna, word, **case.seen)["items"]
        assert item["title"] == f"The {word} permit"
        pieces = item["highlights"]["title"]
        assert "".join(piece["text"] for piece in pieces) == f"The {word} permit"
        assert [piece["text"] for piece in pieces if piece["found"]] == [word]
        assert "story" not in item["highlights"]
        assert {"comments", "said", "public"}.isdisjoint(item)

    def test_values_are_counted(self, process: Process, anna: Caller, word: str) -> None:
        publish(process, anna, title=f"The {word}", category="fraud", tags=["roads"])
        last = publish(process, anna, title=f"A {word}", category="other", tags=["roads", word])
        body = found(anna, word, "limit=1", **last.seen)
        assert body["facets"] == {
            "category": {"fraud": 1, "other": 1},
            "tags": {"roads": 2, word: 1},
        }

    @pytest.mark.parametrize("sort", ["relevance", "newest"])
    def test_pages_follow_each_other(
        self, process: Process, anna: Caller, word: str, sort: str
    ) -> None:
        cases = [publish(process, anna, title=f"Number {n} {word}") for n in range(5)]
        url, keys = f"/v1/search?q={word}&sort={sort}&limit=2", list[str]()
        while url:
            reply = anna("GET", url, headers=cases[-1].seen)
            keys += ids(reply.json)
            url = reply.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert len(keys) == len(set(keys)) == 5
        assert set(keys) == {case.case_id for case in cases}

    def test_filters_hold_as_well(self, process: Process, anna: Caller, word: str) -> None:
        case = publish(process, anna, title=word, category="fraud", location=PLACE, tags=["a"])
        for query, there in (
            ("category=fraud&tag=a&bbox=1,0,3,2", True),
            ("near=1,2&within_km=1&created_after=2020-01-01T00:00:00Z", True),
            (f"case_ids={case.case_id}", True),
            ("category=bribery", False),
            ("bbox=10,10,11,11", False),
            ("party=nobody", False),
        ):
            assert bool(ids(found(anna, word, query, **case.seen))) is there, query

    def test_a_case_that_was_taken_back_is_not_found(
        self, process: Process, anna: Caller, word: str
    ) -> None:
        case = publish(process, anna, title=word)
        seen = withdraw(anna, case)
        assert found(anna, word, **seen)["items"] == []
        assert anna("GET", f"/v1/search/suggest?q={word[:6]}").json == {"items": []}

    def test_unfinished_words_are_found_and_completed(
        self, process: Process, anna: Caller, word: str
    ) -> None:
        case = publish(process, anna, title=f"Report of {word}")
        assert ids(found(anna, word[:8], "typing=true", **case.seen)) == [case.case_id]
        reply = anna("GET", f"/v1/search/suggest?q={quote('of ' + word[:8])}")
        assert reply.json == {"items": [{"text": f"of {word}"}]}


class TestLists:
    @pytest.mark.parametrize("path", LISTS)
    def test_every_list_of_cases_is_searched(
        self, process: Process, anna: Caller, path: str, word: str
    ) -> None:
        case = publish(process, anna, title=word, location=PLACE)
        other = publish(process, anna, title="Another", location=PLACE)
        told = anna("GET", f"{path}?q={word}", headers=other.seen).text
        assert case.case_id in told
        assert other.case_id not in told

    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize("query", ["q=%3F!", "party=%3F!"])
    def test_a_text_without_a_word_is_found_nowhere(
        self, process: Process, anna: Caller, path: str, query: str
    ) -> None:
        case = publish(process, anna, location=PLACE)
        reply = anna("GET", f"{path}?{query}", headers=case.seen)
        assert reply.status_code == 200
        assert case.case_id not in reply.text

    def test_pages_of_cases_follow_each_other(
        self, process: Process, anna: Caller, word: str
    ) -> None:
        cases = [publish(process, anna, title=f"Number {n} {word}") for n in range(3)]
        first = anna("GET", f"/v1/cases?q={word}&limit=2", headers=cases[-1].seen)
        url = first.headers["Link"].partition(">")[0].removeprefix("<")
        keys = ids(first.json) + ids(anna("GET", url).json)
        assert sorted(keys) == sorted(case.case_id for case in cases)


class TestTexts:
    @pytest.mark.parametrize("path", ["/v1/search", "/v1/search/suggest", "/v1/cases"])
    @pytest.mark.parametrize("text", ["", "x" * 201])
    def test_the_length_of_a_text_is_limited(self, anna: Caller, path: str, text: str) -> None:
        reply = anna("GET", f"{path}?q={text}")
        assert problem(reply) == (422, "invalid")
        assert "q" in reply.json["errors"]["query"] if "query" in reply.json["errors"] else True

    def test_a_search_needs_a_text(self, anna: Caller) -> None:
        assert problem(anna("GET", "/v1/search")) == (422, "invalid")

    @pytest.mark.parametrize(
        "text",
        [
            " ".join("abcdefghij" * 10),
            "* " * 100,
            "?" * 200,
            '"' + "(" * 199,
            "title:x AND NOT y^1000000",
            "[a TO z] {* TO *}",
            "zq~2 /.*/ \\",
            "\u200b" * 200,
            "\u8b66" * 200,
            "\U0001f4a9" * 200,
            "\u202e\u0e01\u0e33" * 60,
        ],
    )
    @pytest.mark.parametrize("more", ["", "&typing=true", "&sort=newest&party=%2A"])
    def test_whatever_somebody_types_is_answered(self, anna: Caller, text: str, more: str) -> None:
        assert found(anna, text, more)["items"] == []
        assert anna("GET", f"/v1/search/suggest?q={quote(text)}").status_code == 200

    def test_what_people_search_for_is_in_no_log(
        self, process: Process, anna: Caller, word: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(process, anna)
        with caplog.at_level(logging.DEBUG):
            found(anna, word)
            anna("GET", f"/v1/search/suggest?q={word}")
            anna("GET", f"/v1/cases?q={word}&party={word}")
            anna("GET", f"/v1/search?q={word * 20}")
        assert word not in caplog.text
        metrics = process.internal_app.test_client().get("/metrics").text
        assert word not in metrics
