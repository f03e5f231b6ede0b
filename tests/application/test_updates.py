"""Updates: every public event is sent once and in order, and no other event."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.ports.history import HistoryUnavailable
from application.ports.unavailable import Unavailable
from application.updates import (
    IGNORED,
    KINDS,
    TOPICS,
    MalformedPositions,
    Reached,
    Update,
    UpdateFilter,
    UpdateKind,
    Updates,
    read_positions,
    written_positions,
)
from domain.actors import Actor, Role
from domain.cases.case_commands import CaseCommand, TagCase, WithdrawCase
from domain.cases.case_details import CaseCategory
from domain.cases.party import PartyDetails, PartyKind
from domain.catalog import EVENTS
from domain.ids import CommentId, PartyId
from domain.members.member import EraseMember
from domain.moderation.subject import SubjectKind, Verdict
from tests.application import community
from tests.world import World

PUBLISHED, CHANGED = UpdateKind.PUBLISHED, UpdateKind.CHANGED
SUPPORTED, FOLLOWED = UpdateKind.SUPPORTED, UpdateKind.FOLLOWED
DISCUSSED = UpdateKind.DISCUSSED
BEGINNING = {"cases": 0, "discussions": 0}


class Listening:
    """Updates that look when a stream is continued, over a history that may be away."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.away = False
        self.reads = 0
        self.woken: list[int] = []
        self.updates = Updates(self, world.codec, world.answers["cases"], start=lambda _: None)

    def read(self, log: str, after: int, limit: int) -> Any:
        if self.away:
            raise HistoryUnavailable(log)
        self.reads += 1
        return self.world.history.read(log, after, limit)

    def stream(self, log: str, stream: str) -> Any:
        return self.world.history.stream(log, stream)

    def position_of(self, log: str, stream: str, version: int) -> int | None:
        return self.world.history.position_of(log, stream, version)

    def last_position(self, log: str) -> int:
        return self.world.history.last_position(log)

    def follow(self, last: str = "", **wanted: Any) -> Iterator[Reached | None]:
        after, number = self.updates.resume(last), len(self.woken)
        self.woken.append(0)

        def wake() -> None:
            self.woken[number] += 1

        return self._looking(self.updates.follow(after, UpdateFilter(**wanted), wake))

    def _looking(self, steps: Iterator[Reached | None]) -> Iterator[Reached | None]:
        for step in steps:
            yield step
            self.updates.look()

    def updates_after(self, last: str = "cases:0", **wanted: Any) -> list[tuple[str, str]]:
        """The updates after the last id until there are no more."""
        return next_updates(self.follow(last, **wanted), 100)


def next_updates(stream: Iterator[Reached | None], steps: int = 10) -> list[tuple[str, str]]:
    return [(update.kind, update.case_id) for update in next_of(stream, steps)]


def next_of(stream: Iterator[Reached | None], steps: int) -> list[Update]:
    some = [next(stream) for _ in range(steps)]
    return [step.update for step in some if step and step.update]


@pytest.fixture
def listening(world: World) -> Listening:
    return Listening(world)


def tag(world: World, by: Actor, name: str = "police", case_id: str = "c1") -> None:
    execute(world, TagCase(tag=name, by=by, at=world.clock()), case_id)


def execute(world: World, command: CaseCommand, case_id: str = "c1") -> None:
    world.executors.cases.execute(case_id, command, CommandContext())
    world.settle()


def test_public_events_are_sent_in_order(world: World, listening: Listening, anna: Actor) -> None:
    stream = listening.follow()
    case = world.public_case(anna)
    ben = world.member("Ben")
    tag(world, anna)
    for engage in (world.engage.support, world.engage.withdraw_support):
        engage(case, ben, CommandContext())
    for engage in (world.engage.follow, world.engage.unfollow):
        engage(case, ben, CommandContext())
    world.settle()
    kinds = [PUBLISHED, CHANGED, SUPPORTED, SUPPORTED, FOLLOWED, FOLLOWED]
    assert next_updates(stream, 30) == [(kind, "c1") for kind in kinds]


