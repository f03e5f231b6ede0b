"""What all Checkpoints promise."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymongo.database import Database

from adapters.checkpoints.memory import MemoryCheckpoints
from adapters.checkpoints.mongo import MongoCheckpoints
from adapters.checkpoints.sqlite import SqliteCheckpoints
from adapters.mongo import Document
from application.ports.checkpoints import START, Checkpoint, Checkpoints, Fenced
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

# One more user of the same checkpoints.
Open = Callable[[], Checkpoints]

FIRST = START.moved("cases", 7)
SECOND = FIRST.next(positions={"cases": 9, "members": 3}, parked=frozenset({"cases/case-1@2"}))


class CheckpointsContract:
    def test_a_name_that_was_never_saved_begins_at_the_start(self, checkpoints: Open) -> None:
        assert checkpoints().load("relay") == START

    def test_the_last_saved_checkpoint_is_loaded(self, checkpoints: Open) -> None:
        opened = checkpoints()
        opened.save("relay", FIRST)
        assert opened.load("relay") == FIRST
        opened.save("relay", SECOND)
        assert opened.load("relay") == SECOND

    def test_saved_checkpoints_survive_reopening(self, checkpoints: Open) -> None:
        checkpoints().save("relay", FIRST)
        checkpoints().save("relay", SECOND)
        assert checkpoints().load("relay") == SECOND

    def test_checkpoints_of_different_names_are_independent(self, checkpoints: Open) -> None:
        opened = checkpoints()
        opened.save("relay", FIRST)
        opened.save("policy", START.moved("members", 1))
        assert opened.load("relay") == FIRST
        assert opened.load("policy") == START.moved("members", 1)

    def test_checkpoints_are_listed_by_name(self, checkpoints: Open) -> None:
        assert checkpoints().list() == {}
        checkpoints().save("relay", FIRST)
        checkpoints().save("relay", SECOND)
        checkpoints().save("policy", FIRST)
        assert checkpoints().list() == {"relay": SECOND, "policy": FIRST}
        checkpoints().delete("relay")
        assert checkpoints().list() == {"policy": FIRST}

    @pytest.mark.parametrize("revision", [0, 1, 3, 40])
    def test_saving_any_revision_but_the_next_is_fenced(
        self, checkpoints: Open, revision: int
    ) -> None:
        checkpoints().save("relay", FIRST)
        with pytest.raises(Fenced):
            checkpoints().save("relay", Checkpoint(revision=revision, positions={"cases": 99}))
        assert checkpoints().load("relay") == FIRST

    @pytest.mark.parametrize("revision", [0, 2])
    def test_the_first_revision_is_one(self, checkpoints: Open, revision: int) -> None:
        with pytest.raises(Fenced):
            checkpoints().save("relay", Checkpoint(revision=revision))
        assert checkpoints().load("relay") == START

    @pytest.mark.parametrize("before", [START, FIRST])
    def test_of_many_concurrent_saves_exactly_one_succeeds(
        self, checkpoints: Open, before: Checkpoint
    ) -> None:
        if before is not START:
            checkpoints().save("relay", before)
        users = [checkpoints() for _ in range(4)]
        outcomes = race(4, lambda it: users[it].save("relay", before.moved("cases", 100 + it)))
        winners = [number for number, outcome in enumerate(outcomes) if outcome is None]
        assert len(winners) == 1
        assert sum(isinstance(outcome, Fenced) for outcome in outcomes) == 3
        assert checkpoints().load("relay") == before.moved("cases", 100 + winners[0])

    def test_a_deleted_checkpoint_starts_at_the_beginning(self, checkpoints: Open) -> None:
        opened = checkpoints()
        opened.save("relay", FIRST)
        opened.save("relay", SECOND)
        opened.delete("relay")
        opened.delete("nobody's")
        assert opened.load("relay") == START
        opened.save("relay", FIRST)
        assert opened.load("relay") == FIRST


class TestMemoryCheckpoints(CheckpointsContract):
    @pytest.fixture
    def checkpoints(self) -> Open:
        only = MemoryCheckpoints()
        return lambda: only


class TestSqliteCheckpoints(CheckpointsContract):
    @pytest.fixture
    def checkpoints(self, tmp_path: Path) -> Iterator[Open]:
        opened: list[SqliteCheckpoints] = []

        def open_one() -> SqliteCheckpoints:
            opened.append(SqliteCheckpoints(tmp_path / "new folder" / "klarity.sqlite"))
            return opened[-1]

        yield open_one
        for one in opened:
            one.close()


class TestMongoCheckpoints(CheckpointsContract):
    @pytest.fixture
    def checkpoints(self, mongo_database: Database[Document]) -> Open:
        return lambda: MongoCheckpoints(mongo_database)


class Nothing:
    def load(self, name: str) -> Checkpoint:
        return Checkpoint(revision=-1)

    def save(self, name: str, checkpoint: Checkpoint) -> None: ...

    def list(self) -> dict[str, Checkpoint]:
        return {"nothing": START}

    def delete(self, name: str) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(CheckpointsContract, checkpoints=Nothing)
