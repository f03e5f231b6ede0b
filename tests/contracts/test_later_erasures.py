"""What all LaterErasures promise."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from adapters.later_erasures.memory import MemoryLaterErasures
from adapters.later_erasures.mongo import MongoLaterErasures
from adapters.later_erasures.sqlite import SqliteLaterErasures
from adapters.mongo import Document
from application.ports.later_erasures import LaterErasures
from tests.contracts.nothing import assert_fails_against_nothing

# One more user of the same queue.
Open = Callable[[], LaterErasures]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = NOON + timedelta(hours=1)


class LaterErasuresContract:
    def test_what_is_due_is_found_the_earliest_first(self, queue: Open) -> None:
        for entry, due in (("b", SOON), ("a", NOON), ("c", SOON + timedelta(seconds=1))):
            queue().add(entry, due)
        assert queue().due(NOON - timedelta(seconds=1)) == []
        assert queue().due(NOON) == ["a"]
        assert queue().due(SOON) == ["a", "b"]

    def test_what_waits_keeps_its_time(self, queue: Open) -> None:
        queue().add("a", SOON)
        queue().add("a", NOON)
        assert queue().due(NOON) == []
        assert queue().due(SOON) == ["a"]

    def test_what_is_moved_waits_until_then(self, queue: Open) -> None:
        queue().add("a", NOON)
        for entry in ("a", "b"):
            queue().move(entry, SOON)
        assert queue().due(NOON) == []
        assert queue().due(SOON) == ["a"]

    def test_what_is_removed_is_gone(self, queue: Open) -> None:
        queue().add("a", NOON)
        assert queue().due(NOON) == ["a"]
        queue().remove("a")
        queue().remove("a")
        assert queue().due(SOON) == []


class TestMemoryLaterErasures(LaterErasuresContract):
    @pytest.fixture
    def queue(self) -> Open:
        held = MemoryLaterErasures()
        return lambda: held


class TestSqliteLaterErasures(LaterErasuresContract):
    @pytest.fixture
    def queue(self, tmp_path: Path) -> Iterator[Open]:
        opened: list[SqliteLaterErasures] = []

        def open_another() -> LaterErasures:
            opened.append(SqliteLaterErasures(tmp_path / "klarity.db"))
            return opened[-1]

        yield open_another
        for each in opened:
            each.close()


class TestMongoLaterErasures(LaterErasuresContract):
    @pytest.fixture
    def queue(self, mongo_database: Database[Document]) -> Open:
        return lambda: MongoLaterErasures(mongo_database)


class Nothing:
    """A queue that keeps nothing."""

    def add(self, entry: str, due: datetime) -> None: ...

    def due(self, now: datetime) -> list[str]:
        return []

    def move(self, entry: str, due: datetime) -> None: ...

    def remove(self, entry: str) -> None: ...


def test_a_queue_that_does_nothing_fails() -> None:
    assert_fails_against_nothing(LaterErasuresContract, queue=Nothing)
