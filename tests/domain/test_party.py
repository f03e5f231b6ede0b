"""The rules of naming, disputing and retracting parties to a case."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.actors import SYSTEM, Actor, ContributorRole, Role
from domain.cases.party import (
    MOST_DISPUTES,
    DisputeParty,
    EraseStatement,
    ForgetClaimant,
    HideParty,
    HideStatement,
    NameParty,
    PartyCommand,
    PartyConcealed,
    PartyConcealedReason,
    PartyDetails,
    PartyDisputed,
    PartyErased,
    PartyEvent,
    PartyFacts,
    PartyHidden,
    PartyKind,
    PartyNamed,
    PartyRestored,
    PartyRetracted,
    PartyShown,
    RestoreParty,
    RestoreStatement,
    RetractParty,
    StatementConcealed,
    StatementConcealedReason,
    StatementErased,
    StatementHidden,
    StatementRestored,
    StatementShown,
    party_decider,
)
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MemberId, PartyId
from tests.domain.informed import asking, knowing
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
BEN = Actor(member_id=MemberId("ben"), pseudonym="Ben")
CLEO = Actor(member_id=MemberId("cleo"), pseudonym="Cleo")
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
CASE, ELSEWHERE, PARTY, E1 = CaseId("c1"), CaseId("c2"), PartyId("p1"), EvidenceId("e1")
DETAILS = PartyDetails(
    kind=PartyKind.ORGANISATION, name="Town hall", role="took the money", evidence=(E1,)
)

FACTS = PartyFacts(role=ContributorRole.CONTRIBUTOR)
NAME = Informed(NameParty(party_id=PARTY, case_id=CASE, details=DETAILS, by=BEN, at=AT), FACTS)
RETRACT = Informed(RetractParty(case_id=CASE, by=BEN, at=AT), FACTS)
DISPUTE = DisputeParty(case_id=CASE, dispute_id="d1", statement="We did not.", at=AT)
HIDE = HideParty(rule="private-information", by=SYSTEM, at=AT)
RESTORE = RestoreParty(by=SYSTEM, at=AT)

NAMED = PartyNamed(
    party_id=PARTY,
    case_id=CASE,
    details=DETAILS,
    by=BEN.member_id,
    by_name="Ben",
    role=ContributorRole.CONTRIBUTOR,
    at=AT,
)
SHOWN = PartyShown(
    party_id=PARTY,
    case_id=CASE,
    details=DETAILS,
    by=BEN.member_id,
    by_name="Ben",
    claimant=ContributorRole.CONTRIBUTOR,
    named_at=AT,
    at=AT,
)
RETRACTED = PartyRetracted(party_id=PARTY, case_id=CASE, role=ContributorRole.CONTRIBUTOR, at=AT)
DISPUTED = PartyDisputed(
    party_id=PARTY, case_id=CASE, dispute_id="d1", statement="We did not.", at=AT
)
HIDDEN = PartyHidden(party_id=PARTY, case_id=CASE, rule="private-information", at=AT)
RESTORED = PartyRestored(party_id=PARTY, case_id=CASE, at=AT)


STATED = StatementShown(
    party_id=PARTY,
    case_id=CASE,
    dispute_id="d1",
    statement="We did not.",
    number=1,
    stated_at=AT,
    at=AT,
)
STATEMENT_HIDDEN = StatementHidden(
    party_id=PARTY, case_id=CASE, dispute_id="d1", rule="private-information", at=AT
)
STATEMENT_RESTORED = StatementRestored(party_id=PARTY, case_id=CASE, dispute_id="d1", at=AT)
STATEMENT_ERASED = StatementErased(party_id=PARTY, case_id=CASE, dispute_id="d1", at=AT)
HIDE_STATEMENT = HideStatement(dispute_id="d1", rule="private-information", by=SYSTEM, at=AT)
RESTORE_STATEMENT = RestoreStatement(dispute_id="d1", by=SYSTEM, at=AT)
ERASE_STATEMENT = Informed(
    EraseStatement(case_id=CASE, dispute_id="d1", by=MODERATOR, at=AT), FACTS
)


def unsaid(reason: StatementConcealedReason) -> StatementConcealed:
    return StatementConcealed(
        party_id=PARTY, case_id=CASE, dispute_id="d1", reason=reason, number=1, stated_at=AT, at=AT
    )


def concealed(reason: PartyConcealedReason) -> PartyConcealed:
    return PartyConcealed(party_id=PARTY, case_id=CASE, reason=reason, at=AT)


def when(past: list[PartyEvent], command: PartyCommand) -> list[PartyEvent]:
    return party_decider.decide(command, party_decider.fold(past))


def test_naming_a_party_again_is_refused() -> None:
    assert when([], NAME) == [NAMED, SHOWN]
    with refused("already-named"):
        when([NAMED], NAME)


def test_a_party_is_retracted_by_its_claimant_or_the_author_only() -> None:
    gone = concealed(PartyConcealedReason.RETRACTED)
    assert when([NAMED], RETRACT) == [RETRACTED, gone]
    by_author = knowing(asking(RETRACT, by=CLEO), role=ContributorRole.AUTHOR)
    assert when([NAMED], by_author) == [replace(RETRACTED, role=ContributorRole.AUTHOR), gone]
    own = knowing(RETRACT, role=ContributorRole.MODERATOR)
    assert when([NAMED], own) == [replace(RETRACTED, role=ContributorRole.MODERATOR), gone]
    for role in (ContributorRole.CONTRIBUTOR, ContributorRole.MODERATOR):
        with refused("forbidden"):
            when([NAMED], knowing(asking(RETRACT, by=CLEO), role=role))


def test_a_party_is_retracted_once_and_from_its_own_case_only() -> None:
    assert when([NAMED, RETRACTED], RETRACT) == []
    pasts: list[list[PartyEvent]] = [[NAMED], [NAMED, RETRACTED]]
    for past in pasts:
        with refused("not-found"):
            when(past, asking(RETRACT, case_id=ELSEWHERE))
    with refused("not-found"):
        when([], RETRACT)


def test_a_party_disputes_once_for_each_link() -> None:
    assert when([NAMED], DISPUTE) == [DISPUTED, STATED]
    with refused("already-disputed"):
        when([NAMED, DISPUTED], DISPUTE)


def test_the_disputes_of_a_party_are_limited() -> None:
    past: list[PartyEvent] = [NAMED]
    for number in range(MOST_DISPUTES):
        past += when(past, replace(DISPUTE, dispute_id=f"d{number}"))
    with refused("too-many-disputes"):
        when(past, replace(DISPUTE, dispute_id="one more"))


@pytest.mark.parametrize(
    "past", [[], [NAMED, RETRACTED], [NAMED, PartyErased(party_id=PARTY, case_id=CASE, at=AT)]]
)
def test_disputing_a_missing_retracted_or_erased_party_is_refused(past: list[PartyEvent]) -> None:
    with refused("not-found"):
        when(past, DISPUTE)


def test_moderation_hides_and_restores_a_party_once() -> None:
    assert when([NAMED], HIDE) == [HIDDEN, concealed(PartyConcealedReason.HIDDEN)]
    assert when([NAMED, HIDDEN], HIDE) == []
    assert when([NAMED, HIDDEN], RESTORE) == [RESTORED, SHOWN]
    assert when([NAMED, HIDDEN, RESTORED], RESTORE) == []


@pytest.mark.parametrize("command", [HIDE, RESTORE])
def test_moderating_a_missing_or_retracted_party_emits_nothing(command: PartyCommand) -> None:
    assert when([], command) == []
    assert when([NAMED, RETRACTED], command) == []
    assert when([NAMED, HIDDEN, RETRACTED], command) == []


def test_only_the_system_hides_and_restores_a_party() -> None:
    for command in (HIDE, RESTORE):
        with refused("forbidden"):
            when([NAMED], replace(command, by=MODERATOR))


def test_a_party_named_by_an_erased_member_is_erased_once() -> None:
    forget = ForgetClaimant(member_id=BEN.member_id, by=SYSTEM, at=AT)
    erased = PartyErased(party_id=PARTY, case_id=CASE, at=AT)
    assert when([NAMED], forget) == [erased, concealed(PartyConcealedReason.ERASED)]
    assert when([NAMED, HIDDEN], forget) == [erased]
    assert when([NAMED, HIDDEN, erased], RESTORE) == []
    assert when([NAMED, erased], forget) == []
    assert when([NAMED], replace(forget, member_id=CLEO.member_id)) == []
    with refused("forbidden"):
        when([NAMED], replace(forget, by=MODERATOR))


def test_moderation_hides_and_restores_a_statement_once() -> None:
    past: list[PartyEvent] = [NAMED, DISPUTED]
    hidden = unsaid(StatementConcealedReason.HIDDEN)
    assert when(past, HIDE_STATEMENT) == [STATEMENT_HIDDEN, hidden]
    assert when([*past, STATEMENT_HIDDEN], HIDE_STATEMENT) == []
    assert when([*past, STATEMENT_HIDDEN], RESTORE_STATEMENT) == [STATEMENT_RESTORED, STATED]
    assert when(past, RESTORE_STATEMENT) == []
    for command in (HIDE_STATEMENT, RESTORE_STATEMENT):
        assert when([NAMED], command) == []
        assert when([*past, STATEMENT_ERASED], command) == []
        with refused("forbidden"):
            when(past, replace(command, by=MODERATOR))


def test_a_moderator_erases_a_statement_once_and_it_cannot_be_restored() -> None:
    past: list[PartyEvent] = [NAMED, DISPUTED]
    erased = unsaid(StatementConcealedReason.ERASED)
    assert when(past, ERASE_STATEMENT) == [STATEMENT_ERASED, erased]
    assert when([*past, STATEMENT_HIDDEN], ERASE_STATEMENT) == [STATEMENT_ERASED, erased]
    assert when([*past, STATEMENT_ERASED], ERASE_STATEMENT) == []
    assert when([*past, HIDDEN], ERASE_STATEMENT) == [STATEMENT_ERASED, erased]
    with refused("already-disputed"):
        when([*past, STATEMENT_ERASED], DISPUTE)


def test_only_moderators_erase_statements_and_not_those_about_their_own_party() -> None:
    past: list[PartyEvent] = [NAMED, DISPUTED]
    with refused("forbidden"):
        when(past, asking(ERASE_STATEMENT, by=CLEO))
    with refused("not-oneself"):
        when(past, asking(ERASE_STATEMENT, by=replace(MODERATOR, member_id=BEN.member_id)))
    with refused("not-oneself"):
        when(past, knowing(ERASE_STATEMENT, role=ContributorRole.AUTHOR))


def test_erasing_a_missing_statement_is_refused() -> None:
    for command in (
        asking(ERASE_STATEMENT, dispute_id="d2"),
        asking(ERASE_STATEMENT, case_id=ELSEWHERE),
    ):
        with refused("not-found"):
            when([NAMED, DISPUTED], command)


def test_statements_are_erased_with_their_party() -> None:
    past: list[PartyEvent] = [NAMED, DISPUTED]
    gone = unsaid(StatementConcealedReason.ERASED)
    assert when(past, RETRACT) == [
        RETRACTED,
        replace(STATEMENT_ERASED, role=ContributorRole.CONTRIBUTOR),
        concealed(PartyConcealedReason.RETRACTED),
        gone,
    ]
    forget = ForgetClaimant(member_id=BEN.member_id, by=SYSTEM, at=AT)
    assert when(past, forget) == [
        PartyErased(party_id=PARTY, case_id=CASE, at=AT),
        replace(STATEMENT_ERASED, role=ContributorRole.SYSTEM),
        concealed(PartyConcealedReason.ERASED),
        gone,
    ]
    only = [RETRACTED, concealed(PartyConcealedReason.RETRACTED)]
    assert when([*past, STATEMENT_ERASED], RETRACT) == only
