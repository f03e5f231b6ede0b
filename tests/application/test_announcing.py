"""What a process announces of itself, over a bus that may be away."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.message_bus.memory import MemoryMessageBus
from application.engine.announcing import TOPIC, Announcement, Announcer, read
from application.engine.pool import PooledPolicySubscriber
from application.engine.relay import Relay
from application.policies.when_evidence_is_received_then_sanitise_it import (
    WhenEvidenceIsReceivedThenSanitiseIt,
)
from application.ports.message_bus import BusUnavailable, Delivery
from application.queries.videos import Videos
from tests.application.test_runtime import runtime, soon
from tests.world import World

STARTED = datetime(2026, 3, 1, tzinfo=UTC)


class Ear:
    """Keeps the announcements that it hears."""

    def __init__(self, bus: MemoryMessageBus) -> None:
        self.heard: list[Announcement] = []
        bus.listen(TOPIC, self)

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        self.heard += [announced for each in deliveries if (announced := read(each.body))]

    def last(self) -> Announcement:
        return self.heard[-1]


def test_a_process_announces_its_loops(world: World) -> None:
    bus = MemoryMessageBus()
    ear, running = Ear(bus), runtime(world, bus)
    policy = WhenEvidenceIsReceivedThenSanitiseIt(world.dependencies(world.executors))
    running.add_policy(
        PooledPolicySubscriber(policy, world.codec, world.checkpoints, world.parked, workers=1)
    )
    store = world.stores["cases"]
    running.add_relay(Relay(store, world.codec, world.wire, bus, world.checkpoints), store)
    running.add_query(Videos(), world.answers["videos"])
    announcer = Announcer(
        running,
        bus,
        services=["command:cases"],
        version="1",
        started_at=STARTED,
    )
    announcer.announce()
    assert soon(lambda: ear.heard)
    assert ear.last().bus is None
    world.report(world.member())
    running.start()
    try:
        assert soon(lambda: all(each.connected() is not False for each in running.running))
        assert soon(lambda: all(each.loop.leading for each in running.running))
        assert soon(lambda: running.running[1].positions().get("cases"))
        announcer.announce()
        assert soon(lambda: ear.last().number == 2)
        found = ear.last()
        assert found.bus is True
        assert {loop.name: loop.leading for loop in found.loops} == {
            policy.name: True,
            "relay.cases": True,
            "query.videos": True,
        }
        assert found.loops[1].positions == {"cases": store.last_position()}
        assert found.pools == {policy.name: 0}
        assert found.services == ["command:cases"]
        announcer.leave()
        assert soon(lambda: ear.last().stopping)
    finally:
        running.stop()
        bus.close()
    with pytest.raises(BusUnavailable):
        announcer.announce()
    announcer.leave()


def test_a_failing_loop_announces_the_type_of_its_error_only(world: World) -> None:
    bus = MemoryMessageBus()
    ear, running = Ear(bus), runtime(world, bus)
    failing = [True]

    def step() -> bool:
        if failing[0]:
            raise KeyError("what nobody may read")
        return False

    running.add_worker("worker", step, lambda: 0, world.stores["cases"])
    announcer: Any = Announcer(running, bus, services=[], version="1", started_at=STARTED)
    running.start()
    try:
        (loop,) = (each.loop for each in running.running)
        assert soon(lambda: loop.error)
        announcer.announce()
        assert soon(lambda: ear.heard)
        (announced,) = ear.last().loops
        assert announced.error == "KeyError"
        assert datetime.fromisoformat(announced.failing_since) == loop.failing_since
        assert "nobody" not in str(ear.last())
        failing[0] = False
        assert soon(lambda: loop.failing_since is None)
    finally:
        running.stop()
        bus.close()
