"""What every History promises."""

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from adapters.codec.cloudevents import CloudEventsWire
from adapters.history.http import HttpHistory
from adapters.history.routed import RoutedHistory
from application.ports.codec import RecordedEvent
from application.ports.history import History, HistoryUnavailable
from entrypoints.http.history import history_blueprint
from entrypoints.http.problems import register_problems
from tests.contracts.nothing import assert_fails_against_nothing
from tests.world import World

TOKEN = "a token for services"


class HistoryContract:
    def test_events_come_in_the_order_of_the_log(self, history: History, world: World) -> None:
        found = history.read("cases", 0, 100)
        assert [event.position for event in found] == list(range(1, len(found) + 1))
        assert found == world.history.read("cases", 0, 100)
        assert found

    def test_reading_continues_after_a_position_even_within_a_commit(
        self, history: History, world: World
    ) -> None:
        every = world.history.read("cases", 0, 100)
        for after in range(len(every) + 1):
            assert history.read("cases", after, 100) == every[after:]

    def test_a_page_is_limited_to_a_number_of_commits(self, history: History, world: World) -> None:
        assert history.read("cases", 0, 1) == world.history.read("cases", 0, 1)
        assert len(history.read("cases", 0, 1)) == 1

    def test_stored_events_are_read_byte_for_byte(self, history: History, world: World) -> None:
        found = [event.data for event in history.read("cases", 0, 100)]
        assert found == [event.data for event in world.history.read("cases", 0, 100)]
        assert found

    def test_a_stream_is_read_completely_and_without_others(
        self, history: History, world: World
    ) -> None:
        found = history.stream("cases", "case-c1")
        assert [event.version for event in found] == list(range(1, len(found) + 1))
        assert {event.stream for event in found} == {"case-c1"}
        stored = world.stores["cases"].load("case-c1")
        assert len(found) == stored[-1].last
        assert [event.data for event in found] == [
            event.data for event in world.history.read("cases", 0, 100) if event.stream == "case-c1"
        ]

    def test_a_missing_stream_is_empty(self, history: History) -> None:
        assert history.stream("cases", "case-nowhere") == []

    def test_an_event_has_its_position(self, history: History) -> None:
        for event in history.read("cases", 0, 100):
            assert history.position_of("cases", event.stream, event.version) == event.position
        assert history.position_of("cases", "case-c1", 1) == 1

    def test_a_missing_event_has_no_position(self, history: History) -> None:
        assert history.position_of("cases", "case-c1", 99) is None
        assert history.position_of("cases", "case-nowhere", 1) is None

    def test_the_last_position_is_the_position_of_the_newest_event(
        self, history: History, world: World
    ) -> None:
        assert history.last_position("cases") == world.stores["cases"].last_position() > 0


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    world.public_case(world.member())
    world.settle()
    return world


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    """A publisher that serves its log over HTTP."""
    app = Flask("publisher")
    app.register_blueprint(history_blueprint(world.history, world.wire, TOKEN, ("cases",)))
    register_problems(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class TestHistoryInPlace(HistoryContract):
    @pytest.fixture
    def history(self, world: World) -> History:
        return world.history


class TestHistoryOverHttp(HistoryContract):
    @pytest.fixture
    def history(self, address: str) -> Iterator[History]:
        history = HttpHistory({"cases": address}, TOKEN, CloudEventsWire())
        yield history
        history.close()

    def test_a_publisher_that_is_away_makes_the_history_unavailable(self) -> None:
        history = HttpHistory({"cases": "http://127.0.0.1:9"}, TOKEN, CloudEventsWire())
        with pytest.raises(HistoryUnavailable):
            history.read("cases", 0, 1)
        history.close()

    def test_a_wrong_token_makes_the_history_unavailable(self, address: str) -> None:
        history = HttpHistory({"cases": address}, "wrong", CloudEventsWire())
        with pytest.raises(HistoryUnavailable):
            history.last_position("cases")
        history.close()

    def test_a_malformed_answer_makes_the_history_unavailable(self, address: str) -> None:
        urls = {"x": f"{address}/events/cases/positions/last?"}
        history = HttpHistory(urls, TOKEN, CloudEventsWire())
        with pytest.raises(HistoryUnavailable):
            history.read("x", 0, 1)
        history.close()


class TestHistoryFromSeveralPlaces(HistoryContract):
    @pytest.fixture
    def history(self, world: World, address: str) -> Iterator[History]:
        far = HttpHistory({"cases": address}, TOKEN, CloudEventsWire())
        yield RoutedHistory(world.history, far, ["cases"])
        far.close()

    def test_other_logs_are_read_in_place(self, history: History, world: World) -> None:
        assert history.last_position("members") == world.stores["members"].last_position()


class NoHistory:
    def stream(self, log: str, stream: str) -> list[RecordedEvent]:
        return []

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        return []

    def position_of(self, log: str, stream: str, version: int) -> int | None:
        return None

    def last_position(self, log: str) -> int:
        return 0


def test_every_promise_is_broken_by_a_history_that_knows_nothing(world: World) -> None:
    nothing: Any = NoHistory()
    assert_fails_against_nothing(
        HistoryContract,
        history=nothing,
        world=world,
        but=["test_a_missing_event_has_no_position", "test_a_missing_stream_is_empty"],
    )
