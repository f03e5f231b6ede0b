"""Delayed cases are published when they are due: once, not before, and after an outage as well."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.queries.notification import NotificationKind
from application.use_cases.cases.release import ReleaseCases
from application.use_cases.cases.report import Report
from config.use_cases import UseCases
from domain.actors import SYSTEM, Actor
from domain.cases.case_commands import (
    CaseCommand,
    HideCase,
    ReportCase,
    RetractEvidence,
    WithdrawCase,
)
from domain.cases.case_details import CaseDetails, CaseStatus
from domain.cases.case_events import CasePublished
from domain.ids import CaseId, EvidenceId
from domain.members.member import EraseMember
from tests.application.community import listed, name_party, one, rows
from tests.application.test_anonymous_authors import notified, report, viewer
from tests.world import World

DELAY = timedelta(hours=5)


@pytest.fixture
def anna(world: World) -> Actor:
    """The author of a case that waits."""
    anna = world.member("Anna")
    held(world, anna)
    return anna


def held(world: World, by: Actor, case_id: str = "c1", delay: timedelta = DELAY) -> None:
    world.public_case(by, case_id, anonymous=True, publish_within=48, delay=delay)


def another(world: World) -> ReleaseCases:
    """The chore in another process, or after a restart."""
    return UseCases(world.container).release_cases


def step(world: World) -> None:
    world.use_cases.release_cases.step()
    world.settle()


def status(world: World, case_id: str = "c1") -> CaseStatus | None:
    return world.executors.cases.load(case_id).state.status


def published(world: World) -> Counter[str]:
    events = (world.codec.decode(event) for event in world.history.read("cases", 0, 10_000))
    return Counter(str(each.case_id) for each in events if isinstance(each, CasePublished))


def execute(world: World, command: CaseCommand, case_id: str = "c1") -> None:
    world.executors.cases.execute(case_id, command, CommandContext())
    world.settle()


def test_a_case_is_published_when_it_is_due_and_once(world: World, anna: Actor) -> None:
    world.clock.wind(hours=5, seconds=-1)
    step(world)
    assert status(world) is CaseStatus.AWAITING_PUBLICATION
    world.clock.wind(seconds=2)
    for _ in range(2):
        step(world)
    assert published(world) == {"c1": 1}
    assert [case["case_id"] for case in listed(world, "cases")] == ["c1"]


def test_what_became_due_meanwhile_is_published_after_a_restart(world: World, anna: Actor) -> None:
    held(world, anna, "c2", 30 * DELAY)
    step(world)
    world.clock.wind(days=3)
    another(world).step()
    assert [status(world, key) for key in ("c1", "c2")] == [
        CaseStatus.PUBLISHED,
        CaseStatus.AWAITING_PUBLICATION,
    ]
    world.clock.wind(days=30)
    another(world).step()
    assert published(world) == {"c1": 1, "c2": 1}


def test_a_restart_reads_the_log_from_the_oldest_case_that_waits(world: World, anna: Actor) -> None:
    step(world)
    waiting = world.checkpoints.load(ReleaseCases.name).at("cases")
    assert 0 < waiting < world.history.last_position("cases")
    world.clock.wind(hours=6)
    step(world)
    step(world)
    assert world.checkpoints.load(ReleaseCases.name).at("cases") == (
        world.history.last_position("cases")
    )
    another(world).step()
    assert published(world) == {"c1": 1}


def test_two_processes_at_once_publish_it_once(world: World, anna: Actor) -> None:
    first, second = another(world), another(world)
    for chore in (first, second):
        chore.step()
    world.clock.wind(hours=6)
    execute_second = second.step

    class Racing:
        """Executes the command while the other process executes its own."""

        def execute(self, case_id: str, command: Any, context: CommandContext) -> None:
            execute_second()
            world.executors.cases.execute(case_id, command, context)

    first._cases = Racing()  # type: ignore[assignment]  # its race with the second
    first.step()
    assert published(world) == {"c1": 1}
    assert status(world) is CaseStatus.PUBLISHED


def test_a_process_that_is_killed_after_it_published_some_does_so_once(
    world: World, anna: Actor
) -> None:
    held(world, anna, "c2")
    world.clock.wind(hours=6)
    killed = another(world)

    class Mortal:
        """Is killed after the first command."""

        count = 0

        def execute(self, *arguments: Any) -> None:
            self.count += 1
            if self.count > 1:
                raise KeyboardInterrupt
            world.executors.cases.execute(*arguments)

    killed._cases = Mortal()  # type: ignore[assignment]  # stands in for a kill
    with pytest.raises(KeyboardInterrupt):
        killed.step()
    assert published(world).total() == 1
    another(world).step()
    assert published(world) == {"c1": 1, "c2": 1}


def test_several_are_published_in_the_order_of_their_times_and_not_of_their_reports(
    world: World, anna: Actor
) -> None:
    held(world, anna, "c2", DELAY / 2)
    world.clock.wind(days=1)
    step(world)
    assert list(published(world)) == ["c2", "c1"]


@pytest.mark.parametrize("erase", [True, False])
def test_what_was_withdrawn_or_erased_meanwhile_is_not_published(
    world: World, anna: Actor, erase: bool
) -> None:
    step(world)
    if erase:
        command = EraseMember(by=anna, at=world.clock())
        world.executors.members.execute(anna.member_id, command, CommandContext())
        world.settle()
    else:
        execute(world, WithdrawCase(by=anna, at=world.clock()))
    world.clock.wind(days=3)
    step(world)
    another(world).step()
    assert published(world) == {}


def test_a_case_whose_author_has_just_been_erased_is_not_published(
    world: World, anna: Actor
) -> None:
    """Its key is destroyed, and the event that erases it is not there yet."""
    step(world)
    world.vault.destroy(anna.member_id)
    world.clock.wind(days=3)
    step(world)
    another(world).step()
    assert published(world) == {}


def test_a_case_whose_author_waits_to_be_erased_is_not_published(world: World, ben: Actor) -> None:
    report(world, ben, publish_within=1)
    command = EraseMember(anonymous_later=True, by=ben, at=world.clock())
    world.executors.members.execute(ben.member_id, command, CommandContext())
    world.settle()
    world.clock.wind(days=15)
    step(world)
    assert status(world) is CaseStatus.AWAITING_PUBLICATION
    for _ in range(2):
        world.use_cases.erase_later.step()
        world.settle()
        world.clock.wind(days=1)
    step(world)
    assert status(world) is CaseStatus.ERASED
    assert published(world) == {}


def test_a_hidden_case_is_not_published_until_it_is_restored(world: World, anna: Actor) -> None:
    execute(world, HideCase(rule="spam", by=SYSTEM, at=world.clock()))
    world.clock.wind(days=3)
    step(world)
    assert status(world) is CaseStatus.HIDDEN
    assert published(world) == {}


class TestWhileItWaits:
    def test_only_its_author_and_moderators_see_it(
        self, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        assert one(world, "cases", "c1") is None
        case = world.answers["cases"]
        for member, seen in ((anna, True), (mo, True), (ben, False)):
            assert bool(case.one("c1", viewer(world, member))) == seen
        for service in ("cases", "videos", "popular-cases"):
            assert listed(world, service) == []

    @pytest.mark.parametrize("service", ["cases", "my-cases"])
    def test_the_author_sees_that_it_waits_and_no_time(
        self, world: World, anna: Actor, service: str
    ) -> None:
        (document,) = rows(world, service).values()
        assert document.status is CaseStatus.AWAITING_PUBLICATION
        assert (document.reported_at, document.updated_at) == (None, None)

    def test_it_is_the_newest_of_its_author_although_it_has_no_time(
        self, world: World, anna: Actor
    ) -> None:
        world.public_case(anna, "c0")
        held(world, anna, "c2")
        page = world.answers["my-cases"].page(viewer(world, anna), {}, limit=50)
        assert [case.case_id for case in page.documents] == ["c2", "c0", "c1"]
        assert {case.missing for case in page.documents} == {None}

    def test_nobody_is_notified_of_it(self, world: World, anna: Actor) -> None:
        published_ = NotificationKind.CASE_PUBLISHED
        assert published_ not in notified(world, anna)
        world.clock.wind(days=3)
        step(world)
        assert published_ in notified(world, anna)

    def test_its_author_is_notified_of_refused_evidence_without_a_time(
        self, world: World, ben: Actor
    ) -> None:
        world.unsafe["e-c2"] = "No sound was recorded."
        held(world, ben, "c2")
        page = world.answers["notifications"].page(viewer(world, ben), {}, limit=50)
        (notification,) = page.documents
        assert notification.kind is NotificationKind.EVIDENCE_REFUSED
        assert notification.at is None

    def test_without_evidence_it_awaits_evidence_again(self, world: World, anna: Actor) -> None:
        retract = RetractEvidence(evidence_id=EvidenceId("e-c1"), by=anna, at=world.clock())
        execute(world, retract)
        for service in ("cases", "my-cases"):
            (document,) = rows(world, service).values()
            assert document.status is CaseStatus.AWAITING_EVIDENCE is status(world)


def test_a_party_that_was_named_while_it_waited_tells_no_time(world: World, anna: Actor) -> None:
    name_party(world, anna, party_id="p1")
    world.clock.wind(days=3)
    step(world)
    name_party(world, anna, party_id="p2")
    world.settle()
    (document,) = rows(world, "cases").values()
    assert [party.added_at is None for party in document.parties] == [True, False]


def test_no_row_and_no_plain_event_holds_the_delay_or_the_time(world: World, anna: Actor) -> None:
    (document,) = rows(world, "cases").values()
    due = world.executors.cases.load("c1").state.held_until
    assert due
    assert due - world.clock() - DELAY < timedelta(seconds=1)
    for commit in world.stores["cases"].load("case-c1"):
        for word in (str(due.date()), str(int(DELAY.total_seconds())), '"publish_within"'):
            assert word not in commit.body.decode()
    assert str(due.date()) not in repr(document)
    assert '"at":"1970-01-01T00:00:00Z"' in commit.body.decode()


class Draws:
    """Draws the largest number each time."""

    def __init__(self) -> None:
        self.below: list[int] = []

    def __call__(self, below: int) -> int:
        self.below.append(below)
        return below - 1


@pytest.mark.parametrize(("hours", "below"), [(1, 3601), (168, 168 * 3600 + 1), (None, 1)])
def test_the_delay_is_drawn_evenly_from_the_chosen_hours(
    world: World, hours: int | None, below: int
) -> None:
    do, draws = world.executors, Draws()
    reporting = Report(do.cases, do.exhibits, world.use_cases.authorship, draws)
    command = ReportCase(
        case_id=CaseId("c1"),
        details=CaseDetails(title="A bribe", story="They asked for money."),
        anonymous=True,
        publish_within=hours,
        by=world.member(),
        at=world.clock(),
    )
    state = reporting.report(command, CommandContext()).state
    assert draws.below == [below]
    assert state.delay == state.publish_within == timedelta(hours=hours or 0)