def test_what_happened_before_a_case_was_public_is_not_sent_later(
    world: World, listening: Listening, anna: Actor
) -> None:
    """Or its place among the updates would tell when the case was reported."""
    stream = listening.follow()
    case = world.public_case(anna, anonymous=True, publish_within=1, delay=timedelta(hours=1))
    tag(world, anna)
    community.name_party(world, anna)
    world.settle()
    assert next_updates(stream, 30) == []
    world.clock.wind(hours=2)
    world.use_cases.release_cases.step()
    world.settle()
    tag(world, anna, "clerk")
    assert next_updates(stream, 30) == [(PUBLISHED, case), (CHANGED, case)]
    assert listening.updates_after() == [(PUBLISHED, case), (CHANGED, case)]


def test_hiding_and_restoring_parts_of_a_case_are_sent_as_changes(
    world: World, listening: Listening, anna: Actor
) -> None:
    case, mona = world.public_case(anna), world.member("Mona", Role.MODERATOR)
    clerk = PartyDetails(kind=PartyKind.PERSON, name="Clerk Osman", role="took the money")
    party, comment = PartyId("p1"), CommentId("k1")
    world.enrich.name_party(party, case, clerk, anna, CommandContext())
    world.discuss.write(
        comment, case, anna, CommandContext(), text="So it was.", parent_id=CommentId("")
    )
    world.settle()
    stream = listening.follow()
    for kind, subject in ((SubjectKind.PARTY, "p1"), (SubjectKind.COMMENT, "k1")):
        for verdict in (Verdict.HIDE, Verdict.RESTORE):
            judge(world, mona, kind, subject, verdict=verdict, decision_id=f"{verdict}-{subject}")
    kinds = [CHANGED, CHANGED, DISCUSSED, DISCUSSED]
    assert next_updates(stream, 30) == [(kind, "c1") for kind in kinds]


def judge(world: World, by: Actor, kind: SubjectKind, subject: str, **decision: Any) -> None:
    about: Any = {"rule": "spam", "reason": "So it is.", **decision}
    world.moderate.decide(kind, subject, by, CommandContext(new=True), **about)
    world.settle()


def test_an_update_holds_no_member(world: World, listening: Listening, anna: Actor) -> None:
    world.engage.support(world.public_case(anna), world.member("Ben"), CommandContext())
    world.settle()
    stream = listening.follow("cases:0")
    updates = next_of(stream, 30)
    assert [update.kind for update in updates] == [PUBLISHED, SUPPORTED]
    assert set(updates[0].__slots__) == {"kind", "case_id", "category", "at"}


def test_a_stream_without_a_last_id_sends_new_updates_only(
    world: World, listening: Listening, anna: Actor
) -> None:
    world.public_case(anna)
    stream = listening.follow()
    assert next_updates(stream) == []
    tag(world, anna)
    assert next_updates(stream) == [(CHANGED, "c1")]


def test_a_resumed_stream_sends_every_later_update_once(
    world: World, listening: Listening, anna: Actor
) -> None:
    for number in range(3):
        world.public_case(anna, case_id=f"c{number}")
    stream = listening.follow("cases:0")
    every = [step for step in (next(stream) for _ in range(60)) if step and step.update]
    assert len(every) == 3
    for number, step in enumerate(every, 1):
        rest = listening.updates_after(written_positions(step.positions))
        assert rest == [(PUBLISHED, f"c{each}") for each in range(number, 3)]


def test_changes_of_unpublished_cases_are_not_sent(
    world: World, listening: Listening, anna: Actor
) -> None:
    world.report(anna)
    tag(world, anna)
    assert listening.updates_after() == []
    world.public_case(anna, case_id="c2")
    execute(world, WithdrawCase(by=anna, at=world.clock()), "c2")
    assert listening.updates_after() == []


