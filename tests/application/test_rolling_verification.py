"""A log is verified a little at a time, and what was changed in it is found."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.event_store.memory import TRIAL
from application.engine.log_sealer import LogSealer
from application.engine.rolling_verification import PAUSE, RollingVerification
from application.ports.event_store import SealedHead, StoreUnavailable
from tests.world import World

CASES = 5


class Store:
    """The log of the cases, which a test may change."""

    log = "cases"

    def __init__(self, world: World) -> None:
        self._store = world.stores["cases"]
        self.commits = self._store.read_log(0, 100)
        self.head: SealedHead | None = self._store.sealed_head()
        self.error: Exception | None = None

    def read_log(self, after: int, limit: int) -> list[Any]:
        if self.error:
            raise self.error
        return [commit for commit in self.commits if commit.position > after][:limit]

    def sealed_head(self) -> SealedHead | None:
        return self.head


@pytest.fixture
def world() -> World:
    world = World()
    anna = world.member()
    for number in range(CASES):
        world.report(anna, case_id=f"c{number}")
    LogSealer(world.stores["cases"], TRIAL).leave()
    return world


@pytest.fixture
def store(world: World) -> Store:
    return Store(world)


def verification(world: World, store: Store) -> RollingVerification:
    return RollingVerification(store, world.codec, TRIAL, world.clock)  # type: ignore[arg-type]  # as much as is used


def walked(world: World, store: Store) -> RollingVerification:
    chain = verification(world, store)
    while chain.step(2):
        pass
    return chain


def test_an_unchanged_log_has_no_fault(world: World, store: Store) -> None:
    chain = verification(world, store)
    assert chain.step(2)
    assert not chain.is_complete
    assert 0 < chain.position < store.commits[-1].position
    chain = walked(world, store)
    assert chain.is_complete
    assert chain.position == chain.sealed == store.commits[-1].position
    assert chain.faults == ()
    assert chain.checked_at == world.clock()


def test_new_commits_are_verified_when_they_come(world: World, store: Store) -> None:
    chain = walked(world, store)
    world.report(world.member("Ben"), case_id="new")
    LogSealer(world.stores["cases"], TRIAL).leave()
    later = Store(world)
    store.commits, store.head = later.commits, later.head
    assert chain.step(9)
    assert not chain.step(9)
    assert chain.position == store.commits[-1].position
    assert chain.faults == ()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"body": b"{}"}, "body cannot be read"),
        ({"seal": bytes(32)}, "not written with this instance's secret"),
        ({"command_id": "another"}, "its command id is not what its body says"),
        ({"hash": bytes(32)}, "the log is not what was sealed"),
        ({"hash": None}, "cannot be read (TypeError)"),
    ],
)
def test_a_changed_commit_is_found(
    world: World, store: Store, change: dict[str, Any], fault: str
) -> None:
    store.commits[1] = replace(store.commits[1], **change)
    chain = verification(world, store)
    for _ in range(2 * CASES):
        chain.step(2)
    assert fault in " ".join(chain.faults)
    assert "case-" not in " ".join(chain.faults)


def test_a_removed_commit_is_found(world: World, store: Store) -> None:
    del store.commits[2]
    assert "positions are missing or repeated" in walked(world, store).faults


def test_a_removed_end_is_found(world: World, store: Store) -> None:
    del store.commits[-1]
    assert walked(world, store).faults == ("its end was cut off since it was sealed",)


def test_a_removed_or_changed_head_is_found(world: World, store: Store) -> None:
    assert store.head is not None
    store.head = replace(store.head, position=store.head.position - 1)
    assert walked(world, store).faults == ("its sealed head was changed",)
    store.head = None
    assert walked(world, store).faults == ("its sealed head was removed",)


def test_a_log_that_cannot_be_read_is_a_fault_unless_its_store_is_away(
    world: World, store: Store
) -> None:
    chain = verification(world, store)
    store.error = StoreUnavailable()
    with pytest.raises(StoreUnavailable):
        chain.step(2)
    assert not chain.faults
    store.error = KeyError()
    assert not chain.step(2)
    assert list(chain.faults) == ["a commit cannot be read (KeyError)"]


def test_it_begins_anew_after_a_day_and_forgets_what_two_walks_did_not_find(
    world: World, store: Store
) -> None:
    chain, end = verification(world, store), store.commits.pop()
    while chain.step(2):
        pass
    store.commits.append(end)
    for _ in range(2):
        assert chain.faults
        world.clock.wind(seconds=(PAUSE + timedelta(seconds=1)).total_seconds())
        while chain.step(2):
            pass
    chain.step(2)
    assert chain.faults == ()
