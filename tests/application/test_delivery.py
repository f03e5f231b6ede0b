"""From a log to its subscribers: in order, no event lost, each effect exactly once."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.event_store.memory import TRIAL as SEALS
from adapters.event_store.memory import MemoryEventStore
from application.engine import relay as relays
from application.engine import subscription as subscriptions
from application.engine.log_sealer import SECONDS_A_SEAL, LogSealer
from application.engine.relay import COMMITS_A_STEP, EVENTS_A_MESSAGE, Relay, packs
from application.engine.subscription import BY_BUS, BY_HISTORY, Subscription
from application.engine.verify import verify_log
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.codec import NewerProgram, RecordedEvent
from application.ports.event_store import StoredCommit, StoreUnavailable
from application.ports.message_bus import BusUnavailable, Delivery, Guarantees, Message
from application.ports.unavailable import Unavailable
from tests.world import World


class Recorder:
    """A subscriber that remembers what it handled, and fails where a test wants it to."""

    name = "recorder"
    topics: tuple[str, ...] = ("cases", "members")

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.sizes: list[int] = []
        self.stored = START
        self.poison: dict[str, Exception] = {}
        self.of_no_concern: set[str] = set()
        self.has_no_room = False

    def checkpoint(self) -> Checkpoint:
        return self.stored

    def positions(self) -> Mapping[str, int]:
        return self.stored.positions

    def begin(self) -> None: ...

    def is_full(self) -> bool:
        return self.has_no_room

    def concerns(self, event: RecordedEvent) -> bool:
        return event.id not in self.of_no_concern

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        if checkpoint.revision != self.stored.revision + 1:
            raise Fenced
        for event in events:
            if event.id in self.poison:
                raise self.poison[event.id]
        self.handled += [event.id for event in events]
        self.sizes.append(len(events))
        self.stored = checkpoint


class HastyRecorder(Recorder):
    """Looks into events before it looks whether it may handle them, as projections do."""

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        for event in events:
            if event.id in self.poison:
                raise self.poison[event.id]
        super().handle(events, checkpoint)


class Bus:
    """Takes what is published, unless it is away."""

    guarantees = Guarantees(
        shared=False, survives_broker_restart=False, keeps_for_offline_groups=False, ordered=True
    )

    def __init__(self) -> None:
        self.published: list[tuple[str, Message]] = []
        self.away = False

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        if self.away:
            raise BusUnavailable
        self.published += [(topic, message) for message in messages]

    def declare(self, group: str, topics: Sequence[str]) -> None: ...

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Delivery]], None]
    ) -> Any: ...

    def listen(self, topic: str, handle: Callable[[Sequence[Delivery]], None]) -> Any: ...

    def close(self) -> None: ...


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def subscription(world: World, recorder: Recorder) -> Subscription:
    return world.subscription(recorder)


def cases(world: World, count: int) -> list[RecordedEvent]:
    """So many reported cases, each in a stream of its own."""
    anna = world.member()
    for number in range(count):
        world.report(anna, case_id=f"c{number}")
    return world.history.read("cases", 0, 100)


def delivery(world: World, *events: RecordedEvent) -> list[Delivery]:
    return [Delivery(events[0].log, world.wire.pack(events))]


def ids(events: Sequence[RecordedEvent]) -> list[str]:
    return [event.id for event in events]


class TestRelay:
    def relay(self, world: World, bus: Bus) -> Relay:
        return Relay(world.stores["cases"], world.codec, world.wire, bus, world.checkpoints)

    def published(self, world: World, bus: Bus) -> list[str]:
        return [
            event.id for _, message in bus.published for event in world.wire.unpack(message.body)
        ]

    def test_a_relay_publishes_new_events_once_and_in_order(self, world: World) -> None:
        bus = Bus()
        relay = self.relay(world, bus)
        events = cases(world, 3)
        assert relay.lag() == 3
        assert relay.step()
        assert not relay.step()
        assert self.published(world, bus) == ids(events)
        assert {topic for topic, _ in bus.published} == {"cases"}
        assert relay.lag() == 0

    def test_unconfirmed_events_are_published_again(self, world: World) -> None:
        bus = Bus()
        relay = self.relay(world, bus)
        events = cases(world, 1)
        bus.away = True
        with pytest.raises(BusUnavailable):
            relay.step()
        bus.away = False
        relay.step()
        assert self.published(world, bus) == ids(events)

    def test_while_the_bus_is_away_a_relay_reads_one_commit_for_each_try(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bus = Bus()
        relay = self.relay(world, bus)
        events = cases(world, 3)
        read: list[int] = []
        read_log = world.stores["cases"].read_log

        def counted(after: int, limit: int) -> list[StoredCommit]:
            read.append(limit)
            return read_log(after, limit)

        monkeypatch.setattr(world.stores["cases"], "read_log", counted)
        bus.away = True
        for _ in range(3):
            with pytest.raises(BusUnavailable):
                relay.step()
        bus.away = False
        while relay.step():
            pass
        assert read == [COMMITS_A_STEP, 1, 1, 1, COMMITS_A_STEP, COMMITS_A_STEP]
        assert self.published(world, bus) == ids(events)

    def test_a_relay_killed_before_it_saved_its_checkpoint_publishes_again(
        self, world: World
    ) -> None:
        bus = Bus()
        events = cases(world, 1)
        self.relay(world, bus).step()
        world.checkpoints.delete("relay.cases")
        self.relay(world, bus).step()
        assert self.published(world, bus) == ids(events) * 2

    def test_a_relay_continues_in_the_middle_of_a_commit(self, world: World) -> None:
        bus = Bus()
        world.public_case(world.member())
        last = world.stores["cases"].last_position()
        world.checkpoints.save("relay.cases", START.moved("cases", last - 1))
        self.relay(world, bus).step()
        assert len(self.published(world, bus)) == 1

    def test_a_fenced_relay_does_not_move_the_checkpoint(self, world: World) -> None:
        class Overtaking(Bus):
            def publish(self, topic: str, messages: Sequence[Message]) -> None:
                super().publish(topic, messages)
                world.checkpoints.save("relay.cases", START.moved("cases", 2))

        bus = Overtaking()
        cases(world, 1)
        relay = self.relay(world, bus)
        assert relay.step()
        with pytest.raises(Fenced):
            relay.save_checkpoint()
        assert not relay.step()
        assert world.checkpoints.load("relay.cases").at("cases") == 2

    def test_a_leaving_relay_saves_its_checkpoint_unless_it_is_fenced(self, world: World) -> None:
        cases(world, 2)
        relay, overtaken = self.relay(world, Bus()), self.relay(world, Bus())
        relay.step()
        overtaken.step()
        relay.leave()
        overtaken.leave()
        stored = world.checkpoints.load(relay.name)
        assert (stored.at("cases"), stored.revision) == (2, 1)

    def test_a_relay_saves_its_checkpoint_after_some_seconds_or_many_events(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relays, "SECONDS_A_SAVE", inf)
        relay = self.relay(world, Bus())
        cases(world, 1)
        relay.step()
        relay.step()
        assert (world.checkpoints.load(relay.name), relay.lag()) == (START, 0)
        monkeypatch.setattr(relays, "SECONDS_A_SAVE", 0.0)
        relay.step()
        assert world.checkpoints.load(relay.name).at("cases") == 1
        monkeypatch.setattr(relays, "SECONDS_A_SAVE", inf)
        monkeypatch.setattr(relays, "EVENTS_A_SAVE", 2)
        world.public_case(world.member("Ben"), "c9")
        relay.step()
        assert world.checkpoints.load(relay.name).at("cases") > 1
        assert world.checkpoints.load(relay.name).revision == 2

    def test_a_starting_relay_continues_from_the_stored_checkpoint(self, world: World) -> None:
        bus = Bus()
        relay = self.relay(world, bus)
        relay.step()
        cases(world, 2)
        world.checkpoints.save(relay.name, START.moved("cases", 2))
        relay.begin()
        assert not relay.step()
        assert bus.published == []

    def test_the_size_of_messages_is_limited(self, world: World) -> None:
        (event,) = cases(world, 1)
        many = [event] * (EVENTS_A_MESSAGE + 1)
        large = [replace(event, data=b"x" * 150_000)] * 3
        assert [len(pack) for pack in packs(many)] == [EVENTS_A_MESSAGE, 1]
        assert [len(pack) for pack in packs(large)] == [1, 1, 1]
        assert list(packs([])) == []


class TestDelivery:
    def test_events_in_order_are_handled_in_one_batch(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 3)
        subscription.deliver(delivery(world, *events))
        assert (recorder.handled, recorder.sizes) == (ids(events), [3])
        assert subscription.handled == {BY_BUS: 3, BY_HISTORY: 0}

    def test_a_long_batch_is_handled_in_parts_of_limited_size(
        self, world: World, recorder: Recorder
    ) -> None:
        subscription = Subscription(recorder, world.history, world.wire, world.parked, at_once=2)
        cases(world, 5)
        subscription.catch_up()
        assert recorder.sizes == [2, 2, 1, 1]  # the last is the member

    def test_repeated_events_are_dropped(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 3)
        subscription.deliver(delivery(world, *events[:2]))
        subscription.deliver(delivery(world, *events))
        subscription.deliver(delivery(world, *events))
        assert recorder.handled == ids(events)

    def test_events_that_the_bus_lost_are_read_from_history_in_order(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 4)
        subscription.deliver(delivery(world, events[0]))
        subscription.deliver(delivery(world, events[3]))
        assert recorder.handled == ids(events)

    def test_an_event_after_a_gap_waits_until_history_has_the_missing_ones(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        (event,) = cases(world, 1)
        subscription.deliver(delivery(world, event))
        subscription.deliver(delivery(world, replace(event, position=9, stream="case-x")))
        assert recorder.handled == [event.id]

    @settings(deadline=None)
    @given(st.data())
    def test_each_event_is_handled_once_and_in_order_when_the_bus_loses_repeats_and_reorders(
        self, data: st.DataObject
    ) -> None:
        """It may lose, repeat and reorder messages, and bring several at a time."""
        world, recorder = World(), Recorder()
        subscription = world.subscription(recorder)
        events = cases(world, 5)
        message = st.integers(1, 5).flatmap(
            lambda size: st.integers(0, 5 - size).map(lambda at: events[at : at + size])
        )
        for messages in data.draw(st.lists(st.lists(message, min_size=1, max_size=5), max_size=5)):
            subscription.deliver([one for part in messages for one in delivery(world, *part)])
        while subscription.catch_up():
            pass
        assert recorder.handled[:5] == ids(events)
        assert recorder.stored.positions == {"cases": 5, "members": 1}

    def test_a_gap_between_messages_of_one_batch_is_filled(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 4)
        subscription.deliver([*delivery(world, events[0]), *delivery(world, *events[2:])])
        assert recorder.handled == ids(events)

    def test_repeated_messages_of_one_batch_are_handled_once(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 4)
        subscription.deliver([*delivery(world, *events), *delivery(world, *events[:3])])
        assert recorder.handled == ids(events)
        assert recorder.stored.at("cases") == 4

    def test_malformed_messages_and_other_topics_are_ignored(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        (event,) = cases(world, 1)
        subscription.deliver([Delivery("cases", b"nonsense")])
        subscription.deliver(delivery(world, replace(event, log="evidence")))
        assert recorder.handled == []

    def test_events_are_read_from_history_when_the_bus_is_silent(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 3)
        assert subscription.lag() == {"cases": 3, "members": 1}
        while subscription.catch_up():
            pass
        assert recorder.handled == [*ids(events), "members/member-member-Anna@1"]
        assert subscription.lag() == {"cases": 0, "members": 0}
        assert subscription.handled == {BY_BUS: 0, BY_HISTORY: 4}
        assert (subscription.name, subscription.topics) == ("recorder", ("cases", "members"))

    def test_a_fenced_subscription_continues_from_the_stored_checkpoint(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 3)
        subscription.deliver(delivery(world, events[0]))
        recorder.stored = recorder.stored.moved("cases", 2)
        subscription.deliver(delivery(world, *events[1:]))
        assert recorder.handled == [events[0].id]
        subscription.deliver(delivery(world, *events[1:]))
        assert recorder.handled == [events[0].id, events[2].id]

    def test_nothing_is_parked_while_a_store_is_away(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 2)
        for some in (events, events[:1]):
            recorder.poison = {events[0].id: Unavailable()}
            with pytest.raises(Unavailable):
                subscription.deliver(delivery(world, *some))
        recorder.poison = {}
        subscription.deliver(delivery(world, *events))
        assert recorder.handled == ids(events)
        assert world.parked.list() == []


class TestTrust:
    """The bus and history bring the same events: asking both all the time costs twice."""

    def test_history_is_not_read_while_the_bus_delivers_new_events(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(subscriptions, "SILENCE_SECONDS", inf)
        events = cases(world, 3)
        assert subscription.poll()
        while subscription.poll():
            pass
        world.report(world.member("Ben"), case_id="c9")
        subscription.deliver(delivery(world, events[0]))
        assert not subscription.poll()
        assert subscription.lag() == {"cases": 1, "members": 1}
        assert subscription.catch_up()
        assert len(recorder.handled) == 6

    def test_history_is_read_when_the_bus_only_repeats_events(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(subscriptions, "SILENT_BUS_SECONDS", -1.0)
        events = cases(world, 1)
        while subscription.poll():
            pass
        world.report(world.member("Ben"), case_id="c9")
        subscription.deliver(delivery(world, *events))
        assert subscription.poll()
        assert len(recorder.handled) == 4

    def test_a_silent_topic_is_read_from_history_after_some_seconds_only(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        while subscription.poll():
            pass
        cases(world, 2)
        assert not subscription.poll()
        subscription.begin()
        assert subscription.poll()
        world.report(world.member("Ben"), case_id="c9")
        assert subscription.poll()
        assert len(recorder.handled) == 5

    def test_history_is_read_at_once_after_make_due(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 2)
        while subscription.poll():
            pass
        world.report(world.member("Ben"), case_id="c9")
        world.report(world.member("Cleo"), case_id="c10")
        (next_, _) = world.history.read("cases", events[-1].position, 100)
        subscription.deliver(delivery(world, next_))
        subscription.poll()
        assert subscription.lag()["cases"] == 1
        subscription.make_due()
        assert subscription.poll()
        assert subscription.lag()["cases"] == 0

    def test_events_that_meet_a_full_subscriber_are_read_from_history_later(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 2)
        recorder.has_no_room = True
        subscription.deliver(delivery(world, *events))
        assert not subscription.catch_up()
        assert recorder.handled == []
        recorder.has_no_room = False
        assert subscription.catch_up()
        assert recorder.handled[:2] == ids(events)

    def test_a_delivery_to_a_subscriber_that_is_always_fenced_ends(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        """As to a build of a read model that was dropped."""
        events = cases(world, 3)
        recorder.stored = replace(START, revision=7)
        recorder.checkpoint = lambda: START  # type: ignore[method-assign]  # its place is gone
        subscription.deliver(delivery(world, events[2]))
        subscription.deliver(delivery(world, *events))
        assert recorder.handled == []

    def test_events_lost_by_a_trusted_bus_are_read_from_history_later(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(subscriptions, "SILENCE_SECONDS", inf)
        events = cases(world, 3)
        assert subscription.poll()
        assert recorder.handled[:3] == ids(events)


class TestEventsOfNoConcern:
    """What does not concern a subscriber costs it no write."""

    @pytest.fixture
    def events(self, world: World, recorder: Recorder) -> list[RecordedEvent]:
        """Four events, of which the last alone matters."""
        events = cases(world, 4)
        recorder.of_no_concern = {event.id for event in events[:3]}
        return events

    def test_events_of_no_concern_are_not_handed_over(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        subscription.deliver(delivery(world, *events[:3]))
        assert (recorder.handled, recorder.stored) == ([], START)
        assert subscription.lag() == {"cases": 1, "members": 1}
        assert subscription.handled == {BY_BUS: 3, BY_HISTORY: 0}

    def test_the_next_handled_event_moves_the_checkpoint_over_them(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        subscription.deliver(delivery(world, *events[:3]))
        subscription.deliver(delivery(world, events[3]))
        assert recorder.handled == [events[3].id]
        assert (recorder.stored.at("cases"), recorder.stored.revision) == (4, 1)

    def test_the_checkpoint_is_saved_once_when_history_is_read(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        recorder.topics = ("cases",)
        recorder.of_no_concern = set(ids(events))
        subscription.deliver(delivery(world, *events))
        for _ in range(3):
            subscription.catch_up()
        assert (recorder.stored.at("cases"), recorder.stored.revision) == (4, 1)
        assert recorder.handled == []

    def test_a_subscription_killed_before_the_checkpoint_is_saved_reads_them_again(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        subscription.deliver(delivery(world, *events[:3]))
        fresh = world.subscription(recorder)
        fresh.deliver(delivery(world, events[3]))
        assert (recorder.handled[-1], recorder.stored.at("cases")) == (events[3].id, 4)
        assert fresh.handled == {BY_BUS: 0, BY_HISTORY: 4}

    def test_a_fenced_subscription_does_not_save_its_checkpoint(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        subscription.deliver(delivery(world, *events[:3]))
        recorder.stored = recorder.stored.moved("cases", 1)
        assert not subscription.save_checkpoint()
        assert recorder.stored.at("cases") == 1
        while subscription.catch_up():
            pass
        assert recorder.handled[-2:] == [events[3].id, "members/member-member-Anna@1"]
        assert recorder.stored.at("cases") == 4

    def test_they_are_not_parked_after_a_parked_event_of_their_stream(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        from application.engine.executor import CommandContext
        from domain.cases.case_commands import TagCase

        anna = world.member()
        case = world.report(anna)
        tag = TagCase(tag="police", by=anna, at=world.clock())
        world.executors.cases.execute(case, tag, CommandContext())
        first, second = world.history.read("cases", 0, 10)
        recorder.poison = {first.id: RuntimeError("poison")}
        recorder.of_no_concern = {second.id}
        subscription.deliver(delivery(world, first, second))
        assert [parked.event.id for parked in world.parked.list("recorder")] == [first.id]
        assert subscription.save_checkpoint()
        assert recorder.stored.at("cases") == 2


class TestFailingEvents:
    def test_a_fenced_subscription_handles_no_event_again_when_one_fails(
        self, world: World
    ) -> None:
        recorder = HastyRecorder()
        overtaken, leading = world.subscription(recorder), world.subscription(recorder)
        overtaken.catch_up()
        events = cases(world, 4)
        recorder.poison = {events[2].id: RuntimeError("poison")}
        while leading.catch_up():
            pass
        handled = list(recorder.handled)
        overtaken.deliver(delivery(world, *events))
        assert recorder.handled == handled
        assert recorder.stored.at("cases") == 4

    def poisoned(self, world: World, recorder: Recorder) -> list[RecordedEvent]:
        """Six events: the second of case c1 cannot be handled."""
        anna = world.member()
        for case in ("c0", "c1", "c2"):
            world.report(anna, case_id=case)
        from application.engine.executor import CommandContext
        from domain.cases.case_commands import TagCase

        for case in ("c1", "c0", "c1"):
            tag = TagCase(tag=f"t{world.clock.now.hour}", by=anna, at=world.clock())
            world.clock.wind(hours=1)
            world.executors.cases.execute(case, tag, CommandContext())
        events = world.history.read("cases", 0, 100)
        recorder.poison = {events[3].id: RuntimeError("poison")}
        return events

    def test_a_failing_event_is_parked_with_later_events_of_its_stream_only(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        handled = [*ids(events[:3]), events[4].id]
        assert recorder.handled == handled
        assert ids([item.event for item in world.parked.list()]) == [events[3].id, events[5].id]
        assert world.parked.list()[0].error == "RuntimeError"
        assert recorder.stored.at("cases") == 6

    def test_later_deliveries_of_a_parked_stream_are_parked(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        for event in events:
            subscription.deliver(delivery(world, event))
        assert len(world.parked.list("recorder")) == 2

    def test_retried_events_are_handled_in_the_order_of_their_stream(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        world.parked.decide("recorder", events[5].id, "retry")
        self.catch_up(subscription)
        assert events[5].id not in recorder.handled
        recorder.poison = {}
        world.parked.decide("recorder", events[5].id, "retry")
        subscription.catch_up()
        assert recorder.handled[-2:] == [events[3].id, events[5].id]
        assert world.parked.list() == []
        assert recorder.stored.parked == frozenset()

    def test_a_retried_event_that_fails_again_stays_parked(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        recorder.poison = {events[3].id: ValueError("still")}
        world.parked.decide("recorder", events[3].id, "retry")
        subscription.catch_up()
        first = world.parked.list()[0]
        assert (first.error, first.verdict) == ("ValueError", "")

    def test_dropping_an_event_lets_its_stream_continue(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        world.parked.decide("recorder", events[3].id, "drop")
        world.parked.decide("recorder", events[5].id, "retry")
        subscription.catch_up()
        assert events[3].id not in recorder.handled
        assert events[5].id in recorder.handled

    def test_a_subscription_fenced_during_a_retry_continues_from_the_stored_checkpoint(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        recorder.topics = ("cases",)
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        recorder.poison = {}
        world.parked.decide("recorder", events[3].id, "retry")
        recorder.stored = recorder.stored.moved("cases", 6)
        assert subscription.catch_up()
        assert events[3].id not in recorder.handled
        subscription.catch_up()
        assert events[3].id in recorder.handled

    def test_details_of_parked_events_that_a_crash_left_behind_are_removed(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        stored = recorder.stored
        recorder.stored = stored.next(parked=stored.parked - {events[3].id})
        subscription.reset()
        subscription.catch_up()
        assert ids([item.event for item in world.parked.list()]) == [events[5].id]

    def test_parked_events_that_a_restarted_subscriber_can_handle_are_removed(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        mended = Recorder()
        self.catch_up(world.subscription(mended))
        assert events[3].id in mended.handled
        assert world.parked.list() == []

    def test_a_restarted_subscriber_carries_out_the_decisions_on_parked_events(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.poisoned(world, recorder)
        subscription.deliver(delivery(world, *events))
        world.parked.decide("recorder", events[3].id, "drop")
        world.parked.decide("recorder", events[5].id, "retry")
        anew = Recorder()
        anew.poison = recorder.poison
        self.catch_up(world.subscription(anew))
        assert set(ids(events)) - set(anew.handled) == {events[3].id}
        assert anew.stored.parked == frozenset()
        assert world.parked.list() == []

    def catch_up(self, subscription: Subscription) -> None:
        while subscription.catch_up():
            pass


class TestNewerProgram:
    """Events that only a newer program can read."""

    def newer(
        self, world: World, recorder: Recorder, position: int = 3, count: int = 5
    ) -> list[RecordedEvent]:
        events = cases(world, count)
        event = events[position - 1]
        recorder.poison = {event.id: NewerProgram(event)}
        return events

    @pytest.mark.parametrize("way", ["bus", "history"])
    def test_its_topic_waits_and_other_topics_continue(
        self, world: World, recorder: Recorder, subscription: Subscription, way: str
    ) -> None:
        events = self.newer(world, recorder)
        if way == "bus":
            subscription.deliver(delivery(world, *events))
        while subscription.catch_up():
            pass
        assert recorder.stored.positions == {"cases": 2, "members": 1}
        assert subscription.unreadable() == {"cases": events[2].id}
        assert world.parked.list() == []
        world.member("Ben")
        assert subscription.catch_up()
        assert recorder.stored.positions == {"cases": 2, "members": 2}

    def test_later_events_from_the_bus_are_not_handled(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.newer(world, recorder)
        for event in events:
            subscription.deliver(delivery(world, event))
        assert recorder.handled == ids(events[:2])

    def test_a_waiting_subscription_has_no_work(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        self.newer(world, recorder, position=1)
        while subscription.catch_up():
            pass
        assert not subscription.catch_up()
        assert not subscription.poll()

    def test_the_reason_for_waiting_is_logged_once(
        self,
        world: World,
        recorder: Recorder,
        subscription: Subscription,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        event = self.newer(world, recorder)[2]
        for _ in range(3):
            subscription.catch_up()
        (told,) = [line for line in caplog.messages if "newer program" in line]
        assert told.startswith("recorder waits")
        assert f"{event.type} v{event.schema} at {event.id}" in told

    def test_a_program_that_can_read_the_event_continues_from_it(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = self.newer(world, recorder)
        while subscription.catch_up():
            pass
        recorder.poison = {}
        while subscription.catch_up():
            pass
        assert recorder.handled[-3:] == ids(events[2:])
        assert subscription.unreadable() == {}

    def test_a_parked_event_of_a_newer_program_stays_parked_after_a_retry(
        self, world: World, recorder: Recorder, subscription: Subscription
    ) -> None:
        events = cases(world, 2)
        recorder.poison = {events[0].id: RuntimeError("poison")}
        while subscription.catch_up():
            pass
        world.parked.decide("recorder", events[0].id, "retry")
        recorder.poison = {events[0].id: NewerProgram(events[0])}
        world.member("Ben")
        while subscription.catch_up():
            pass
        assert ids([item.event for item in world.parked.list()]) == [events[0].id]
        assert recorder.stored.at("members") == 2


class TestVerify:
    def test_progress_reports_the_verified_and_the_total_position(self, world: World) -> None:
        world.public_case(world.member())
        told: list[tuple[int, int]] = []
        store = world.stores["cases"]
        progress = lambda done, total: told.append((done, total))  # noqa: E731 - a word of the test
        verified = verify_log(store, world.codec, SEALS, progress=progress)
        assert verified.faults == []
        assert told[-1] == (store.last_position(), store.last_position())

    def test_an_empty_log_has_no_fault(self, world: World) -> None:
        verified = verify_log(MemoryEventStore("empty", SEALS), world.codec, SEALS)
        assert (verified.faults, verified.position) == ([], 0)

    def test_verifying_fails_while_the_store_is_away(self, world: World) -> None:
        class Away(MemoryEventStore):
            def read_log(self, after: int, limit: int) -> list[StoredCommit]:
                raise StoreUnavailable

        with pytest.raises(StoreUnavailable):
            verify_log(Away("cases", SEALS), world.codec, SEALS)


class TestSealer:
    @pytest.fixture
    def store(self, world: World) -> MemoryEventStore:
        world.report(world.member())
        return world.stores["cases"]

    def sealed(self, store: MemoryEventStore) -> int:
        head = store.sealed_head()
        assert head is not None
        return head.position

    def test_a_sealer_seals_page_by_page(
        self, store: MemoryEventStore, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.engine.log_sealer.COMMITS_A_STEP", 1)
        world.report(world.member("Ben"), case_id="c2")
        sealer = LogSealer(store, SEALS)
        assert sealer.lag() == store.last_position() == 2
        assert [sealer.step() for _ in range(3)] == [True, True, False]
        assert (sealer.lag(), self.sealed(store)) == (0, 2)
        for case_id in ("c3", "c4"):
            world.report(world.member(case_id), case_id=case_id)
        sealer.leave()
        assert (sealer.lag(), self.sealed(store)) == (0, 4)

    def test_a_sealer_seals_every_few_seconds_and_when_it_leaves(
        self, store: MemoryEventStore, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        sealer = LogSealer(store, SEALS)
        sealer.step()
        world.report(world.member("Ben"), case_id="c2")
        assert not sealer.step()
        assert self.sealed(store) == 1
        now += SECONDS_A_SEAL
        assert not sealer.step()
        assert self.sealed(store) == 2
        world.report(world.member("Cem"), case_id="c3")
        sealer.leave()
        assert self.sealed(store) == 3

    def test_without_a_sealed_head_the_lag_is_the_whole_log(self, store: MemoryEventStore) -> None:
        store._head = None
        assert LogSealer(store, SEALS).lag() == 1