def test_changes_of_erased_cases_are_not_sent(
    world: World, listening: Listening, anna: Actor
) -> None:
    world.public_case(anna)
    erase = EraseMember(by=anna, at=world.clock())
    world.executors.members.execute(anna.member_id, erase, CommandContext())
    world.settle()
    assert listening.updates_after() == []


def test_an_update_is_sent_after_its_case_can_be_read(
    world: World, listening: Listening, anna: Actor
) -> None:
    world.public_case(anna)
    stream = listening.follow()
    world.executors.cases.execute(
        "c1", TagCase(tag="police", by=anna, at=world.clock()), CommandContext()
    )
    assert next_updates(stream) == []
    world.settle()
    assert next_updates(stream) == [(CHANGED, "c1")]


def test_no_update_is_lost_while_the_history_is_away(
    world: World, listening: Listening, anna: Actor
) -> None:
    stream = listening.follow("cases:0")
    listening.away = True
    world.public_case(anna)
    assert next_updates(stream) == []
    listening.away = False
    assert next_updates(stream) == [(PUBLISHED, "c1")]


def test_no_update_is_lost_while_the_read_model_is_away(
    world: World, listening: Listening, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = listening.follow()
    world.public_case(anna)

    def fail(log: str) -> int:
        raise Unavailable(log)

    with monkeypatch.context() as away:
        away.setattr(world.answers["cases"], "position", fail)
        assert next_updates(stream) == []
    assert next_updates(stream) == [(PUBLISHED, "c1")]


def test_updates_can_be_filtered(world: World, listening: Listening, anna: Actor) -> None:
    world.public_case(anna, tags=("police",))
    world.public_case(anna, case_id="c2")
    assert listening.updates_after(case_id="c2") == [(PUBLISHED, "c2")]
    assert listening.updates_after(tag="police") == [(PUBLISHED, "c1")]
    tag(world, anna, "queue")
    assert listening.updates_after(kind=CHANGED) == [(CHANGED, "c1")]
    assert len(listening.updates_after(kind=PUBLISHED)) == 2
    assert len(listening.updates_after(category=CaseCategory.OTHER)) == 3
    assert listening.updates_after(category=CaseCategory.FRAUD) == []


def test_the_log_is_read_once_for_all_streams_that_are_up_to_date(
    world: World, listening: Listening, anna: Actor
) -> None:
    updates = listening.updates
    streams = [updates.follow(updates.resume(), UpdateFilter(), object) for _ in range(50)]
    assert [next(stream) for stream in streams] == [None] * 50
    world.public_case(anna)
    updates.look()
    commits = len(list(iter(partial(next, streams[0]), None)))
    assert commits > 1
    reads = listening.reads
    for stream in streams[1:]:
        assert len(next_of(stream, commits)) == 1
    assert listening.reads == reads


def test_streams_are_woken_when_there_is_something_to_read(
    world: World, listening: Listening, anna: Actor
) -> None:
    stream = listening.follow()
    assert next_updates(stream, 5) == []
    before = listening.woken[0]
    assert next_updates(stream, 5) == []
    assert listening.woken[0] == before
    world.public_case(anna)
    next(stream)
    assert listening.woken[0] == before + 1


def test_a_stream_that_is_far_behind_wakes_itself(
    world: World, listening: Listening, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.updates.COMMITS_A_READ", 1)
    world.public_case(anna)
    listening.updates.look()
    woken: list[str] = []
    stream = listening.updates.follow(BEGINNING, UpdateFilter(), partial(woken.append, "x"))
    rounds = [[step.positions for step in iter(partial(next, stream), None)] for _ in range(9)]
    ends = {log: world.stores[log].last_position() for log in TOPICS}
    reached = [positions for each in rounds for positions in each]
    assert reached[-1] == ends
    assert all(len(each) <= len(TOPICS) for each in rounds)
    assert len(woken) == len([each for each in rounds if each]) - 1 > 0


def test_a_commit_that_the_cases_include_in_part_is_read_later(
    world: World, listening: Listening, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.public_case(anna)
    answers = world.answers["cases"]
    end = answers.position("cases")
    *_, before = sorted({each[0] for each in listening.updates._read_changes("cases", 0, end - 1)})
    with monkeypatch.context() as early:
        early.setattr(answers, "position", {"cases": end - 1, "discussions": 0}.get)
        stream = listening.follow("cases:0")
        steps = [step for step in (next(stream) for _ in range(9)) if step]
        assert steps[-1].positions["cases"] == before < end
    assert (PUBLISHED, "c1") in next_updates(stream)


def test_a_case_that_was_hidden_meanwhile_is_not_sent_from_an_earlier_read(
    world: World, listening: Listening, anna: Actor
) -> None:
    world.public_case(anna)
    assert listening.updates_after() == [(PUBLISHED, "c1")]
    execute(world, WithdrawCase(by=anna, at=world.clock()))
    assert listening.updates_after() == []


def test_the_logs_are_watched_while_there_are_clients(world: World, anna: Actor) -> None:
    answers, watches = world.answers["cases"], list[Thread]()

    def start(watch: Callable[[], None]) -> None:
        watches.append(Thread(target=watch, daemon=True))
        watches[-1].start()

    updates = Updates(world.history, world.codec, answers, start=start)
    for _ in range(2):
        woken = Event()
        stream = updates.follow(updates.resume(), UpdateFilter(), woken.set)
        assert next(stream) is None
        world.public_case(anna, case_id=f"c{len(watches)}")
        found: list[UpdateKind] = []
        while not found:
            assert woken.wait(60)
            woken.clear()
            steps = iter(partial(next, stream), None)
            found = [step.update.kind for step in steps if step and step.update]
        assert found == [PUBLISHED]
        stream.close()
        watches[-1].join()


def test_a_position_beyond_the_end_of_the_log_becomes_the_end(
    world: World, listening: Listening, anna: Actor
) -> None:
    world.public_case(anna)
    end = world.stores["cases"].last_position()
    said = world.stores["discussions"].last_position()
    assert listening.updates.resume("cases:999999") == {"cases": end, "discussions": said}
    assert listening.updates.resume("cases:1,discussions:0") == {"cases": 1, "discussions": 0}
    assert listening.updates.resume() == {"cases": end, "discussions": said}


def test_events_that_cannot_be_read_yet_are_sent_later(
    world: World, listening: Listening, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.public_case(anna)
    stream = listening.follow("cases:0")
    with monkeypatch.context() as early:
        early.setattr(listening, "read", lambda *_: [])
        assert next_updates(stream) == []
    assert next_updates(stream) == [(PUBLISHED, "c1")]


def test_all_streams_end_when_the_process_stops(world: World) -> None:
    updates, woken = Updates(world.history, world.codec, world.answers["cases"]), Event()
    stream = updates.follow(BEGINNING, UpdateFilter(), woken.set)
    assert next(stream) is None
    updates.stop()
    assert woken.is_set()
    assert list(stream) == []


@pytest.mark.parametrize(
    "text",
    ["x", "cases", "cases:", "cases:-1", "cases:01", "members:1", "cases:1,", "cases:\u0661"],
)
def test_malformed_positions_are_refused(text: str) -> None:
    with pytest.raises(MalformedPositions):
        read_positions(text)


def test_positions_are_read_as_they_are_written() -> None:
    assert read_positions(written_positions({"cases": 12})) == {"cases": 12}


def test_every_event_is_listed_as_an_update_or_as_ignored() -> None:
    of_topics = {name for name in EVENTS.types if name.partition(".")[0] in TOPICS}
    assert KINDS.keys() | IGNORED == of_topics, "add it to KINDS or to IGNORED"
    assert not KINDS.keys() & IGNORED
