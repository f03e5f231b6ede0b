"""What-if: the effects of another threshold or half-life, computed from the logs."""

from itertools import count
from typing import Any

import pytest

from adapters.read_models.memory import MemoryReadModels
from application.engine.executor import CommandContext
from application.ports.codec import RecordedEvent
from application.use_cases.moderation.what_if import ModerationReplay, WhatIf
from domain.actors import Actor, Role
from domain.ids import CaseId
from domain.moderation.decision import Outcome
from domain.moderation.subject import SubjectKind, Verdict
from domain.times import day_of
from tests.application import community
from tests.world import World

CASE = SubjectKind.CASE


@pytest.fixture
def case(world: World) -> CaseId:
    return world.public_case(world.member())


@pytest.fixture
def moderator(world: World) -> Actor:
    return world.member("Mo", Role.MODERATOR)


def what_if(world: World) -> WhatIf:
    return WhatIf(world.history, world.codec, MemoryReadModels, hide_at=1.0)


def flag(world: World, case: str, *names: str, rule: str = "spam") -> None:
    """Each is a member whose flags weigh a quarter."""
    for name in names:
        community.flag(world, CASE, case, community.trusted(world, name), rule=rule)
        world.settle()


def decide(world: World, case: str, by: Actor, verdict: Verdict, decision_id: str = "d1") -> None:
    world.moderate.decide(
        CASE,
        case,
        by,
        CommandContext(),
        decision_id=decision_id,
        verdict=verdict,
        rule="spam",
        reason="Because.",
    )
    world.settle()


def judged(replay: ModerationReplay) -> tuple[int, int, int, int]:
    return replay.right, replay.wrong, replay.undecided, replay.missed


def test_a_lower_threshold_hides_more_subjects(world: World, case: CaseId) -> None:
    flag(world, case, "Ben")
    world.clock.wind(hours=1)
    flag(world, case, "Cleo", rule="falsehood")
    (hiding,) = what_if(world).moderation(0.5).hidings
    assert (hiding.kind, hiding.subject_id, hiding.rule) == (CASE, case, "falsehood")
    assert (hiding.weight, hiding.at, hiding.verdict) == (0.5, day_of(world.clock()), None)
    assert judged(what_if(world).moderation(0.5)) == (0, 0, 1, 0)
    assert what_if(world).moderation().hidings == ()


def test_the_present_threshold_hides_the_subjects_that_were_hidden(
    world: World, case: CaseId
) -> None:
    flag(world, case, "Ben", "Cleo", "Dora", "Emil")
    (hiding,) = what_if(world).moderation().hidings
    assert hiding.weight == 1.0


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.HIDE, (1, 0, 0, 0)),
        (Verdict.DISMISS, (0, 1, 0, 0)),
        (Verdict.RESTORE, (0, 1, 0, 0)),
    ],
)
def test_the_decision_of_moderators_judges_a_hiding(
    world: World,
    case: CaseId,
    moderator: Actor,
    verdict: Verdict,
    expected: tuple[int, int, int, int],
) -> None:
    flag(world, case, "Ben", "Cleo")
    decide(world, case, moderator, verdict)
    assert judged(what_if(world).moderation(0.5)) == expected


def test_a_subject_hidden_by_moderators_below_the_threshold_counts_as_missed(
    world: World, case: CaseId, moderator: Actor
) -> None:
    flag(world, case, "Ben", "Cleo")
    decide(world, case, moderator, Verdict.HIDE)
    assert judged(what_if(world).moderation(2.0)) == (0, 0, 0, 1)


