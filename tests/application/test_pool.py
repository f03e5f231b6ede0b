"""Slow policies: other events are handled meanwhile, and a crash repeats only unfinished ones."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import pytest

from adapters.parked.memory import MemoryParkedEvents
from application.engine import pool
from application.engine.parking import EARLIER_IS_PARKED
from application.engine.policy import Cause, Policy
from application.engine.pool import (
    PAUSES_BY_REASON,
    PooledPolicySubscriber,
    Stopping,
)
from application.engine.subscriber import StillWorking
from application.engine.subscription import Subscription
from application.engine.turns import Batch, Job, Lane, LaneState, Turn, WaitReason
from application.ports.checkpoints import Checkpoint, Fenced
from application.ports.codec import NewerProgram, RecordedEvent
from application.ports.message_bus import Delivery
from application.ports.parked import ParkedEvent
from application.ports.sanitiser import NeedsLonger, SanitiserUnavailable
from application.ports.unavailable import Unavailable
from domain.cases.case_events import CaseReported, CaseTagged
from tests.application.test_runtime import PATIENCE, soon
from tests.newer import append_newer
from tests.world import World

AT_ONCE = {reason: (0.0,) * len(waits) for reason, waits in PAUSES_BY_REASON.items()}
TRIES = len(PAUSES_BY_REASON[WaitReason.FAILED]) + 1


class Slow(Policy[None]):
    """Takes as long as a test wants for some events, and fails for others."""

    name, service, slow = "slow", "cases", True

    def __init__(self) -> None:
        super().__init__(None)
        self.held: dict[str, Event] = {}
        self.turns: dict[str, Turn] = {}
        self.long: set[str] = set()
        self.unreadable: set[str] = set()
        self.away = 0
        self.errors: dict[str, list[Exception]] = {}
        self.begun: list[str] = []
        self.done: list[str] = []

    def react(self, event: CaseReported | CaseTagged, cause: Cause) -> None:
        stream = cause.event.stream
        self.begun.append(cause.event.id)
        if stream in self.held:
            assert self.held[stream].wait(60)
        if stream in self.unreadable:
            raise Unavailable
        if self.away:
            self.away -= 1
            raise Unavailable
        if self.errors.get(stream):
            raise self.errors[stream].pop(0)
        if stream in self.long and cause.seconds is not None:
            raise NeedsLonger
        self.done.append(cause.event.id)

    def turn(self, event: object) -> Turn:
        case_id = getattr(event, "case_id", "")
        return self.turns.get(f"case-{case_id}", super().turn(event))


@pytest.fixture
def policy() -> Slow:
    return Slow()


Make = Callable[..., PooledPolicySubscriber]


@pytest.fixture
def make(world: World, policy: Slow) -> Iterator[Make]:
    made: list[PooledPolicySubscriber] = []

    def subscriber(**more: Any) -> PooledPolicySubscriber:
        made.append(
            PooledPolicySubscriber(
                policy,
                world.codec,
                world.checkpoints,
                world.parked,
                **{"workers": 2, "pauses": AT_ONCE, "outage_pauses": (0,), **more},
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
    return world.history.read("cases", 0, 10_000)


def test_an_event_of_a_newer_program_takes_no_worker(
    world: World, make: Make, policy: Slow
) -> None:
    known, other = events(world, 2)
    subscription = world.subscription(make())
    append_newer(world.stores["cases"], world.codec, "c0")
    while subscription.catch_up():
        pass
    newer = world.history.read("cases", other.position, 1)[0]
    assert subscription.unreadable() == {"cases": newer.id}
    assert soon(lambda: policy.done == [known.id, other.id] or None)
    assert soon(lambda: world.checkpoints.load("slow").at("cases") == other.position)


def test_a_reaction_that_needs_a_newer_program_does_not_delay_other_streams(
    world: World, policy: Slow, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "UNREADABLE_SECONDS", 0.01)
    first, second = events(world, 2)
    newer = NewerProgram(replace(first, log="members", stream="member-m1"))
    policy.errors[first.stream] = [newer] * 10_000
    subscriber = make(workers=1, outage_pauses=(3600,))
    submit(subscriber, first, second)
    assert soon(lambda: subscriber.unreadable() == {"cases": newer.event.id})
    assert soon(lambda: policy.done == [second.id])
    policy.errors[first.stream].clear()
    assert soon(lambda: policy.done == [second.id, first.id])
    assert soon(lambda: subscriber.unreadable() == {})
    assert soon(lambda: stored(world).at("cases") == second.position)
    assert world.parked.list("slow") == []


def submit(subscriber: PooledPolicySubscriber, *some: RecordedEvent) -> None:
    for event in some:
        checkpoint = subscriber.checkpoint().moved("cases", event.position)
        subscriber.handle([event], checkpoint)


def stored(world: World) -> Checkpoint:
    return world.checkpoints.load("slow")


def test_other_streams_continue_while_one_is_slow(world: World, policy: Slow, make: Make) -> None:
    first, second, third = events(world)
    policy.held["case-c0"] = Event()
    subscriber = make()
    submit(subscriber, first, second, third)
    assert soon(lambda: policy.done == [second.id, third.id])
    assert stored(world).at("cases") == 0
    assert not subscriber.settled()
    policy.held["case-c0"].set()
    assert soon(lambda: stored(world).at("cases") == 3)
    assert subscriber.settled()


def test_after_a_crash_only_unfinished_events_are_handled_again(
    world: World, policy: Slow, make: Make
) -> None:
    first, second, third = events(world)
    submit(subscriber := make(), first)
    assert soon(subscriber.settled)
    policy.held["case-c1"] = Event()
    submit(subscriber, second, third)
    assert soon(lambda: third.id in policy.done)
    fresh = make()
    assert fresh.checkpoint().at("cases") == 1


def test_events_of_one_stream_stay_in_order(world: World, policy: Slow, make: Make) -> None:
    from application.engine.executor import CommandContext
    from domain.cases.case_commands import TagCase

    anna = world.member()
    world.report(anna)
    world.executors.cases.execute(
        "c1", TagCase(tag="police", by=anna, at=world.clock()), CommandContext()
    )
    both = world.history.read("cases", 0, 10)
    policy.held["case-c1"] = Event()
    subscriber = make()
    submit(subscriber, *both)
    policy.held["case-c1"].set()
    assert soon(subscriber.settled)
    assert policy.done == [event.id for event in both]


def test_undeclared_events_take_no_place_in_the_pool(
    world: World, policy: Slow, make: Make
) -> None:
    world.public_case(world.member())
    heard = world.history.read("cases", 0, 100)
    subscriber = make()
    subscriber.handle(heard, subscriber.checkpoint().moved("cases", heard[-1].position))
    assert soon(subscriber.settled)
    assert len(policy.done) == 1


def test_an_event_waits_while_a_store_is_away(world: World, policy: Slow, make: Make) -> None:
    (event,) = events(world, 1)
    policy.errors["case-c0"] = [Unavailable()] * (TRIES + 2)
    submit(make(), event)
    assert soon(lambda: policy.done == [event.id])
    assert world.parked.list() == []


def test_an_event_that_keeps_failing_is_parked_and_the_checkpoint_change_is_announced(
    world: World, policy: Slow, make: Make
) -> None:
    first, second = events(world, 2)
    policy.errors["case-c0"] = [RuntimeError("broken")] * TRIES
    subscriber = make()
    told: list[bool] = []
    subscriber.checkpoint_changed = lambda: told.append(True)
    submit(subscriber, first, second)
    assert soon(lambda: stored(world).at("cases") == 2)
    assert soon(lambda: told)
    assert [item.event.id for item in world.parked.list("slow")] == [first.id]
    assert subscriber.checkpoint().parked == {first.id}

    freed = subscriber.checkpoint().next(parked=frozenset())
    with pytest.raises(StillWorking):
        subscriber.handle([first], freed)
    assert soon(lambda: first.id in policy.done)
    assert soon(lambda: subscriber.lanes()[0].running == 0)
    subscriber.handle([first], freed)
    assert subscriber.checkpoint().parked == frozenset()
    assert stored(world).parked == frozenset()


def test_a_fenced_pool_continues_from_the_stored_checkpoint(
    world: World, policy: Slow, make: Make
) -> None:
    (event,) = events(world, 1)
    subscriber = make()
    told: list[bool] = []
    subscriber.checkpoint_changed = lambda: told.append(True)
    subscriber.checkpoint()
    world.checkpoints.save("slow", stored(world).moved("cases", 1))
    submit(subscriber, event)
    assert soon(lambda: told)
    assert subscriber.checkpoint() == stored(world)


def test_a_fenced_pool_drops_its_waiting_events(world: World, policy: Slow, make: Make) -> None:
    first, *others = events(world, 4)
    policy.held[first.stream] = Event()
    subscriber = make(workers=1)
    told: list[bool] = []
    subscriber.checkpoint_changed = lambda: told.append(True)
    submit(subscriber, first, *others)
    assert soon(lambda: policy.begun)
    world.checkpoints.save("slow", stored(world).moved("cases", others[-1].position))
    policy.held[first.stream].set()
    assert soon(lambda: told)
    assert subscriber.settled()
    assert subscriber.checkpoint() == stored(world)
    subscriber.stop()
    assert policy.done == [first.id]


def test_an_interrupted_event_does_not_count_as_handled(
    world: World, policy: Slow, make: Make
) -> None:
    first, second = events(world, 2)
    policy.held["case-c0"] = Event()
    policy.errors["case-c0"] = [Unavailable()] * 2
    subscriber = make()
    submit(subscriber, first)
    assert soon(lambda: policy.begun)
    subscriber.stop(wait=False)
    policy.held["case-c0"].set()
    assert soon(lambda: len(policy.errors["case-c0"]) == 1)
    subscriber.stop()
    assert stored(world).at("cases") == 0
    assert second.id not in policy.done


def subscription_of(world: World, subscriber: PooledPolicySubscriber) -> Subscription:
    """The subscription that feeds the pool, as the runtime joins them."""
    subscription = world.subscription(subscriber)
    subscriber.checkpoint_changed = subscription.reset
    return subscription


def test_many_failing_events_do_not_block_the_subscription(
    world: World, policy: Slow, make: Make
) -> None:
    poison = events(world, 12)
    for event in poison:
        policy.errors[event.stream] = [RuntimeError("broken")] * TRIES
    subscription = subscription_of(world, make())
    feeding = Thread(target=subscription.catch_up, daemon=True)
    feeding.start()
    feeding.join(PATIENCE)
    assert not feeding.is_alive()
    assert soon(lambda: len(world.parked.list("slow")) == len(poison))
    assert soon(lambda: len(stored(world).parked) == len(poison))


def test_a_parked_event_is_handled_after_a_decision_to_retry(
    world: World, policy: Slow, make: Make
) -> None:
    (event,) = events(world, 1)
    policy.errors[event.stream] = [RuntimeError("broken")] * TRIES
    subscription = subscription_of(world, make())
    subscription.catch_up()
    assert soon(lambda: stored(world).parked)
    world.parked.decide("slow", event.id, "retry")
    assert soon(lambda: not subscription.catch_up() and not world.parked.list())
    assert policy.done == [event.id]
    assert soon(lambda: not stored(world).parked)


def test_reading_the_lag_does_not_drop_parked_events(
    world: World, policy: Slow, make: Make
) -> None:
    first, second = events(world, 2)
    policy.errors[first.stream] = [RuntimeError("broken")] * TRIES
    subscription = world.subscription(make())
    subscription.deliver([Delivery("cases", world.wire.pack([first]))])
    assert soon(world.parked.list)
    assert subscription.lag() == {"cases": 1}
    subscription.deliver([Delivery("cases", world.wire.pack([second]))])
    assert soon(lambda: stored(world).at("cases") == 2)
    assert stored(world).parked == {first.id}


def test_positions_can_be_read_before_the_pool_begins(world: World, make: Make) -> None:
    world.checkpoints.save("slow", stored(world).moved("cases", 1))
    assert make().positions() == {"cases": 1}


def test_handling_before_the_checkpoint_is_loaded_is_fenced(
    world: World, policy: Slow, make: Make
) -> None:
    (event,) = events(world, 1)
    with pytest.raises(Fenced):
        make().handle([event], stored(world).moved("cases", 1))


def test_events_unparked_by_another_process_are_no_longer_parked(
    world: World, policy: Slow, make: Make
) -> None:
    first, second = events(world, 2)
    policy.errors[first.stream] = [RuntimeError("broken")] * TRIES
    submit(subscriber := make(), first)
    assert soon(lambda: stored(world).parked == {first.id})
    world.checkpoints.save("slow", stored(world).next(parked=frozenset()))
    told: list[bool] = []
    subscriber.checkpoint_changed = lambda: told.append(True)
    submit(subscriber, second)
    assert soon(lambda: told)
    assert subscriber.checkpoint() == stored(world)
    assert not subscriber.checkpoint().parked


class AwayAtFirst(MemoryParkedEvents):
    """Parked events that cannot be stored when it is tried first."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = 0

    def park(self, *events: ParkedEvent) -> None:
        self.tried += 1
        if self.tried == 1:
            raise Unavailable
        super().park(*events)


