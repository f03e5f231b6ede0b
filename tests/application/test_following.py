"""One command followed, and what subscribers have not handled."""

from collections.abc import Iterator

import pytest

from application.engine.executor import CommandContext
from application.engine.subscriber import describe
from application.ports.codec import RecordedEvent
from application.ports.parked import ParkedEvent
from application.ports.webhook_caller import CallFailed
from application.system import CONTEXTS
from application.use_cases.operations.correlations import Correlations
from application.use_cases.operations.follow import HANDLED, PARKED, WAITS, FollowCommand
from application.use_cases.operations.handlers import Handler, Handlers
from application.use_cases.operations.masking import masked
from application.use_cases.operations.parked_causes import LONGEST_CAUSE, causes_of, masked_error
from domain.cases.case_commands import CaseFacts, ReportCase
from domain.cases.case_details import CaseDetails
from domain.catalog import EVENTS
from domain.decider import Informed
from domain.ids import CaseId
from tests.world import World, new_models

PUBLISHED = "cases.CasePublished"
OPENS = "when-case-is-published-then-open-discussion"


@pytest.fixture
def follow(world: World) -> FollowCommand:
    correlations = Correlations(world.history, CONTEXTS)
    return FollowCommand(correlations, handlers(world), world.parked)


def handlers(world: World) -> Handlers:
    return Handlers(world.checkpoints, world.models, world.history)


def handler(world: World, name: str) -> Handler:
    return next(each for each in handlers(world) if each.name == name)


def report(world: World, correlation_id: str) -> None:
    """Anna reports a case with evidence that is safe to show."""
    anna = world.member()
    evidence = world.evidence(anna)
    world.settle()
    command = ReportCase(
        case_id=CaseId("c1"),
        details=CaseDetails(title="A bribe", story="They asked for money."),
        evidence=(evidence,),
        by=anna,
        at=world.clock(),
    )
    context = CommandContext(new=True, correlation_id=correlation_id)
    world.executors.cases.execute("c1", Informed(command, CaseFacts()), context)


class TestFollowing:
    def test_the_events_of_all_logs_follow_their_causes(
        self, world: World, follow: FollowCommand
    ) -> None:
        report(world, "one")
        world.settle()
        steps = follow("one").steps
        types = [step.event.type for step in steps]
        assert types[0] == "cases.CaseReported"
        assert types.index(PUBLISHED) < types.index("discussions.DiscussionOpened")
        assert {step.event.log for step in steps} >= {"cases", "discussions", "moderation"}
        places = {step.event.id: number for number, step in enumerate(steps)}
        for number, step in enumerate(steps):
            assert places.get(step.event.causation_id, -1) < number

    def test_each_subscriber_tells_what_it_did(self, world: World, follow: FollowCommand) -> None:
        report(world, "one")
        world.settle()
        reactions = self.reactions(follow, PUBLISHED)
        assert {state for state, _ in reactions.values()} == {HANDLED}
        assert reactions["cases"][1] == []
        ((_, led_to), *_) = [reactions[OPENS]]
        assert [event_id.partition("/")[0] for event_id in led_to] == ["discussions"]

    def test_what_waits_and_what_is_parked_is_told(
        self, world: World, follow: FollowCommand
    ) -> None:
        report(world, "one")
        event = self.first(follow)
        world.parked.park(
            ParkedEvent(subscriber="notifications.1", event=event, error="Bad", parked_at="now")
        )
        reactions = self.reactions(follow, event.type)
        assert reactions["cases"][0] == WAITS
        assert reactions["notifications"][0] == PARKED

    def test_an_unknown_id_leads_to_nothing(self, world: World, follow: FollowCommand) -> None:
        report(world, "one")
        assert follow("two").steps == []

    @staticmethod
    def first(follow: FollowCommand) -> RecordedEvent:
        return follow("one").steps[0].event

    @staticmethod
    def reactions(follow: FollowCommand, event_type: str) -> dict[str, tuple[str, list[str]]]:
        step = next(each for each in follow("one").steps if each.event.type == event_type)
        return {each.handler.name: (each.state, list(each.led_to)) for each in step.reactions}


class Log:
    """A log of so many events, each of a command of its own; it counts the reads."""

    def __init__(self, events: int) -> None:
        self.events = events
        self.reads = 0

    def last_position(self, log: str) -> int:
        return self.events if log == "log" else 0

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        self.reads += 1
        last = min(after + limit, self.last_position(log))
        return [self.event(log, position) for position in range(after + 1, last + 1)]

    @staticmethod
    def event(log: str, position: int) -> RecordedEvent:
        return RecordedEvent(
            log=log,
            position=position,
            stream="s",
            version=position,
            stamp=position,
            type="t",
            schema=1,
            data=b"{}",
            correlation_id=str(position),
        )


