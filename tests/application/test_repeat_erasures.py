"""Erasures that a restored log does not hold any more, told by the keys that are destroyed."""

import pytest

from application.engine.executor import CommandContext
from application.ports.key_vault import evidence_subject
from application.system import CONTEXTS
from application.use_cases.members.later import SPREAD
from application.use_cases.repeat_erasures import Repeated, RepeatErasures
from domain.actors import Actor
from domain.cases.case_details import CaseStatus
from domain.ids import CaseId, EvidenceId
from domain.members.member import EraseMember
from domain.moderation.subject import SubjectKind
from tests.application.community import decide, moderator
from tests.application.test_anonymous_authors import report
from tests.world import World


@pytest.fixture
def anna(world: World) -> Actor:
    """The author of a case in her name, and of an anonymous one."""
    anna = world.member("Anna")
    world.public_case(anna, "named")
    report(world, anna, CaseId("anonymous"))
    world.settle()
    return anna


def repeat(world: World, *destroyed: str) -> tuple[Repeated, list[str]]:
    """Destroy keys, as in a vault that is newer than the logs, and repeat what they tell of.

    Returns the evidence whose media were destroyed, too."""
    for subject in destroyed:
        world.vault.destroy(subject)
    without_media: list[str] = []
    repeat_erasures = RepeatErasures(
        history=world.history,
        codec=world.codec,
        members=world.executors.members,
        evidence=world.executors.evidence,
        forget_member=world.use_cases.accounts.forget,
        destroy_media=without_media.append,
        logs=CONTEXTS,
        clock=world.clock,
    )
    repeated = repeat_erasures(destroyed)
    world.settle()
    assert repeat_erasures(destroyed) == Repeated()
    return repeated, without_media


def statuses(world: World) -> list[CaseStatus | None]:
    return [world.executors.cases.load(case).state.status for case in ("named", "anonymous")]


def test_a_member_is_erased_again_and_what_aliases_did_goes_later(
    world: World, anna: Actor
) -> None:
    assert repeat(world, anna.member_id) == (Repeated(members=1), [])
    assert world.executors.members.load(anna.member_id).state.erased
    assert statuses(world) == [CaseStatus.ERASED, CaseStatus.PUBLISHED]
    assert world.container.later_erasures().due(world.clock() + SPREAD)


def test_an_alias_whose_own_key_is_destroyed_is_erased_at_once(world: World, anna: Actor) -> None:
    aliases = world.container.aliases()
    alias = str(world.executors.cases.load("anonymous").state.author)
    aliases.destroy(anna.member_id)
    assert repeat(world, anna.member_id, alias, f"aliases/{anna.member_id}")[0] == Repeated(
        members=1, aliases=1
    )
    assert statuses(world) == [CaseStatus.ERASED, CaseStatus.ERASED]


def test_evidence_is_erased_again_unless_it_was_rejected(world: World, anna: Actor) -> None:
    world.unsafe["rejected"] = "It is no film."
    rejected = world.evidence(anna, "rejected")
    world.settle()
    gone = ("e-named", rejected, EvidenceId("unknown"))
    repeated, without_media = repeat(world, *map(evidence_subject, gone))
    assert (repeated, without_media) == (Repeated(evidence=1), ["e-named"])
    assert world.executors.evidence.load("e-named").state.erased
    assert not world.executors.evidence.load(rejected).state.erased


def test_who_was_erased_in_the_log_is_not_erased_again(world: World, anna: Actor) -> None:
    erase = EraseMember(by=anna, at=world.clock())
    world.executors.members.execute(anna.member_id, erase, CommandContext())
    world.settle()
    assert repeat(world, anna.member_id)[0] == Repeated()


def test_a_text_that_was_removed_is_no_person(world: World, anna: Actor) -> None:
    decide(world, SubjectKind.CASE, "named", moderator(world))
    world.settle()
    (reason,) = {
        world.codec.subject(event)
        for event in world.history.read("moderation", 0, 100)
        if event.type == "moderation.ReasonGiven"
    }
    assert repeat(world, reason)[0] == Repeated()