def test_parking_is_retried_while_the_store_is_away(world: World, policy: Slow, make: Make) -> None:
    world.parked = AwayAtFirst()
    (event,) = events(world, 1)
    policy.errors[event.stream] = [RuntimeError("broken")] * TRIES
    submit(make(), event)
    assert soon(lambda: stored(world).parked == {event.id})
    assert len(world.parked.list("slow")) == 1


class Held(MemoryParkedEvents):
    """Parked events that are stored only after a test lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.free = Event(), Event()

    def park(self, *events: ParkedEvent) -> None:
        self.begun.set()
        assert self.free.wait(60)
        super().park(*events)


def test_the_stored_checkpoint_names_stored_parked_events_only(
    world: World, policy: Slow, make: Make
) -> None:
    world.parked = held = Held()
    first, broken = events(world, 2)
    policy.held[first.stream] = Event()
    policy.errors[broken.stream] = [RuntimeError("broken")] * TRIES
    subscriber = make()
    submit(subscriber, first, broken)
    assert held.begun.wait(60)
    assert subscriber.checkpoint().parked == {broken.id}
    policy.held[first.stream].set()
    assert soon(lambda: stored(world).at("cases") == 1)
    assert stored(world).parked == frozenset()
    held.free.set()
    assert soon(lambda: stored(world).parked == {broken.id})


class BrokenAtFirst(MemoryParkedEvents):
    """Parked events that cannot be stored for a reason that nobody thought of."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = 0

    def park(self, *events: ParkedEvent) -> None:
        self.tried += 1
        if self.tried <= 2 * TRIES:
            raise RuntimeError("broken, too")
        super().park(*events)


