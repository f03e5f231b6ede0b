"""Erasing contributions to cases: the log does not say which member was erased."""

import json
from collections.abc import Sequence

import pytest

from application.engine import contributions
from application.engine.executor import CommandContext
from application.ports.codec import RecordedEvent
from application.use_cases.cases.forget import ForgetInCases
from domain.actors import SYSTEM, Actor
from domain.cases.case_commands import (
    AttachEvidence,
    HideCase,
    RestoreCase,
    RetractEvidence,
    TagCase,
)
from domain.cases.case_details import CaseStatus
from domain.ids import EvidenceId
from tests.application.community import (
    EVIDENCE,
    RESTORE,
    ask_to_be_erased,
    decide,
    moderator,
    name_party,
)
from tests.world import World


def forget_in_cases(world: World) -> ForgetInCases:
    do = world.executors
    return ForgetInCases(world.use_cases.contributions, do.cases, do.parties, world.clock)


def contributed(world: World) -> tuple[Actor, Actor]:
    """Two members: the first has two cases, and contributed to the second's case."""
    anna, ben = world.member("Anna"), world.member("Ben")
    for case_id in ("c1", "c2"):
        world.public_case(anna, case_id, anonymous=True)
    world.public_case(ben, "c3")
    tag = TagCase(tag="health", by=anna, at=world.clock())
    more = AttachEvidence(evidence=(world.evidence(anna, "more"),), by=anna, at=world.clock())
    for command in (tag, more):
        world.executors.cases.execute("c3", command, CommandContext())
    name_party(world, anna, case_id="c3")
    world.settle()
    return anna, ben


def appended(world: World, position: int) -> Sequence[RecordedEvent]:
    return world.history.read("cases", position, 1000)


def test_the_cases_of_the_member_and_contributions_to_other_cases_are_erased(world: World) -> None:
    anna, _ = contributed(world)
    ask_to_be_erased(world, anna)
    position = world.stores["cases"].last_position()
    forget_in_cases(world)(anna.member_id)
    do = world.executors
    states = [do.cases.load(case_id).state for case_id in ("c1", "c2", "c3")]
    assert [state.status for state in states] == [CaseStatus.ERASED] * 2 + [CaseStatus.PUBLISHED]
    assert (list(states[2].tags), list(states[2].shown_evidence)) == ([], ["e-c3"])
    assert do.parties.load("p1").state.erased
    before = appended(world, position)
    forget_in_cases(world)(anna.member_id)
    assert appended(world, position) == before


def test_the_erasing_events_name_neither_the_member_nor_the_erasure(world: World) -> None:
    anna, _ = contributed(world)
    ask_to_be_erased(world, anna)
    position = world.stores["cases"].last_position()
    forget_in_cases(world)(anna.member_id)
    commits = world.stores["cases"].read_log(0, 1000)
    bodies = [json.loads(commit.body) for commit in commits if commit.position > position]
    assert len(bodies) == 4
    for body in bodies:
        assert anna.member_id not in json.dumps(body)
        assert "causation" not in body
        assert not any("sealed" in event["data"] for event in body["events"])


def test_the_streams_are_erased_in_random_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Backwards:
        def shuffle(self, streams: list[str]) -> None:
            streams.reverse()

    anna, _ = contributed(world)
    ask_to_be_erased(world, anna)
    position = world.stores["cases"].last_position()
    monkeypatch.setattr(contributions, "SystemRandom", Backwards)
    forget_in_cases(world)(anna.member_id)
    streams = list(dict.fromkeys(event.stream for event in appended(world, position)))
    assert streams == ["party-p1", "case-c3", "case-c2", "case-c1"]


def test_without_an_erasure_in_the_log_nothing_is_erased(world: World) -> None:
    anna, _ = contributed(world)
    forget_in_cases(world)(anna.member_id)
    assert world.executors.cases.load("c1").state.is_public
    assert world.vault.key(anna.member_id)


def test_a_moderation_decision_before_the_contributions_are_erased_takes_effect(
    world: World,
) -> None:
    """A contributor's key may be destroyed a while before their contribution is erased."""
    anna, _ = contributed(world)
    at = world.clock()
    hide, restore = HideCase(rule="spam", by=SYSTEM, at=at), RestoreCase(by=SYSTEM, at=at)
    ask_to_be_erased(world, anna)
    world.vault.destroy(anna.member_id)
    for command in (hide, restore):
        world.executors.cases.execute("c3", command, CommandContext())
    assert world.executors.cases.load("c3").state.is_public
    world.settle()
    assert list(world.executors.cases.load("c3").state.shown_evidence) == ["e-c3"]


def test_evidence_can_be_returned_to_one_case_while_the_author_of_another_is_erased(
    world: World,
) -> None:
    anna, ben, mo = world.member("Anna"), world.member("Ben"), moderator(world)
    world.public_case(anna, "c1")
    shared, at = world.evidence(ben, "shared"), world.clock()
    world.executors.cases.execute(
        "c1", AttachEvidence(evidence=(shared,), by=ben, at=at), CommandContext()
    )
    world.settle()
    retract = RetractEvidence(evidence_id=EvidenceId("e-c1"), by=anna, at=at)
    world.executors.cases.execute("c1", retract, CommandContext())
    world.report(ben, shared, case_id="c2")
    world.settle()
    decide(world, EVIDENCE, "shared", mo)
    world.settle()
    world.vault.destroy(anna.member_id)
    decide(world, EVIDENCE, "shared", mo, RESTORE, decision_id="d2")
    world.settle()
    public = [world.executors.cases.load(case_id).state.is_public for case_id in ("c1", "c2")]
    assert public == [False, True]
