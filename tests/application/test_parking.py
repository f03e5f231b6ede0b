"""Failing events are parked at once, retried later, and do not delay other events."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf

import pytest

from application.engine import subscription as subscriptions
from application.engine.executor import CommandContext
from application.engine.parking import EARLIER_IS_PARKED, RETRY_PAUSES
from application.engine.policy import Cause, Policy, PolicySubscriber
from application.engine.projector import Projector
from application.engine.query_service import QueryService
from application.engine.rows import Rows
from application.engine.subscriber import EventsFailed
from application.engine.subscription import Subscription
from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent
from application.ports.parked import ParkedEvent
from application.ports.read_models import ReadModel
from application.ports.unavailable import Unavailable
from domain.cases.case_commands import TagCase
from domain.cases.case_events import CaseReported, CaseTagged
from tests.application.test_delivery import Recorder, cases, delivery, ids
from tests.world import World

STREAMS = 20
POISON = RuntimeError("poison")


class Counting(Recorder):
    """Counts how often it is handed something."""

    topics: tuple[str, ...] = ("cases",)

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Sequence[RecordedEvent]] = []

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        self.calls.append(events)
        super().handle(events, checkpoint)


class Knowing(Counting):
    """Tells which of the events fail, as projections do."""

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        if failed := {each.id: "RuntimeError" for each in events if each.id in self.poison}:
            self.calls.append(events)
            raise EventsFailed(failed)
        super().handle(events, checkpoint)


@pytest.fixture
def recorder() -> Counting:
    return Counting()


@pytest.fixture
def subscription(world: World, recorder: Counting) -> Subscription:
    return world.subscription(recorder)


@pytest.fixture
def events(world: World, recorder: Counting) -> list[RecordedEvent]:
    """Three events of case c1, the first of which fails, and then one of case c2."""
    return poisoned(world, recorder)


def poisoned(world: World, recorder: Counting) -> list[RecordedEvent]:
    anna = world.member()
    world.report(anna)
    for tag in ("police", "permit"):
        command = TagCase(tag=tag, by=anna, at=world.clock())
        world.executors.cases.execute("c1", command, CommandContext())
    world.report(anna, case_id="c2")
    found = world.history.read("cases", 0, 10)
    recorder.poison = {found[0].id: RuntimeError("poison")}
    return found


def catch_up(subscription: Subscription) -> None:
    while subscription.catch_up():
        pass


def listed(world: World) -> list[tuple[str, int]]:
    """What is parked, and how often each was tried."""
    return [(each.event.id, each.tries) for each in world.parked.list()]


class TestAtOnce:
    def test_an_event_is_parked_the_first_time_it_fails(
        self, world: World, recorder: Counting, subscription: Subscription
    ) -> None:
        (event,) = cases(world, 1)
        recorder.poison = {event.id: RuntimeError("poison")}
        subscription.deliver(delivery(world, event))
        assert [len(call) for call in recorder.calls] == [1, 0]
        (parked,) = world.parked.list()
        assert (parked.error, parked.tries) == ("RuntimeError", 1)
        assert parked.retry_at is not None

    def test_later_events_of_the_stream_are_parked_without_a_try(
        self, world: World, subscription: Subscription, events: list[RecordedEvent]
    ) -> None:
        catch_up(subscription)
        assert listed(world) == [(events[0].id, 1), (events[1].id, 0), (events[2].id, 0)]
        (_, second, third) = world.parked.list()
        assert {(each.error, each.retry_at) for each in (second, third)} == {
            (EARLIER_IS_PARKED, None)
        }

    def test_a_subscriber_that_names_the_failing_events_has_them_parked_together(
        self, world: World
    ) -> None:
        recorder = Knowing()
        found = cases(world, STREAMS)
        recorder.poison = {event.id: RuntimeError("poison") for event in found[::2]}
        world.subscription(recorder).deliver(delivery(world, *found))
        assert recorder.handled == ids(found[1::2])
        assert [len(call) for call in recorder.calls] == [STREAMS, STREAMS // 2]
        assert recorder.stored.parked == set(recorder.poison)
        assert len(world.parked.list()) == STREAMS // 2

    def test_every_failing_event_is_parked_when_the_subscriber_does_not_name_them(
        self, world: World, recorder: Counting, subscription: Subscription
    ) -> None:
        found = cases(world, STREAMS)
        recorder.poison = {event.id: RuntimeError("poison") for event in found[::2]}
        subscription.deliver(delivery(world, *found))
        assert recorder.handled == ids(found[1::2])
        assert recorder.stored.parked == set(recorder.poison)

    def test_a_failing_checkpoint_parks_no_further_events(
        self, world: World, recorder: Counting, subscription: Subscription
    ) -> None:
        """Not the events are at fault where even none of them cannot be handled."""

        def handle(events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
            raise RuntimeError("broken")

        found = cases(world, 2)
        recorder.handle = handle  # type: ignore[method-assign]  # every save fails
        with pytest.raises(RuntimeError, match="broken"):
            subscription.deliver(delivery(world, *found))
        assert recorder.stored.at("cases") == 0
        assert listed(world) == [(found[0].id, 1)]


class TestRetries:
    def test_a_parked_event_is_retried_after_growing_pauses(
        self, world: World, subscription: Subscription, events: list[RecordedEvent]
    ) -> None:
        catch_up(subscription)
        for tries, pause in enumerate(RETRY_PAUSES, start=1):
            world.clock.wind(seconds=pause - 0.001)
            catch_up(subscription)
            assert listed(world)[0] == (events[0].id, tries)
            world.clock.wind(seconds=0.001)
            catch_up(subscription)
            assert listed(world)[0] == (events[0].id, tries + 1)
        world.clock.wind(days=365)
        catch_up(subscription)
        assert listed(world)[0] == (events[0].id, len(RETRY_PAUSES) + 1)

    def test_a_parked_event_is_not_retried_without_pauses(
        self, world: World, recorder: Counting, events: list[RecordedEvent]
    ) -> None:
        eager = Subscription(recorder, world.history, world.wire, world.parked, retry_pauses=())
        catch_up(eager)
        assert (world.parked.list()[0].tries, world.parked.list()[0].retry_at) == (1, None)

    def test_later_events_of_the_stream_are_handled_after_a_successful_retry(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        catch_up(subscription)
        recorder.poison = {events[2].id: RuntimeError("poison")}
        world.clock.wind(seconds=1)
        catch_up(subscription)
        assert recorder.handled == [events[3].id, events[0].id, events[1].id]
        assert listed(world) == [(events[2].id, 1)]
        assert recorder.stored.parked == {events[2].id}
        recorder.poison = {}
        world.clock.wind(seconds=1)
        catch_up(subscription)
        assert recorder.handled[-1] == events[2].id
        assert listed(world) == []

    def test_after_a_crash_between_two_parked_events_the_second_is_handled(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        catch_up(subscription)
        recorder.poison = {}
        world.clock.wind(seconds=1)
        with monkeypatch.context() as crash:
            crash.setattr(world.parked, "remove", _away)
            with pytest.raises(Unavailable):
                catch_up(subscription)
        assert recorder.handled == [events[3].id, events[0].id]
        catch_up(world.subscription(recorder))
        assert recorder.handled == [events[3].id, *ids(events[:3])]
        assert listed(world) == []

    def test_new_events_are_handled_before_retries(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        catch_up(subscription)
        recorder.poison = {}
        world.clock.wind(seconds=1)
        world.report(world.member("Ben"), case_id="c9")
        catch_up(subscription)
        assert recorder.handled == [events[3].id, "cases/case-c9@1", *ids(events[:3])]

    def test_one_step_retries_one_stream_only_when_time_is_up(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(subscriptions, "RETRY_SECONDS", -inf)
        found = cases(world, 3)
        recorder.poison = {event.id: RuntimeError("poison") for event in found}
        catch_up(subscription)
        world.clock.wind(seconds=1)
        for tried in (1, 2, 3):
            subscription.catch_up()
            assert sorted(tries for _, tries in listed(world)) == [1] * (3 - tried) + [2] * tried

    def test_one_step_handles_one_event_of_a_long_parked_stream_when_time_is_up(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(subscriptions, "RETRY_SECONDS", -inf)
        catch_up(subscription)
        recorder.poison = {}
        world.clock.wind(seconds=1)
        for handled in (1, 2, 3):
            subscription.catch_up()
            assert recorder.handled == [events[3].id, *ids(events[:handled])]
        assert listed(world) == []

    def test_a_parked_event_keeps_its_number_of_tries_after_a_restart(
        self, world: World, recorder: Counting, events: list[RecordedEvent]
    ) -> None:
        """As a read model in memory does at each start."""
        for start in (1, 2, 3):
            anew = Counting()
            anew.poison = recorder.poison
            catch_up(world.subscription(anew))
            assert listed(world)[0] == (events[0].id, start)
            assert anew.handled == [events[3].id]

    def test_a_parked_event_beyond_the_checkpoint_is_not_retried(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        subscription.deliver(delivery(world, *events[:3]))
        (parked, *_) = world.parked.list()
        further = ParkedEvent(
            subscriber="recorder", event=events[3], error="", parked_at="", retry_at=parked.retry_at
        )
        world.parked.park(further)
        recorder.has_no_room = True
        world.clock.wind(seconds=1)
        subscription.catch_up()
        assert further in world.parked.list()


class TestDecisions:
    def test_retrying_a_later_event_retries_its_stream_from_the_start(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        catch_up(subscription)
        world.parked.decide("recorder", events[2].id, "retry")
        catch_up(subscription)
        assert listed(world) == [(events[0].id, 2), (events[1].id, 0), (events[2].id, 0)]
        assert world.parked.list()[2].retry_at is None

    def test_dropped_events_stay_dropped_for_new_builds(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        catch_up(subscription)
        world.parked.decide("recorder", events[0].id, "drop")
        catch_up(subscription)
        assert (recorder.handled, listed(world)) == (
            [events[3].id, events[1].id, events[2].id],
            [],
        )
        for name in ("recorder", "recorder.1001"):
            anew = Counting()
            anew.name = name
            catch_up(world.subscription(anew))
            assert anew.handled == ids(events[1:])
            assert anew.stored.parked == frozenset()

    def test_a_new_build_handles_an_event_again_after_its_drop_was_taken_back(
        self, world: World, subscription: Subscription, events: list[RecordedEvent]
    ) -> None:
        catch_up(subscription)
        world.parked.decide("recorder", events[0].id, "drop")
        catch_up(subscription)
        world.parked.take_back("recorder", events[0].id)
        anew = Counting()
        catch_up(world.subscription(anew))
        assert anew.handled == ids(events)

    def test_an_event_dropped_for_the_live_build_is_not_parked_for_a_new_one(
        self,
        world: World,
        recorder: Counting,
        subscription: Subscription,
        events: list[RecordedEvent],
    ) -> None:
        """As by a new build, while the one that serves had the event parked already."""
        catch_up(subscription)
        new = Counting()
        new.name = "recorder.1001"
        new.topics = ("cases", "members")
        new.poison = recorder.poison
        building = world.subscription(new)
        building.deliver(delivery(world, *world.history.read("members", 0, 1)))
        world.parked.decide("recorder", events[0].id, "drop")
        catch_up(building)
        assert new.handled[1:] == ids(events[1:])
        assert world.parked.list("recorder.1001") == []


def _away(*_: object) -> None:
    raise Unavailable


class Choosy(Policy[None]):
    """Cannot react to some of the cases."""

    name, service = "choosy", "cases"

    def __init__(self, cases: Collection[str], error: Exception) -> None:
        super().__init__(None)
        self.reacted: list[str] = []
        self._cases = cases
        self._error = error

    def react(self, event: CaseReported | CaseTagged, cause: Cause) -> None:
        self.reacted.append(cause.event.id)
        if isinstance(event, CaseReported) and event.case_id in self._cases:
            raise self._error


class TestPolicies:
    def test_all_failing_events_of_a_batch_are_parked_in_one_pass(self, world: World) -> None:
        found = cases(world, STREAMS)
        failing = {f"c{number}" for number in range(1, STREAMS, 2)}
        policy = self.run(world, found, failing)
        assert policy.reacted == [*ids(found), *ids(found[::2])]
        assert [each.event.id for each in world.parked.list()] == ids(found[1::2])

    def test_a_policy_does_not_react_to_later_events_of_a_parked_stream(
        self, world: World, events: list[RecordedEvent]
    ) -> None:
        policy = self.run(world, events, {"c1"})
        assert policy.reacted == [events[0].id, events[3].id, events[3].id]
        assert listed(world) == [(events[0].id, 1), (events[1].id, 0), (events[2].id, 0)]

    def test_nothing_is_parked_while_a_store_is_away(
        self, world: World, events: list[RecordedEvent]
    ) -> None:
        with pytest.raises(Unavailable):
            self.run(world, events, {"c1"}, Unavailable())
        assert listed(world) == []

    def run(
        self,
        world: World,
        events: Sequence[RecordedEvent],
        failing: Collection[str],
        error: Exception = POISON,
    ) -> Choosy:
        policy = Choosy(failing, error)
        subscriber = PolicySubscriber(policy, world.codec, world.checkpoints)
        world.subscription(subscriber).deliver(delivery(world, *events))
        assert world.checkpoints.load("choosy").at("cases") == events[-1].position
        return policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    case_id: str


class Reports(QueryService[Reported]):
    """Which cases were reported?"""

    name, document, key = "reports", Reported, "case_id"

    def project(self, event: CaseReported, rows: Rows[Reported]) -> None:
        rows.put(event.case_id, Reported(case_id=event.case_id))


class Failing(Reports):
    """Writes a row, and then fails for some of the cases."""

    def __init__(self, cases: Collection[str], error: Exception) -> None:
        self._cases = cases
        self._error = error

    def project(self, event: CaseReported, rows: Rows[Reported]) -> None:
        super().project(event, rows)
        if event.case_id in self._cases:
            rows.delete(f"c{int(event.case_id[1:]) - 1}")
            raise self._error


class TestProjections:
    def test_one_commit_holds_all_but_the_failing_events(self, world: World) -> None:
        found = cases(world, STREAMS)
        failing = {f"c{number}" for number in range(1, STREAMS, 2)}
        model = self.project(world, found, Failing(failing, RuntimeError("poison")))
        assert model.checkpoint().revision == 1
        assert len(world.parked.list()) == STREAMS // 2
        there = {f"c{number}" for number in range(0, STREAMS, 2)}
        assert model.get([f"c{number}" for number in range(STREAMS)]).keys() == there

    def test_an_event_that_cannot_be_decoded_is_parked(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = cases(world, 2)
        self.let_decoding_fail(world, monkeypatch, first, ValueError("no JSON"))
        model = self.project(world, [first, second], Reports())
        assert [each.error for each in world.parked.list()] == ["ValueError"]
        assert model.get(["c0", "c1"]).keys() == {"c1"}

    def test_nothing_is_parked_while_a_store_is_away(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = cases(world, 2)
        with pytest.raises(Unavailable):
            self.project(world, [first, second], Failing({"c1"}, Unavailable()))
        self.let_decoding_fail(world, monkeypatch, first, Unavailable())
        with pytest.raises(Unavailable):
            self.project(world, [first, second], Reports())
        assert world.parked.list() == []

    def project(
        self, world: World, events: Sequence[RecordedEvent], service: Reports
    ) -> ReadModel[Reported]:
        model = world.models.open("new", 1, Reported, service.indexes)
        subscription = world.subscription(Projector(service, model, world.codec, world.history))
        subscription.deliver(delivery(world, *events))
        return model

    def let_decoding_fail(
        self,
        world: World,
        monkeypatch: pytest.MonkeyPatch,
        unreadable: RecordedEvent,
        error: Exception,
    ) -> None:
        decode = world.codec.decode_unless_erased

        def failing(event: RecordedEvent) -> object | None:
            if event.id == unreadable.id:
                raise error
            return decode(event)

        monkeypatch.setattr(world.codec, "decode_unless_erased", failing)
