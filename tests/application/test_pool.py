"""Slow policies: others go on meanwhile, and a crash repeats only what was not done."""

from collections.abc import Callable, Iterator
from threading import Event

import pytest

from application.policies.policy import Cause, Means, Policy
from application.policies.pool import TRIES, PooledPolicySubscriber
from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent
from application.ports.unavailable import Unavailable
from tests.application.test_runtime import soon
from tests.world import World


class Slow(Policy):
    """Takes as long as a test wants for some events, and fails for others."""

    name, service, topics, slow = "slow", "cases", ("cases",), True
    hears = ("cases.CaseReported", "cases.CaseTagged")

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self.held: dict[str, Event] = {}
        self.errors: dict[str, list[Exception]] = {}
        self.done: list[str] = []

    def react(self, event: object, cause: Cause) -> None:
        stream = cause.event.stream
        if stream in self.held:
            assert self.held[stream].wait(10)
        if self.errors.get(stream):
            raise self.errors[stream].pop(0)
        self.done.append(cause.event.id)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def policy(world: World) -> Slow:
    means = Means(executors=world.executors, sanitise=world.sanitise, forget_member=lambda _: None)
    return Slow(means)


Make = Callable[[], PooledPolicySubscriber]


@pytest.fixture
def make(world: World, policy: Slow) -> Iterator[Make]:
    made: list[PooledPolicySubscriber] = []

    def subscriber() -> PooledPolicySubscriber:
        made.append(
            PooledPolicySubscriber(
                policy,
                world.codec,
                world.checkpoints,
                world.parked,
                workers=2,
                pause=lambda _: None,
            )
        )
        return made[-1]

    yield subscriber
    for event in policy.held.values():
        event.set()
    for each in made:
        each.stop()


def events(world: World, count: int = 3) -> list[RecordedEvent]:
    anna = world.member()
    for number in range(count):
        world.report(anna, case_id=f"c{number}")
    return world.history.read("cases", 0, 100)


def hand(subscriber: PooledPolicySubscriber, *some: RecordedEvent) -> None:
    for event in some:
        checkpoint = subscriber.checkpoint().moved("cases", event.position)
        subscriber.handle([event], checkpoint)


def stored(world: World) -> Checkpoint:
    return world.checkpoints.load("slow")


def test_other_streams_go_on_while_one_is_slow(world: World, policy: Slow, make: Make) -> None:
    first, second, third = events(world)
    policy.held["case-c0"] = Event()
    subscriber = make()
    hand(subscriber, first, second, third)
    assert soon(lambda: policy.done == [second.id, third.id])
    assert stored(world).at("cases") == 0
    assert not subscriber.settled()
    policy.held["case-c0"].set()
    assert soon(lambda: stored(world).at("cases") == 3)
    assert subscriber.settled()


def test_after_a_crash_only_what_was_not_done_is_done_again(
    world: World, policy: Slow, make: Make
) -> None:
    first, second, third = events(world)
    hand(subscriber := make(), first)
    assert soon(subscriber.settled)
    policy.held["case-c1"] = Event()
    hand(subscriber, second, third)
    assert soon(lambda: third.id in policy.done)
    fresh = make()
    assert fresh.checkpoint().at("cases") == 1


def test_events_of_one_stream_stay_in_order(world: World, policy: Slow, make: Make) -> None:
    from application.commands.executor import Context
    from domain.cases.case import TagCase

    anna = world.member()
    world.report(anna)
    world.executors.cases.execute("c1", TagCase(tag="police", by=anna, at=world.clock()), Context())
    both = world.history.read("cases", 0, 10)
    policy.held["case-c1"] = Event()
    subscriber = make()
    hand(subscriber, *both)
    policy.held["case-c1"].set()
    assert soon(subscriber.settled)
    assert policy.done == [event.id for event in both]


def test_what_a_policy_does_not_hear_takes_no_place(world: World, policy: Slow, make: Make) -> None:
    world.public_case(world.member())
    heard = world.history.read("cases", 0, 100)
    subscriber = make()
    subscriber.handle(heard, subscriber.checkpoint().moved("cases", heard[-1].position))
    assert soon(subscriber.settled)
    assert len(policy.done) == 1


def test_a_system_that_is_away_is_waited_for(world: World, policy: Slow, make: Make) -> None:
    (event,) = events(world, 1)
    policy.errors["case-c0"] = [Unavailable()] * (TRIES + 2)
    hand(make(), event)
    assert soon(lambda: policy.done == [event.id])
    assert world.parked.list() == []


def test_what_keeps_failing_is_parked_and_told(world: World, policy: Slow, make: Make) -> None:
    first, second = events(world, 2)
    policy.errors["case-c0"] = [RuntimeError("broken")] * TRIES
    subscriber = make()
    told: list[bool] = []
    subscriber.failed = lambda: told.append(True)
    hand(subscriber, first, second)
    assert soon(lambda: stored(world).at("cases") == 2)
    assert soon(lambda: told)
    assert [item.event.id for item in world.parked.list("slow")] == [first.id]
    assert subscriber.checkpoint().parked == {first.id}

    freed = subscriber.checkpoint().next(parked=frozenset())
    subscriber.handle([first], freed)
    assert first.id in policy.done
    assert subscriber.checkpoint().parked == frozenset()
    assert stored(world).parked == frozenset()


def test_who_was_overtaken_begins_again_from_what_is_stored(
    world: World, policy: Slow, make: Make
) -> None:
    (event,) = events(world, 1)
    subscriber = make()
    told: list[bool] = []
    subscriber.failed = lambda: told.append(True)
    subscriber.checkpoint()
    world.checkpoints.save("slow", stored(world).moved("cases", 1))
    hand(subscriber, event)
    assert soon(lambda: told)
    assert subscriber.checkpoint() == stored(world)


def test_what_was_cut_short_is_not_done(world: World, policy: Slow, make: Make) -> None:
    first, second = events(world, 2)
    policy.held["case-c0"] = Event()
    policy.errors["case-c0"] = [Unavailable()] * 2
    subscriber = make()
    hand(subscriber, first)
    subscriber.stop(wait=False)
    policy.held["case-c0"].set()
    assert soon(lambda: len(policy.errors["case-c0"]) == 1)
    subscriber.stop()
    assert stored(world).at("cases") == 0
    assert second.id not in policy.done