def test_an_event_is_parked_with_its_first_error(world: World, policy: Slow, make: Make) -> None:
    world.parked = BrokenAtFirst()
    (event,) = events(world, 1)
    policy.errors[event.stream] = [RuntimeError("broken")] * TRIES
    submit(make(), event)
    assert soon(lambda: stored(world).parked == {event.id})
    assert [each.error for each in world.parked.list("slow")] == ["RuntimeError"]


def test_a_failing_checkpoint_does_not_stop_workers(
    world: World, policy: Slow, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = events(world, 2)
    subscriber = make(workers=1)
    subscription = subscription_of(world, subscriber)
    with monkeypatch.context() as broken:
        broken.setattr(world.checkpoints, "save", lambda *_: 1 / 0)
        submit(subscriber, first)
        assert soon(lambda: policy.done == [first.id])
        assert soon(subscriber.settled)
    assert soon(lambda: not subscription.catch_up() and second.id in policy.done)
    assert soon(lambda: stored(world).at("cases") == 2)


def test_a_stopping_pool_accepts_no_events(world: World, make: Make) -> None:
    events(world, 1)
    subscriber = make()
    subscription = subscription_of(world, subscriber)
    subscriber.stop(wait=False)
    with pytest.raises(Stopping):
        subscription.catch_up()
    assert world.parked.list() == []
    assert stored(world).at("cases") == 0


def test_a_full_pool_does_not_block_its_subscription(
    world: World, policy: Slow, make: Make
) -> None:
    many = events(world, 8)
    policy.held = {event.stream: Event() for event in many}
    subscriber = make(window=4)
    submit(subscriber, *many[:3])
    assert not subscriber.is_full()
    submit(subscriber, *many[3:])
    assert subscriber.is_full()
    assert not subscription_of(world, subscriber).catch_up()
    for held in policy.held.values():
        held.set()
    assert soon(lambda: stored(world).at("cases") == len(many))
    assert not subscriber.is_full()


def test_a_pool_that_leads_again_continues_from_the_stored_checkpoint(
    world: World, policy: Slow, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = events(world)
    for poison in (first, second):
        policy.errors[poison.stream] = [RuntimeError("broken")] * TRIES
    subscriber, other = make(), make()
    subscription = subscription_of(world, subscriber)
    submit(subscriber, first)
    assert soon(lambda: stored(world).parked == {first.id})
    submit(other, second)
    assert soon(lambda: len(world.parked.list("slow")) == 2)
    # One who does not know of it yet leaves alone what another parked.
    assert subscriber.positions() == {"cases": 1}
    with monkeypatch.context() as busy:
        busy.setattr(subscriber, "is_full", lambda: True)
        assert not subscription.catch_up()
    assert len(world.parked.list("slow")) == 2
    subscription.begin()
    submit(other, third)
    assert soon(lambda: stored(world).at("cases") == 3)
    assert subscriber.positions() == {"cases": 3}
    assert subscriber.checkpoint().parked == {first.id, second.id}


def state(subscriber: PooledPolicySubscriber, lane: Lane) -> LaneState:
    return next(each for each in subscriber.lanes() if each.lane is lane)


def test_members_take_turns(world: World, policy: Slow, make: Make) -> None:
    *of_anna, of_ben = events(world, 6)
    policy.turns = {event.stream: Turn("anna") for event in of_anna}
    policy.turns[of_ben.stream] = Turn("ben")
    policy.held[of_anna[0].stream] = Event()
    subscriber = make(workers=1)
    submit(subscriber, *of_anna, of_ben)
    policy.held[of_anna[0].stream].set()
    assert soon(subscriber.settled)
    assert policy.done.index(of_ben.id) == 1
    assert [done for done in policy.done if done != of_ben.id] == [each.id for each in of_anna]


def test_the_backlog_of_one_member_does_not_delay_the_events_of_others(
    world: World, policy: Slow, make: Make
) -> None:
    *of_anna, of_ben = events(world, 2_000)
    policy.turns = {event.stream: Turn("anna") for event in of_anna}
    policy.turns[of_ben.stream] = Turn("ben")
    policy.held = {event.stream: Event() for event in of_anna}
    subscription = subscription_of(world, make(workers=1))
    while subscription.catch_up():  # One read is not the whole backlog.
        pass
    assert soon(lambda: policy.begun)
    policy.held[of_anna[0].stream].set()
    assert soon(lambda: of_ben.id in policy.done)
    assert policy.begun.index(of_ben.id) == 1


def test_short_work_does_not_wait_behind_long_work(world: World, policy: Slow, make: Make) -> None:
    *long, short = events(world, 6)
    policy.turns = {event.stream: Turn("anna", Lane.LONG) for event in long}
    policy.held = {event.stream: Event() for event in long}
    subscriber = make()
    submit(subscriber, *long, short)
    assert soon(lambda: policy.done == [short.id])
    assert soon(lambda: state(subscriber, Lane.LONG).running == 2)
    assert state(subscriber, Lane.LONG).waiting == {WaitReason.BUSY: 3}
    assert state(subscriber, Lane.LONG).oldest >= 0
    assert state(subscriber, Lane.SHORT).running == 0


def test_work_that_needs_longer_moves_to_the_long_lane(
    world: World, policy: Slow, make: Make
) -> None:
    first, second = events(world, 2)
    policy.long = {first.stream}
    submit(make(workers=1), first, second)
    assert soon(lambda: sorted(policy.done) == sorted([first.id, second.id]))
    assert policy.begun.count(first.id) == 2
    assert world.parked.list() == []


def test_waiting_for_a_tool_holds_no_worker(world: World, policy: Slow, make: Make) -> None:
    first, second, third = events(world)
    policy.errors[first.stream] = [SanitiserUnavailable("no ffmpeg")]
    subscriber = make(workers=1, pauses={WaitReason.TOOL_MISSING: (3600,)})
    submit(subscriber, first, second, third)
    assert soon(lambda: policy.done == [second.id, third.id])
    assert state(subscriber, Lane.SHORT).waiting == {WaitReason.TOOL_MISSING: 1}
    assert stored(world).at("cases") == 0


def test_an_event_is_parked_when_its_tool_stays_missing(
    world: World, policy: Slow, make: Make
) -> None:
    first, second = events(world, 2)
    tries = len(PAUSES_BY_REASON[WaitReason.TOOL_MISSING]) + 1
    policy.errors[first.stream] = [SanitiserUnavailable("no ffmpeg")] * tries
    subscriber = make(pauses={WaitReason.TOOL_MISSING: (0.001,) * (tries - 1)})
    subscription = subscription_of(world, subscriber)
    subscription.catch_up()
    assert soon(lambda: stored(world).at("cases") == 2)
    assert second.id in policy.done
    (parked,) = world.parked.list("slow")
    assert (parked.event.id, parked.error) == (first.id, "SanitiserUnavailable: no ffmpeg")
    assert subscriber.parked() == 1

    world.parked.decide("slow", first.id, "retry")
    assert soon(lambda: not subscription.catch_up() and not world.parked.list())
    assert first.id in policy.done
    assert soon(lambda: not stored(world).parked)


def test_retrying_a_parked_event_does_not_delay_others(
    world: World, policy: Slow, make: Make
) -> None:
    first, second = events(world, 2)
    policy.errors[first.stream] = [RuntimeError("broken")] * TRIES
    subscriber = make()
    subscription = subscription_of(world, subscriber)
    subscription.deliver([Delivery("cases", world.wire.pack([first]))])
    assert soon(lambda: stored(world).parked)
    policy.held[first.stream] = Event()
    policy.errors[first.stream] = [OSError("broken again")] * TRIES
    world.parked.decide("slow", first.id, "retry")
    assert soon(lambda: not subscription.catch_up() and second.id in policy.done)
    assert [each.verdict for each in world.parked.list()] == ["retry"]

    policy.held[first.stream].set()

    def error() -> str:
        subscription.catch_up()
        return next(each.error for each in world.parked.list())

    assert soon(lambda: error() == "OSError")
    (parked,) = world.parked.list()
    assert (parked.verdict, parked.tries) == ("", 2)
    assert parked.retry_at
    assert first.id not in policy.done


def test_a_store_that_is_away_for_long_parks_nothing(
    world: World, policy: Slow, make: Make
) -> None:
    many = events(world, 30)
    policy.away = 1000
    subscriber = make()
    submit(subscriber, *many)
    assert soon(subscriber.settled)
    assert sorted(policy.done) == sorted(event.id for event in many)
    assert world.parked.list() == []


def test_all_events_wait_while_a_store_is_away(world: World, policy: Slow, make: Make) -> None:
    first, second = events(world, 2)
    policy.errors[first.stream] = [Unavailable()]
    subscriber = make(workers=1, outage_pauses=(3600,))
    submit(subscriber, first)
    assert soon(lambda: not policy.errors[first.stream])
    submit(subscriber, second)
    assert soon(lambda: state(subscriber, Lane.SHORT).waiting == {WaitReason.STORE_AWAY: 2})
    assert policy.begun == [first.id]


def test_an_event_that_alone_finds_a_store_away_is_parked(
    world: World, policy: Slow, make: Make
) -> None:
    first, *others = events(world, 20)
    policy.unreadable = {first.stream}
    subscriber = make(workers=1)
    policy.turns = {other.stream: Turn("anna") for other in others}
    submit(subscriber, first, *others)
    assert soon(subscriber.settled)
    assert stored(world).parked == {first.id}
    assert [each.event.id for each in world.parked.list("slow")] == [first.id]


def test_later_events_of_a_parked_stream_are_parked(world: World, policy: Slow, make: Make) -> None:
    from application.engine.executor import CommandContext
    from domain.cases.case_commands import TagCase

    anna = world.member()
    world.report(anna)
    world.executors.cases.execute(
        "c1", TagCase(tag="police", by=anna, at=world.clock()), CommandContext()
    )
    both = world.history.read("cases", 0, 10)
    policy.held["case-c1"] = Event()
    policy.errors["case-c1"] = [RuntimeError("broken")] * TRIES
    subscriber = make()
    submit(subscriber, *both)
    policy.held["case-c1"].set()
    assert soon(subscriber.settled)
    assert policy.done == []
    assert stored(world).parked == {event.id for event in both}
    first, second = world.parked.list("slow")
    assert (first.error, second.error) == ("RuntimeError", EARLIER_IS_PARKED)


def test_a_pool_that_begins_again_drops_its_waiting_events(
    world: World, policy: Slow, make: Make
) -> None:
    running, waiting, later = events(world)
    policy.held[running.stream] = Event()
    policy.errors[running.stream] = [RuntimeError("broken")] * (TRIES + 1)
    policy.errors[later.stream] = [SanitiserUnavailable("no ffmpeg")]
    subscriber = make(workers=1, pauses={**AT_ONCE, WaitReason.TOOL_MISSING: (3600,)})
    submit(subscriber, later)
    assert soon(lambda: not policy.errors[later.stream])
    submit(subscriber, running, waiting)
    assert soon(lambda: running.id in policy.begun)
    subscriber.begin()
    policy.held[running.stream].set()
    assert soon(lambda: state(subscriber, Lane.SHORT).running == 0)
    assert subscriber.settled()
    assert policy.done == []
    assert len(policy.errors[running.stream]) == TRIES

    subscription_of(world, subscriber).catch_up()
    assert soon(subscriber.settled)
    assert [*stored(world).parked] == [running.id]
    assert sorted(policy.done) == sorted([waiting.id, later.id])


def test_a_dropped_event_is_not_parked(world: World, make: Make) -> None:
    (event,) = events(world, 1)
    subscriber = make()
    job = Job(event, Turn(), Batch(subscriber.checkpoint(), 1), forgotten=True, problem="broken")
    subscriber._park(job)
    assert world.parked.list() == []
    assert subscriber.parked() == 0
