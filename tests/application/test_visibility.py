"""Visibility: members can flag visible subjects only; others are not found."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from application.engine.executor import CommandContext
from domain.actors import Actor
from domain.cases.case_commands import AttachEvidence, WithdrawCase
from domain.ids import CaseId, CommentId, MemberId, PartyId
from domain.moderation.subject import SubjectKind
from tests.application.community import (
    CASE,
    COMMENT,
    EVIDENCE,
    MEMBER,
    PARTY,
    RESTORE,
    ask_to_be_erased,
    decide,
    erase,
    flag,
    involved,
    listed,
    moderator,
    trusted,
)
from tests.world import World, refused

THINGS = [(CASE, "c1"), (COMMENT, "k1"), (PARTY, "p1"), (EVIDENCE, "e-c1"), (EVIDENCE, "e2")]


@pytest.fixture
def cora(world: World, anna: Actor) -> Actor:
    """Somebody who commented on Anna's public case, named a party to it, and backed it."""
    cora = involved(world, anna)
    more = AttachEvidence(evidence=(world.evidence(cora, "e2"),), by=cora, at=world.clock())
    world.executors.cases.execute("c1", more, CommandContext())
    world.settle()
    return cora


def withdraw(world: World) -> None:
    author = Actor(member_id=MemberId("member-Anna"))
    command = WithdrawCase(by=author, at=world.clock())
    world.executors.cases.execute("c1", command, CommandContext())
    world.settle()


def hide_case(world: World) -> None:
    hide(world, CASE, "c1", moderator(world, "Ada"))


def hide(world: World, kind: SubjectKind, key: str, by: Actor) -> None:
    decide(world, kind, key, by)
    world.settle()


@pytest.mark.parametrize("make_invisible", [withdraw, hide_case])
def test_parts_of_an_unpublished_case_cannot_be_flagged_by_others(
    world: World, cora: Actor, ben: Actor, mo: Actor, make_invisible: Callable[[World], None]
) -> None:
    for kind, key in THINGS:
        flag(world, kind, key, ben)
    make_invisible(world)
    dora = world.member("Dora")
    for kind, key in THINGS:
        with refused("not-found"):
            flag(world, kind, key, dora)
        flag(world, kind, key, mo)


def test_the_author_of_a_hidden_case_can_flag_contributions_but_no_comments(
    world: World, anna: Actor, cora: Actor, mo: Actor
) -> None:
    hide(world, CASE, "c1", mo)
    flag(world, PARTY, "p1", anna)
    flag(world, EVIDENCE, "e2", anna)
    with refused("own-subject"):
        flag(world, CASE, "c1", anna)
    with refused("not-found"):
        flag(world, COMMENT, "k1", anna)


def test_a_case_that_awaits_evidence_cannot_be_flagged(
    world: World, anna: Actor, mo: Actor
) -> None:
    world.report(anna, case_id="c1")
    world.settle()
    for number in range(6):
        with refused("not-found"):
            flag(world, CASE, "c1", trusted(world, f"Member {number}"))
    with refused("own-subject"):
        flag(world, CASE, "c1", anna)
    backing = AttachEvidence(evidence=(world.evidence(anna),), by=anna, at=world.clock())
    world.executors.cases.execute("c1", backing, CommandContext())
    world.settle()
    assert [case["case_id"] for case in listed(world, "cases")] == ["c1"]


def test_evidence_can_be_flagged_while_a_public_case_shows_it(
    world: World, anna: Actor, ben: Actor, mo: Actor
) -> None:
    evidence = world.evidence(anna)
    world.settle()
    with refused("not-found"):
        flag(world, EVIDENCE, evidence, ben)
    with refused("own-subject"):
        flag(world, EVIDENCE, evidence, anna)
    for case_id in ("c1", "c2"):
        world.report(anna, evidence, case_id=case_id)
    world.settle()
    hide(world, CASE, "c1", mo)
    flag(world, EVIDENCE, evidence, ben)


def test_retracted_parties_and_removed_comments_cannot_be_flagged(
    world: World, ben: Actor, cora: Actor, mo: Actor
) -> None:
    world.enrich.retract_party(PartyId("p1"), CaseId("c1"), cora, CommandContext())
    world.discuss.remove(CommentId("k1"), cora, CommandContext())
    for kind, key in ((PARTY, "p1"), (COMMENT, "k1")):
        with refused("not-found"):
            flag(world, kind, key, ben)
    with refused("not-found"):
        flag(world, PARTY, "p1", mo)


@pytest.mark.parametrize("kind", [COMMENT, PARTY, MEMBER])
def test_hidden_subjects_can_be_flagged_by_moderators_only(
    world: World, ben: Actor, cora: Actor, mo: Actor, kind: SubjectKind
) -> None:
    key = {COMMENT: "k1", PARTY: "p1", MEMBER: cora.member_id}[kind]
    hide(world, kind, key, mo)
    with refused("not-found"):
        flag(world, kind, key, ben)
    with refused("own-subject"):
        flag(world, kind, key, cora)
    flag(world, kind, key, mo)
    world.settle()
    decide(world, kind, key, mo, RESTORE, decision_id="d2")
    world.settle()
    flag(world, kind, key, ben)
    assert world.parked.list() == []


def test_flagging_erased_members_comments_and_evidence_is_answered_as_erased(
    world: World, ben: Actor, cora: Actor
) -> None:
    erase(world, cora)
    for kind, key in ((MEMBER, cora.member_id), (COMMENT, "k1"), (EVIDENCE, "e2")):
        with refused("erased"):
            flag(world, kind, key, ben)
    with refused("not-found"):
        flag(world, PARTY, "p1", ben)


def test_flagging_a_member_whose_erasure_is_pending_is_answered_as_erased(
    world: World, ben: Actor, cora: Actor
) -> None:
    ask_to_be_erased(world, cora)
    with refused("erased"):
        flag(world, MEMBER, cora.member_id, ben)


def test_parts_of_an_erased_case_cannot_be_flagged(
    world: World, anna: Actor, ben: Actor, cora: Actor, mo: Actor
) -> None:
    erase(world, anna)
    with refused("erased"):
        flag(world, CASE, "c1", ben)
    for kind, key in ((COMMENT, "k1"), (PARTY, "p1"), (EVIDENCE, "e2")):
        with refused("not-found"):
            flag(world, kind, key, ben)
    with refused("not-found"):
        flag(world, PARTY, "p1", mo)


def test_a_repeated_flag_returns_its_receipt_after_the_subject_was_hidden(
    world: World, ben: Actor, cora: Actor, mo: Actor
) -> None:
    context = CommandContext(command_id="from-bens-phone")

    def again(context: CommandContext = context) -> object:
        return world.moderate.flag(COMMENT, "k1", ben, context, network="net", rule="spam", note="")

    first = again()
    hide(world, COMMENT, "k1", mo)
    assert again() == first
    with refused("not-found"):
        again(replace(context, command_id="another"))