def test_an_appeal_changes_the_judgement_of_a_hiding_but_a_later_decision_does_not(
    world: World, case: CaseId, moderator: Actor
) -> None:
    author = Actor(member_id=world.executors.cases.load(case).state.author)
    flag(world, case, "Ben", "Cleo")
    decide(world, case, moderator, Verdict.HIDE)
    world.moderate.appeal("d1", "It is true.", author, CommandContext())
    other = world.member("Max", Role.MODERATOR)
    world.moderate.resolve("d1", Outcome.OVERTURN, "It is.", other, CommandContext())
    world.settle()
    assert judged(what_if(world).moderation(0.5)) == (0, 1, 0, 0)
    flag(world, case, "Dora")
    decide(world, case, other, Verdict.HIDE, "d2")
    assert judged(what_if(world).moderation(0.5)) == (0, 1, 0, 1)


def test_a_restored_subject_can_be_hidden_again(
    world: World, case: CaseId, moderator: Actor
) -> None:
    flag(world, case, "Ben", "Cleo")
    decide(world, case, moderator, Verdict.DISMISS)
    flag(world, case, "Dora", "Emil", rule="falsehood")
    decide(world, case, moderator, Verdict.HIDE, "d2")
    replay = what_if(world).moderation(0.5)
    assert [hiding.verdict for hiding in replay.hidings] == [Verdict.DISMISS, Verdict.HIDE]


def test_a_decision_that_was_set_aside_is_ignored(
    world: World, case: CaseId, moderator: Actor
) -> None:
    flag(world, case, "Ben", "Cleo")
    for decision_id, verdict in (("d1", Verdict.DISMISS), ("d2", Verdict.HIDE)):
        community.decide(world, CASE, case, moderator, verdict, decision_id=decision_id)
    world.settle()
    assert judged(what_if(world).moderation(0.5)) == (0, 1, 0, 0)


def test_flags_keep_the_weight_they_had_beside_other_open_flags(world: World, case: CaseId) -> None:
    second = world.public_case(world.member("Zoe"), "c2")
    flaggers = [community.trusted(world, name) for name in ("Ben", "Cleo")]
    for each in (case, second):
        community.flag(world, CASE, each, *flaggers)
    world.settle()
    weights = [hiding.weight for hiding in what_if(world).moderation(0.4).hidings]
    assert weights == [0.5, 8 / 17]


def test_computing_appends_no_events(world: World, case: CaseId) -> None:
    flag(world, case, "Ben")
    before = [store.last_position() for store in world.stores.values()]
    what_if(world).moderation(0.1)
    what_if(world).popular(1.0, 10)
    world.settle()
    assert [store.last_position() for store in world.stores.values()] == before


def test_old_supports_count_for_more_with_a_longer_half_life(world: World) -> None:
    author = world.member()
    for name in ("old", "middle", "new"):
        world.report(author, world.evidence(author, name), case_id=name, title=f"The {name} one")
        world.settle()
        for fan in ("Ben", "Cleo", "Dora")[: {"old": 3, "middle": 0, "new": 1}[name]]:
            world.engage.support(CaseId(name), world.member(f"{fan} {name}"), CommandContext())
        world.clock.wind(days=20)
    found = what_if(world).popular(365.0, 2)
    assert [(case.title, case.now, case.then) for case in found] == [
        ("The old one", 3, 1),
        ("The new one", 1, 2),
        ("The middle one", 2, 3),
    ]
    assert [case.case_id for case in what_if(world).popular(365.0, 1)] == ["old", "new"]


class Growing:
    """A history whose logs grow whenever somebody has read one to its end."""

    def __init__(self, world: World) -> None:
        self._world, self._author, self._numbers = world, world.member("Ben"), count()

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        events = self._world.history.read(log, after, limit)
        if not events:
            self._world.public_case(self._author, f"late-{next(self._numbers)}")
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.history, name)


def test_a_case_published_while_computing_is_in_neither_order(world: World, case: CaseId) -> None:
    replay = WhatIf(Growing(world), world.codec, MemoryReadModels, hide_at=1.0)
    found = replay.popular(365.0, 10)
    assert [(each.case_id, each.now, each.then) for each in found] == [(case, 1, 1)]


def test_without_public_cases_the_order_is_empty(world: World) -> None:
    assert what_if(world).popular(1.0, 10) == []
