"""What all Leases promise."""

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database

from adapters.leases.memory import MemoryLeases
from adapters.leases.mongo import MongoLeases
from adapters.mongo import Document
from application.ports.leases import LeaseRecord, Leases
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race
from tests.servers import wait_until

# One more user of the same leases.
Open = Callable[[], Leases]

LONG = 60.0
SHORT = 0.1
PATIENCE = 60.0


class LeasesContract:
    def test_a_lease_that_was_never_taken_has_no_holder(self, leases: Open) -> None:
        assert leases().holder("relay") is None

    def test_a_free_lease_can_be_taken(self, leases: Open) -> None:
        assert leases().acquire("relay", "ann", LONG)
        assert leases().holder("relay") == "ann"

    def test_a_held_lease_cannot_be_taken_by_another(self, leases: Open) -> None:
        leases().acquire("relay", "ann", LONG)
        assert not leases().acquire("relay", "bob", LONG)
        assert leases().holder("relay") == "ann"

    def test_leases_of_different_names_are_independent(self, leases: Open) -> None:
        assert leases().acquire("relay", "ann", LONG)
        assert leases().acquire("policy", "bob", LONG)

    def test_an_expired_lease_can_be_taken_by_another(self, leases: Open) -> None:
        leases().acquire("relay", "ann", SHORT)
        assert wait_until(lambda: leases().holder("relay") is None, PATIENCE)
        assert leases().acquire("relay", "bob", LONG)
        assert leases().holder("relay") == "bob"
        assert not leases().acquire("relay", "ann", LONG)

    def test_the_holder_can_prolong_a_lease(self, leases: Open) -> None:
        leases().acquire("relay", "ann", SHORT)
        leases().acquire("policy", "ann", SHORT)
        assert leases().acquire("relay", "ann", LONG)
        assert wait_until(lambda: leases().holder("policy") is None, PATIENCE)
        assert leases().holder("relay") == "ann"

    def test_the_holder_can_shorten_a_lease(self, leases: Open) -> None:
        leases().acquire("relay", "ann", LONG)
        assert leases().acquire("relay", "ann", SHORT)
        assert wait_until(lambda: leases().holder("relay") is None, PATIENCE)

    def test_a_released_lease_is_free_at_once(self, leases: Open) -> None:
        leases().acquire("relay", "ann", LONG)
        leases().release("relay", "ann")
        assert leases().holder("relay") is None
        assert leases().acquire("relay", "bob", LONG)

    def test_only_the_holder_releases_a_lease(self, leases: Open) -> None:
        leases().acquire("relay", "ann", LONG)
        leases().release("relay", "bob")
        leases().release("policy", "bob")
        assert leases().holder("relay") == "ann"

    def test_names_are_not_interpreted_as_expressions(self, leases: Open) -> None:
        assert leases().acquire("$until", "$holder", LONG)
        assert leases().holder("$until") == "$holder"
        assert not leases().acquire("$until", "$$NOW", LONG)

    def test_of_many_concurrent_takers_of_a_new_lease_exactly_one_succeeds(
        self, leases: Open
    ) -> None:
        users = [leases() for _ in range(6)]
        outcomes = race(6, lambda it: users[it].acquire("relay", f"user {it}", LONG))
        assert (outcomes.count(True), outcomes.count(False)) == (1, 5)
        assert leases().holder("relay") == f"user {outcomes.index(True)}"

    def test_of_many_concurrent_takers_of_an_expired_lease_exactly_one_succeeds(
        self, leases: Open
    ) -> None:
        leases().acquire("relay", "ann", SHORT)
        assert wait_until(lambda: leases().holder("relay") is None, PATIENCE)
        users = [leases() for _ in range(6)]
        outcomes = race(6, lambda it: users[it].acquire("relay", f"user {it}", LONG))
        assert outcomes.count(True) == 1
        assert outcomes.count(False) == 5
        assert leases().holder("relay") == f"user {outcomes.index(True)}"

    def test_the_number_of_a_lease_grows_with_each_new_leader(self, leases: Open) -> None:
        leases().acquire("relay", "ann", LONG)
        leases().acquire("relay", "ann", LONG)
        leases().acquire("relay", "bob", LONG)
        assert leases().list()["relay"].number == 1
        leases().release("relay", "ann")
        assert leases().list()["relay"].number == 1
        leases().acquire("relay", "bob", LONG)
        assert leases().list()["relay"].number == 2
        leases().release("relay", "bob")
        leases().acquire("relay", "bob", LONG)
        assert leases().list()["relay"].number == 3

    def test_all_leases_are_listed_with_their_holders(self, leases: Open) -> None:
        assert leases().list() == {}
        leases().acquire("relay", "ann", LONG)
        leases().acquire("policy", "bob", LONG)
        leases().release("policy", "bob")
        found = leases().list()
        assert {name: lease.holder for name, lease in found.items()} == {
            "relay": "ann",
            "policy": None,
        }

    def test_a_lease_is_held_since_it_was_taken(self, leases: Open) -> None:
        leases().acquire("relay", "ann", LONG)

        def held() -> float:
            leases().acquire("relay", "ann", LONG)
            return leases().list()["relay"].held_seconds

        first = held()
        assert 0 <= first < LONG
        assert wait_until(lambda: held() > first, PATIENCE)


