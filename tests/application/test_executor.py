"""One executor for every decider: load, fold, decide, append, exactly once."""

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
    HideCase,
    ReportCase,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.case_details import CaseDetails, CaseStatus
from domain.decider import NothingChanged
from domain.ids import CaseId
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


def report(world: World, by: Actor) -> ReportCase:
    details = CaseDetails(title="A bribe", story="Money.")
    return ReportCase(case_id=CASE, details=details, by=by, at=world.clock())


def test_a_receipt_tells_where_the_command_left_its_aggregate(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    receipt = cases.execute(CASE, tag(world, anna), CommandContext())
    assert (receipt.log, receipt.stream, receipt.version) == ("cases", "case-c1", 2)
    assert receipt.state.tags.keys() == {"police"}
    assert receipt.state.status is CaseStatus.AWAITING_EVIDENCE


def test_nothing_is_decided_on_a_stream_that_is_half_known(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    newer = append_newer(world.stores["cases"], world.codec, CASE)
    with pytest.raises(NewerProgram):
        cases.execute(CASE, tag(world, anna), CommandContext())
    with pytest.raises(NewerProgram):
        cases.load(CASE)
    assert world.stores["cases"].load("case-c1")[-1].hash == newer.hash


def test_a_command_that_nobody_repeats_leaves_no_trace_where_it_changes_nothing(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    command = AmendCase(changes={}, by=anna, at=world.clock())
    assert cases.execute(CASE, command, CommandContext()).version == 1
    assert len(cases.events(CASE)) == 1


def test_a_command_that_changed_nothing_once_changes_nothing_when_it_is_repeated(
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
def test_a_repetition_gets_its_first_receipt_even_where_it_would_be_refused_by_now(
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


def test_what_changed_nothing_leaves_its_trace_beside_the_aggregate(
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


def test_a_repeated_command_gets_its_first_receipt(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    context = CommandContext(command_id="once")
    first = cases.execute(CASE, tag(world, anna), context)
    cases.execute(CASE, tag(world, anna, "health"), CommandContext())
    assert cases.execute(CASE, tag(world, anna), context) == first
    assert cases.load(CASE).state.tags.keys() == {"police", "health"}


def test_a_repetition_is_known_even_where_nothing_was_loaded(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    context = CommandContext(command_id="once", new=True)
    first = cases.execute(CASE, report(world, anna), context)
    assert cases.execute(CASE, report(world, anna), context) == first
    assert len(cases.events(CASE)) == 1


def test_an_aggregate_thought_new_that_is_not_is_loaded_after_all(
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


def test_a_version_that_is_insisted_on_must_be_the_newest(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext(version=1))
    with pytest.raises(StaleVersion):
        cases.execute(CASE, tag(world, anna, "health"), CommandContext(version=1))


def test_a_stale_command_appends_nothing_and_is_told_even_if_it_changes_nothing(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext())
    for name in ("health", "police"):
        with pytest.raises(StaleVersion):
            cases.execute(CASE, tag(world, anna, name), CommandContext(version=1))
    assert len(cases.events(CASE)) == 2


def test_who_may_not_see_an_aggregate_does_not_learn_its_version(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    stranger = world.member("Ben")
    for version in (0, 1, 2):
        with refused("not-found"):
            cases.execute(CASE, tag(world, stranger), CommandContext(version=version))


def test_a_command_that_lost_a_race_is_decided_anew_on_the_newest_state(world: World) -> None:
    anna = world.member()
    crowded = Crowded(times=3)
    cases: CaseExecutor = CommandExecutor(case_decider, crowded, world.codec, world.clock)
    receipt = cases.execute(CASE, report(world, anna), CommandContext(new=True))
    assert (receipt.version, crowded.times) == (1, 3)


def test_a_race_that_is_always_lost_is_given_up(world: World) -> None:
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


def test_a_command_id_belongs_to_one_command_in_the_whole_log(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.report(anna)
    world.report(anna, case_id="c2")
    cases.execute(CASE, tag(world, anna), CommandContext(command_id="once", fingerprint="a"))
    with pytest.raises(CommandMismatch):
        cases.execute("c2", tag(world, anna), CommandContext(command_id="once", fingerprint="b"))
    assert cases.load("c2").state.tags == {}


def test_an_aggregate_can_be_seen_as_it_was(world: World, anna: Actor, cases: CaseExecutor) -> None:
    world.report(anna)
    cases.execute(CASE, tag(world, anna), CommandContext())
    assert cases.load(CASE, upto=1).state.tags == {}
    assert len(cases.events(CASE)) == 2


def test_nothing_is_written_of_who_was_erased(
    world: World, anna: Actor, cases: CaseExecutor
) -> None:
    world.vault.destroy(anna.member_id)
    with refused("erased"):
        cases.execute(CASE, report(world, anna), CommandContext(new=True))


def test_a_receipt_can_be_asked_for_again(world: World, anna: Actor, cases: CaseExecutor) -> None:
    context = CommandContext(command_id="once", new=True)
    assert cases.receipt(context) is None
    first = cases.execute(CASE, report(world, anna), context)
    assert cases.receipt(context) == first
