"""One executor for every decider: load, fold, decide and append, exactly once."""

from collections.abc import Callable

import pytest

from adapters.event_store.memory import MemoryEventStore
from application.engine.executor import (
    MOST_TRIES,
    CommandContext,
    CommandExecutor,
    CommandMismatch,
    StaleVersion,
    TooMuchContention,
)
from application.executors import CaseExecutor
from application.ports.codec import NewerProgram
from application.ports.event_store import NewCommit, StoredCommit, StreamConflict
from domain.actors import SYSTEM, Actor
from domain.cases.case import case_decider
from domain.cases.case_commands import (
    AmendCase,
    CaseCommand,
    CaseFacts,
    HideCase,
    ReportCase,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.case_details import CaseDetails, CaseStatus
from domain.decider import Informed, NothingChanged
from domain.ids import CaseId
from domain.members.member import ChooseInterests
from domain.times import day_of
from tests.newer import append_newer
from tests.world import World, refused

CASE = CaseId("c1")


class Crowded(MemoryEventStore):
    """A log to which somebody else is quicker to append, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__("cases")
        self.times = 0
        self._times = times
        self.meanwhile: Callable[[], object] = lambda: None

    def append(self, commit: NewCommit) -> StoredCommit:
        if self.times < self._times:
            self.times += 1
            self.meanwhile()
            raise StreamConflict(commit.stream)
        return super().append(commit)


@pytest.fixture
def cases(world: World) -> CaseExecutor:
    return world.executors.cases


def tag(world: World, by: Actor, name: str = "police") -> TagCase:
    return TagCase(tag=name, by=by, at=world.clock())


def report(world: World, by: Actor) -> CaseCommand:
    details = CaseDetails(title="A bribe", story="Money.")
    command = ReportCase(case_id=CASE, details=details, by=by, at=world.clock())
    return Informed(command, CaseFacts())


def test_a_receipt_holds_stream_version_and_state(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    receipt = cases.execute(CASE, tag(world, anna), CommandContext())
    assert (receipt.log, receipt.stream, receipt.version) == ("cases", "case-c1", 2)
    assert receipt.state.tags.keys() == {"police"}
    assert receipt.state.status is CaseStatus.AWAITING_EVIDENCE


def test_a_stream_with_an_event_of_a_newer_program_refuses_commands(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    newer = append_newer(world.stores["cases"], world.codec, CASE)
    with pytest.raises(NewerProgram):
        cases.execute(CASE, tag(world, anna), CommandContext())
    with pytest.raises(NewerProgram):
        cases.load(CASE)
    assert world.stores["cases"].load("case-c1")[-1].hash == newer.hash


def test_a_command_without_effect_and_without_an_id_appends_nothing(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    command = AmendCase(changes={}, by=anna, at=world.clock())
    assert cases.execute(CASE, command, CommandContext()).version == 1
    assert len(cases.events(CASE)) == 1


def test_repeating_a_command_without_effect_has_no_effect_after_the_state_changed(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext())
    context = CommandContext(command_id="once", once=True)
    first = cases.execute(CASE, tag(world, anna), context)
    cases.execute(CASE, UntagCase(tag="police", by=anna, at=world.clock()), CommandContext())
    assert cases.execute(CASE, tag(world, anna), context) == first
    assert (first.stream, first.version) == ("case-c1", 2)
    assert cases.load(CASE).state.tags == {}


@pytest.mark.parametrize("version", [None, 2])
def test_a_repeated_command_returns_its_first_receipt_although_it_would_be_refused_now(
    world: World, anna: Actor, cases: CaseExecutor, version: int | None
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext())
    context = CommandContext(command_id="once", once=True, version=version)
    first = cases.execute(CASE, tag(world, anna), context)
    cases.execute(CASE, WithdrawCase(by=anna, at=world.clock()), CommandContext())
    assert cases.execute(CASE, tag(world, anna), context) == first
    assert cases.receipt(context) == first
    with refused("withdrawn"):
        cases.execute(CASE, tag(world, anna), CommandContext(command_id="another", once=True))


def test_a_command_without_effect_is_recorded_outside_of_its_stream(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    hide = HideCase(rule="spam", by=SYSTEM, at=world.clock())
    receipt = cases.execute(CASE, hide, CommandContext(command_id="once", once=True))
    assert (receipt.stream, receipt.version) == ("case-c1", 0)
    assert cases.load(CASE).head.version == 0
    (trace,) = world.history.read("cases", 0, 10)
    assert world.codec.decode(trace) == NothingChanged(stream="case-c1", version=0)
    world.report(anna)
    assert cases.execute(CASE, hide, CommandContext(command_id="once", once=True)) == receipt


def test_a_repeated_command_returns_its_first_receipt(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    context = CommandContext(command_id="once")
    first = cases.execute(CASE, tag(world, anna), context)
    cases.execute(CASE, tag(world, anna, "health"), CommandContext())
    assert cases.execute(CASE, tag(world, anna), context) == first
    assert cases.load(CASE).state.tags.keys() == {"police", "health"}


def test_a_repeated_creation_returns_its_first_receipt(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    context = CommandContext(command_id="once", new=True)
    first = cases.execute(CASE, report(world, anna), context)
    assert cases.execute(CASE, report(world, anna), context) == first
    assert len(cases.events(CASE)) == 1


def test_an_existing_aggregate_is_loaded_when_a_command_takes_it_for_new(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    with refused("already-reported"):
        cases.execute(CASE, report(world, anna), CommandContext(new=True))


def test_another_command_under_the_same_id_is_refused(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext(command_id="once", fingerprint="a"))
    with pytest.raises(CommandMismatch):
        cases.execute(CASE, tag(world, anna), CommandContext(command_id="once", fingerprint="b"))


def test_a_command_with_an_outdated_version_is_refused(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext(version=1))
    with pytest.raises(StaleVersion):
        cases.execute(CASE, tag(world, anna, "health"), CommandContext(version=1))


def test_a_command_with_an_outdated_version_is_refused_even_without_effect(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext())
    for name in ("health", "police"):
        with pytest.raises(StaleVersion):
            cases.execute(CASE, tag(world, anna, name), CommandContext(version=1))
    assert len(cases.events(CASE)) == 2


def test_a_wrong_version_of_an_invisible_aggregate_is_answered_as_not_found(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    stranger = world.member("Ben")
    for version in (0, 1, 2):
        with refused("not-found"):
            cases.execute(CASE, tag(world, stranger), CommandContext(version=version))


def test_a_command_is_decided_again_on_the_newest_state_after_a_conflict(world: World) -> None:
    anna = world.member()
    crowded = Crowded(times=3)
    cases: CaseExecutor = CommandExecutor(case_decider, crowded, world.codec, world.clock)
    receipt = cases.execute(CASE, report(world, anna), CommandContext(new=True))
    assert (receipt.version, crowded.times) == (1, 3)


def test_a_command_gives_up_after_too_many_conflicts(world: World) -> None:
    anna = world.member()
    crowded = Crowded(times=MOST_TRIES)
    cases: CaseExecutor = CommandExecutor(case_decider, crowded, world.codec, world.clock)
    with pytest.raises(TooMuchContention):
        cases.execute(CASE, report(world, anna), CommandContext())
    assert cases.load(CASE).head.version == 0


def test_stamps_grow_even_if_the_clock_goes_back(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    before = cases.load(CASE).head.stamp
    world.clock.wind(hours=-1)
    cases.execute(CASE, tag(world, anna), CommandContext())
    assert cases.load(CASE).head.stamp == before + 1


def test_stamps_grow_even_if_the_clock_stands_still(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    before = cases.load(CASE).head.stamp
    for name in ("police", "health"):
        cases.execute(CASE, tag(world, anna, name), CommandContext())
    assert cases.load(CASE).head.stamp == before + 2


def test_the_stamps_of_what_names_a_member_are_whole_days(world: World) -> None:
    anna = world.member()
    interests = ChooseInterests(interests=("toll",), by=anna, at=world.clock())
    world.executors.members.execute(anna.member_id, interests, CommandContext())
    world.settle()
    day = int(day_of(world.clock()).timestamp()) * 1_000_000
    (member, chosen) = world.stores["members"].read_log(0, 10)
    (subject,) = world.stores["moderation"].read_log(0, 10)
    assert (member.stamp, chosen.stamp, subject.stamp) == (day, day + 1, day)


def test_a_command_id_belongs_to_one_command_in_the_whole_log(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    world.report(anna, case_id="c2")
    cases.execute(CASE, tag(world, anna), CommandContext(command_id="once", fingerprint="a"))
    with pytest.raises(CommandMismatch):
        cases.execute("c2", tag(world, anna), CommandContext(command_id="once", fingerprint="b"))
    assert cases.load("c2").state.tags == {}


def test_an_aggregate_can_be_loaded_as_of_a_time_or_version(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext())
    assert cases.load(CASE, upto=1).state.tags == {}
    assert len(cases.events(CASE)) == 2


def test_a_command_of_an_erased_member_is_refused(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.vault.destroy(anna.member_id)
    with refused("erased"):
        cases.execute(CASE, report(world, anna), CommandContext(new=True))


def test_the_receipt_of_a_command_can_be_read_later(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    context = CommandContext(command_id="once", new=True)
    assert cases.receipt(context) is None
    first = cases.execute(CASE, report(world, anna), context)
    assert cases.receipt(context) == first
