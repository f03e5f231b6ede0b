"""What all ParkedEvents promise."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo.database import Database

from adapters.mongo import Document
from adapters.parked.memory import MemoryParkedEvents
from adapters.parked.mongo import MongoParkedEvents
from adapters.parked.sqlite import SqliteParkedEvents
from application.ports.codec import RecordedEvent
from application.ports.parked import ParkedEvent, ParkedEvents
from tests.contracts.nothing import assert_fails_against_nothing

# One more user of the same parked events.
Open = Callable[[], ParkedEvents]


def parked(subscriber: str = "popular-cases", log: str = "cases", position: int = 5) -> ParkedEvent:
    event = RecordedEvent(
        log=log,
        position=position,
        stream="case-1",
        version=position,
        stamp=1_700_000_000_123_456,
        type="cases.CaseReported",
        schema=2,
        data=b'{"title":"caf\xc3\xa9"}\x00\xff',
        correlation_id="c",
        causation_id="d",
        traceparent="00-1-2-01",
    )
    return ParkedEvent(
        subscriber=subscriber, event=event, error="ValueError: no", parked_at="2026-01-01T00:00:00Z"
    )


class ParkedEventsContract:
    def test_what_was_parked_is_listed_unchanged(self, parking: Open) -> None:
        parking().park(parked())
        assert parking().list() == [parked()]
        assert parking().list("popular-cases") == [parked()]

    def test_they_are_listed_by_subscriber_log_and_position(self, parking: Open) -> None:
        events = [
            parked("cases", "cases", 9),
            parked("cases", "cases", 10),
            parked("cases", "members", 1),
            parked("videos", "cases", 2),
            parked("videos", "cases", 11),
        ]
        for event in reversed(events):
            parking().park(event)
        assert parking().list() == events
        assert parking().list("videos") == events[3:]
        assert parking().list("nobody") == []

    def test_parking_it_again_replaces_it(self, parking: Open) -> None:
        parking().park(parked())
        parking().decide("popular-cases", parked().event.id, "retry")
        again = replace(parked(), error="KeyError: still not")
        parking().park(again)
        assert parking().list() == [again]

    def test_a_decision_is_kept_and_concerns_one_subscriber(self, parking: Open) -> None:
        for subscriber in ("cases", "videos"):
            parking().park(parked(subscriber))
        assert parking().decide("videos", parked().event.id, "drop")
        assert parking().list() == [parked("cases"), replace(parked("videos"), verdict="drop")]
        assert parking().decide("videos", parked().event.id, "drop")

    def test_there_is_nothing_to_decide_on_what_is_not_parked(self, parking: Open) -> None:
        parking().park(parked())
        assert parking().decide("popular-cases", "cases/case-1@6", "drop") is False
        assert parking().decide("videos", parked().event.id, "drop") is False
        assert parking().list() == [parked()]

    def test_what_is_removed_is_gone(self, parking: Open) -> None:
        parking().park(parked(position=5))
        parking().park(parked(position=6))
        parking().remove("popular-cases", parked(position=5).event.id)
        parking().remove("popular-cases", "nothing")
        assert parking().list() == [parked(position=6)]


class TestMemoryParkedEvents(ParkedEventsContract):
    @pytest.fixture
    def parking(self) -> Open:
        only = MemoryParkedEvents()
        return lambda: only


class TestSqliteParkedEvents(ParkedEventsContract):
    @pytest.fixture
    def parking(self, tmp_path: Path) -> Iterator[Open]:
        users = [SqliteParkedEvents(tmp_path / "klarity.sqlite") for _ in range(2)]

        def take_turns() -> SqliteParkedEvents:
            users.reverse()
            return users[0]

        yield take_turns
        for user in users:
            user.close()


class TestMongoParkedEvents(ParkedEventsContract):
    @pytest.fixture
    def parking(self, mongo_database: Database[Document]) -> Open:
        return lambda: MongoParkedEvents(mongo_database)


class Nothing:
    def park(self, event: ParkedEvent) -> None: ...

    def list(self, subscriber: str | None = None) -> list[ParkedEvent]:
        return []

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        return False

    def remove(self, subscriber: str, event_id: str) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(ParkedEventsContract, parking=Nothing)