class TestMemoryLeases(LeasesContract):
    @pytest.fixture
    def leases(self) -> Open:
        only = MemoryLeases()
        return lambda: only

    def test_a_lease_expires_by_the_given_clock(self) -> None:
        now = 100.0
        leases = MemoryLeases(clock=lambda: now)
        leases.acquire("relay", "ann", 5.0)
        now = 104.9
        assert leases.holder("relay") == "ann"
        now = 105.0
        assert leases.holder("relay") is None


class TestMongoLeases(LeasesContract):
    @pytest.fixture
    def leases(self, mongo_database: Database[Document]) -> Open:
        return lambda: MongoLeases(mongo_database)

    def test_a_delayed_command_does_not_take_a_lease_that_was_granted_later(
        self, leases: Open, mongo_database: Database[Document]
    ) -> None:
        # For the server it is the time at which the command arrived: here a second before ann's.
        leases().acquire("relay", "ann", LONG)
        later: Any = [{"$set": {"until": {"$add": ["$until", 1000]}}}]
        mongo_database["leases"].update_one({"_id": "relay"}, later)
        assert not leases().acquire("relay", "bob", LONG)
        assert leases().holder("relay") == "ann"

    def test_a_lease_ends_when_the_clock_of_the_server_is_set_back(
        self, leases: Open, mongo_database: Database[Document]
    ) -> None:
        leases().acquire("relay", "ann", LONG)
        later: Any = [{"$set": {"until": {"$add": ["$until", 3_600_000]}}}]
        mongo_database["leases"].update_one({"_id": "relay"}, later)
        assert leases().holder("relay") is None
        assert leases().acquire("relay", "bob", LONG)
        assert leases().holder("relay") == "bob"

    def test_a_lease_that_an_older_program_took_is_listed_and_can_be_taken(
        self, leases: Open, mongo_database: Database[Document]
    ) -> None:
        leases().acquire("relay", "ann", LONG)
        mongo_database["leases"].update_one({}, {"$unset": {"number": 1, "since": 1}})
        found = leases().list()["relay"]
        assert (found.holder, found.number, found.held_seconds) == ("ann", 1, 0)
        leases().release("relay", "ann")
        assert leases().acquire("relay", "bob", LONG)
        assert leases().list()["relay"].number == 1


class Nothing:
    def acquire(self, name: str, holder: str, seconds: float) -> bool:
        return False

    def release(self, name: str, holder: str) -> None: ...

    def holder(self, name: str) -> str | None:
        return ""

    def list(self) -> dict[str, LeaseRecord]:
        return {"": LeaseRecord(holder="", number=0, held_seconds=0.0)}


def test_doing_nothing_breaks_every_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PATIENCE", 0.01)
    assert_fails_against_nothing(LeasesContract, leases=Nothing)