class TestCorrelations:
    @pytest.mark.parametrize("position", [1, 19_999, 20_000, 20_001, 40_000, 40_001, 50_000])
    def test_an_event_is_found_wherever_it_is(self, position: int) -> None:
        found = self.over(Log(50_000)).find(str(position))
        assert [event.position for event in found.events] == [position]
        assert found.unread == {}

    def test_a_second_search_reads_what_was_found_alone(self) -> None:
        log = Log(50_000)
        correlations = self.over(log)
        correlations.find("1")
        log.reads = 0
        correlations.find("7")
        assert log.reads <= 3  # the event, and what came since in both logs

    def test_new_events_are_found(self) -> None:
        log = Log(30_000)
        correlations = self.over(log)
        correlations.find("1")
        log.events = 41_000
        assert correlations.find("41000").events[0].position == 41_000
        assert correlations.find("39999").events[0].position == 39_999

    def test_the_newest_are_looked_at_first_and_the_next_search_goes_on(self) -> None:
        def clock() -> Iterator[float]:
            yield from (0.0, 0.0, 9.0, 9.0)
            while True:
                yield 10.0

        times = clock()
        correlations = Correlations(Log(50_000), ("log",), lambda: next(times))  # type: ignore[arg-type]  # it needs two methods alone
        first = correlations.find("1", 2.0)
        assert (first.events, first.unread) == ([], {"log": 40_000})
        assert correlations.find("45000", 2.0).events[0].position == 45_000
        assert correlations.find("1", 99.0).events[0].position == 1

    @staticmethod
    def over(log: Log) -> Correlations:
        return Correlations(log, ("log", "empty"), lambda: 0.0)  # type: ignore[arg-type]  # it needs two methods alone


class TestHandlers:
    def test_unhandled_events_are_those_that_a_subscriber_declares(self, world: World) -> None:
        report(world, "one")
        found = handlers(world).unhandled(handler(world, "videos"), 9)
        assert {each.log for each in found} == set(handler(world, "videos").topics)
        world.settle()
        assert not any(
            each.events or each.behind
            for each in handlers(world).unhandled(handler(world, "cases"), 9)
        )

    def test_a_policy_is_found_with_its_service(self, world: World) -> None:
        found = handler(world, OPENS)
        assert (found.kind, found.service, found.subscriber) == ("policy", "discussions", OPENS)
        assert found.checkpoint().positions == {}

    def test_a_query_service_without_a_build_has_handled_nothing(self, world: World) -> None:
        world.models = new_models()
        assert handler(world, "videos").checkpoint().positions == {}


class TestCauses:
    def test_of_an_error_its_class_is_stored_and_what_our_own_say(self) -> None:
        assert describe(KeyError('He said "it\'s Maria" to me')) == "KeyError"
        assert describe(CallFailed("status 500")) == "CallFailed: status 500"

    def test_what_an_error_quotes_is_not_told(self) -> None:
        error = "KeyError: 'Anna' at 17 of 6f0a2f5e-3a0e-4cf2-9a8e-0a6d6c1f7b52\nTraceback"
        assert masked_error(error) == "KeyError: “…” at … of …"
        assert masked_error(" ") == "unknown"
        assert len(masked_error("x" * 999)) == LONGEST_CAUSE + 1

    def test_events_are_grouped_by_service_and_cause_with_those_that_wait(
        self, world: World
    ) -> None:
        report(world, "one")
        world.settle()
        first, second = world.history.stream("cases", "case-c1")[:2]

        def parked(event: RecordedEvent, error: str) -> ParkedEvent:
            return ParkedEvent(subscriber="cases.1", event=event, error=error, parked_at="now")

        waiting = parked(second, "an earlier event of its stream is parked")
        (cause,) = causes_of([parked(first, "Bad: 'a'"), waiting])
        assert (cause.service, cause.text, cause.since) == ("cases", "Bad: “…”", "now")
        assert (len(cause.failed), len(cause.waiting), cause.gave_up) == (1, 1, 1)
        found = causes_of([parked(first, "Bad: 'a'"), parked(second, "Worse")])
        assert [each.text for each in found] == ["Bad: “…”", "Worse"]


# What people wrote or chose: nothing that tells which things are of the same person, or when.
OPENED = {
    *("areas", "interests", "location", "pseudonym", "tag", "tags", "author_name", "by_name"),
    *("details.name", "details.role", "details.occurred_on", "details.story", "details.title"),
    *("note", "operator", "reason", "statement", "text"),
}


class TestMasking:
    def test_of_all_events_only_what_people_wrote_is_opened(self) -> None:
        opened = set()
        for name in EVENTS.types:
            event = RecordedEvent(
                log="l",
                position=1,
                stream="s",
                version=1,
                stamp=0,
                type=name,
                schema=1,
                data=b'{"sealed": ""}',
            )
            opened |= set(masked(event).opens)
        assert opened == OPENED

    def test_an_event_without_personal_fields_is_shown_as_it_is(self, world: World) -> None:
        report(world, "one")
        world.settle()
        event = next(e for e in world.history.read("cases", 0, 99) if b'"sealed"' not in e.data)
        assert masked(event).sealed == masked(event).opens == ()

    def test_of_an_unknown_event_nothing_is_opened(self, world: World) -> None:
        report(world, "one")
        event = world.history.read("cases", 0, 1)[0]
        assert masked(event).sealed
        event.type = "cases.FromANewerProgram"
        assert (masked(event).sealed, masked(event).opens) == ((), ())
