"""Erased persons: no query service is handed an event of one, in any order of logs."""

from itertools import count
from typing import Any

import pytest

from adapters.codec.json import JsonCodec
from adapters.codec.personal import PersonalCipher
from adapters.key_vault.memory import MemoryKeyVault
from application.engine.builds import open_build
from application.engine.executor import CommandContext
from application.engine.projector import Projector
from application.engine.query_service import QueryService
from application.ports.codec import EventCodec
from application.ports.key_vault import KeyVault
from application.system import query_services
from config.secrets import derive_keys
from domain.actors import Actor
from domain.catalog import EVENTS
from domain.members.member import EraseMember
from tests.world import World, settings_in_memory

NUMBERS = count(1000)
SERVICES = {service.name: service for service in query_services()}


class Building:
    """A build of a query service in a process, and the persons whose events it is handed."""

    def __init__(
        self, world: World, name: str, codec: EventCodec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service: QueryService[Any] = type(SERVICES[name])()
        self._handed = 0
        monkeypatch.setattr(service, "project", self._count, raising=False)
        number = next(NUMBERS)
        model = open_build(service, world.models, number)
        self._projector = Projector(service, model, codec, world.history, number)
        self._world = world

    def persons(self, log: str) -> set[str]:
        """Project the log, and return whose events the query service was handed."""
        found = set()
        for event in self._world.history.read(log, 0, 1000):
            self._handed = 0
            checkpoint = self._projector.checkpoint().moved(log, event.position)
            self._projector.handle([event], checkpoint)
            if self._handed:
                found.add(self._world.codec.subject(event))
        return found - {""}

    def _count(self, event: object, rows: object) -> None:
        self._handed += 1


class RememberingVault(MemoryKeyVault):
    """The vault as another process sees it, which remembers the keys that it has read."""

    def __init__(self, vault: KeyVault) -> None:
        super().__init__()
        self._vault = vault

    def key(self, subject: str, *, fresh: bool = False) -> bytes | None:
        return super().key(subject) or self._vault.key(subject)

    def remember(self, subject: str) -> None:
        self._keys[subject] = self._vault.key(subject)

    def destroy(self, subject: str) -> None:
        super().destroy(subject)
        self._vault.destroy(subject)


@pytest.fixture
def anna(world: World) -> Actor:
    """Reports a public case."""
    anna = world.member()
    world.public_case(anna)
    return anna


@pytest.fixture
def ben(world: World) -> Actor:
    """Reports another one."""
    ben = world.member("Ben")
    world.public_case(ben, "c2")
    return ben


@pytest.mark.parametrize("name", SERVICES)
def test_no_event_is_handed_over_after_the_key_is_destroyed_and_before_the_erasing_events(
    world: World, anna: Actor, ben: Actor, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.vault.destroy(anna.member_id)
    building = Building(world, name, world.codec, monkeypatch)
    for log in SERVICES[name].topics:
        assert building.persons(log) <= {ben.member_id}


@pytest.mark.parametrize("key_is_destroyed", [True, False])
def test_no_event_is_handed_over_after_the_erasure_although_the_key_is_cached(
    world: World,
    anna: Actor,
    ben: Actor,
    monkeypatch: pytest.MonkeyPatch,
    key_is_destroyed: bool,
) -> None:
    vault = RememberingVault(world.vault)
    vault.remember(anna.member_id)
    codec = JsonCodec(EVENTS, PersonalCipher(vault, derive_keys(settings_in_memory()).references))
    building = Building(world, "cases", codec, monkeypatch)
    assert anna.member_id in building.persons("cases")
    erase = EraseMember(by=anna, at=world.clock())
    world.executors.members.execute(anna.member_id, erase, CommandContext())
    if key_is_destroyed:
        world.vault.destroy(anna.member_id)
    later = Building(world, "cases", codec, monkeypatch)
    later.persons("members")
    assert later.persons("cases") == {ben.member_id}
    assert world.vault.key(anna.member_id) is None
