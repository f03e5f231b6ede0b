"""What all ParkedEvents promise."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from adapters.mongo import Document
from adapters.parked.memory import MemoryParkedEvents
from adapters.parked.mongo import MongoParkedEvents
from adapters.parked.sqlite import SqliteParkedEvents
from application.ports.codec import RecordedEvent
from application.ports.parked import AT_ONCE, ParkedEvent, ParkedEvents
from tests.contracts.nothing import assert_fails_against_nothing

# One more user of the same parked events.
Open = Callable[[], ParkedEvents]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def parked(
    subscriber: str = "popular-cases",
    log: str = "cases",
    position: int = 5,
    *,
    stream: str = "case-1",
    seconds: float | None = None,
) -> ParkedEvent:
    """An event to be tried again so many seconds after NOW, if ever."""
    event = RecordedEvent(
        log=log,
        position=position,
        stream=stream,
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
        subscriber=subscriber,
        event=event,
        error="ValueError: no",
        parked_at="2026-01-01T00:00:00Z",
        tries=2,
        retry_at=None if seconds is None else NOW + timedelta(seconds=seconds),
    )


class ParkedEventsContract:
    def test_parked_events_are_listed_unchanged(self, parking: Open) -> None:
        parking().park(parked(), parked("cases", seconds=60))
        assert parking().list() == [parked("cases", seconds=60), parked()]
        assert parking().list("popular-cases") == [parked()]
        parking().park()
        assert parking().list("popular-cases") == [parked()]

    def test_parked_events_are_listed_by_subscriber_log_and_position(self, parking: Open) -> None:
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

    def test_parking_an_event_again_replaces_it(self, parking: Open) -> None:
        parking().park(parked())
        parking().decide("popular-cases", parked().event.id, "retry")
        again = replace(parked(), error="KeyError: still not")
        parking().park(again)
        assert parking().list() == [again]

    def test_a_decision_is_kept_and_concerns_one_subscriber(self, parking: Open) -> None:
        for subscriber in ("cases", "videos"):
            parking().park(parked(subscriber))
        assert parking().decide("videos", parked().event.id, "drop")
        decided = replace(parked("videos"), verdict="drop", retry_at=AT_ONCE)
        assert parking().list() == [parked("cases"), decided]
        assert parking().decide("videos", parked().event.id, "drop")

    def test_an_event_that_is_not_parked_cannot_be_decided(self, parking: Open) -> None:
        parking().park(parked())
        assert parking().decide("popular-cases", "cases/case-1@6", "drop") is False
        assert parking().decide("videos", parked().event.id, "drop") is False
        assert parking().list() == [parked()]

    def test_removed_events_are_gone(self, parking: Open) -> None:
        positions = (5, 6, 7)
        parking().park(*(parked(position=position) for position in positions))
        first, _, last = (parked(position=position).event.id for position in positions)
        parking().remove("popular-cases", first, "nothing", last)
        parking().remove("popular-cases")
        assert parking().list() == [parked(position=6)]

    def test_due_events_are_found_longest_waiting_first(self, parking: Open) -> None:
        late, early = parked(position=5, seconds=-1), parked(position=6, seconds=-2)
        parking().park(late, early)
        parking().park(parked(position=7, seconds=0.001), parked(position=8))
        parking().park(parked("videos", position=9, seconds=-3))
        assert parking().due("popular-cases", NOW, 10) == [early, late]
        assert parking().due("popular-cases", NOW, 1) == [early]
        assert parking().due("cases", NOW, 10) == []

    def test_a_decided_event_is_due_at_once(self, parking: Open) -> None:
        for position, seconds in ((5, 60.0), (6, None), (7, -1.0)):
            parking().park(parked(position=position, seconds=seconds))
        for position, verdict in ((5, "retry"), (6, "drop")):
            parking().decide("popular-cases", parked(position=position).event.id, verdict)
        found = parking().due("popular-cases", NOW, 10)
        assert {each.verdict for each in found[:2]} == {"retry", "drop"}
        assert found[2:] == [parked(position=7, seconds=-1)]

    def test_parked_events_of_a_stream_are_found_in_order(self, parking: Open) -> None:
        wanted = [parked(position=9), parked(position=10)]
        parking().park(*reversed(wanted), parked(position=7, stream="case-2"))
        parking().park(parked("videos", position=8), parked(log="members", position=1))
        assert parking().of_stream("popular-cases", "cases", "case-1") == wanted
        assert parking().of_stream("popular-cases", "cases", "case-3") == []

    def test_dropped_events_are_remembered_for_all_builds_of_the_service(
        self, parking: Open
    ) -> None:
        event = parked("cases.1000")
        parking().park(event, parked("videos.1000"))
        parking().decide("cases.1000", event.event.id, "drop")
        parking().decide("cases.1000", event.event.id, "drop")
        parking().remove("cases.1000", event.event.id)
        assert parking().dropped("cases") == {event.event.id}
        assert parking().dropped("videos") == frozenset()

    def test_a_drop_is_forgotten_when_a_retry_is_decided(self, parking: Open) -> None:
        event = parked("cases.1000")
        parking().park(event)
        parking().decide("cases.1000", event.event.id, "drop")
        assert parking().dropped("cases")
        parking().decide("cases.1000", event.event.id, "retry")
        assert parking().dropped("cases") == frozenset()

    def test_a_drop_can_be_taken_back(self, parking: Open) -> None:
        event = parked("cases.1000")
        parking().park(event)
        parking().decide("cases.1000", event.event.id, "drop")
        assert not parking().take_back("videos", event.event.id)
        assert parking().take_back("cases", event.event.id)
        assert not parking().take_back("cases", event.event.id)
        assert parking().dropped("cases") == frozenset()


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
    def park(self, *events: ParkedEvent) -> None: ...

    def due(self, subscriber: str, at: datetime, limit: int) -> Sequence[ParkedEvent]:
        return []

    def of_stream(self, subscriber: str, log: str, stream: str) -> Sequence[ParkedEvent]:
        return []

    def dropped(self, service: str) -> frozenset[str]:
        return frozenset()

    def take_back(self, service: str, event_id: str) -> bool:
        return False

    def list(self, subscriber: str | None = None) -> Sequence[ParkedEvent]:
        return []

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        return False

    def remove(self, subscriber: str, *event_ids: str) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(ParkedEventsContract, parking=Nothing)
