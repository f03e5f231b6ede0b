"""A party to a case: a person or an organisation that somebody says was involved, and in what role.

What is said is a claim of whoever named the party. The party may dispute it, and the dispute stands
beside the claim.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, assert_never

from domain.actors import Actor
from domain.constraints import Length, OneLine
from domain.decider import Decider, DomainError, must_be_system
from domain.ids import CaseId, EvidenceId, MemberId, PartyId
from domain.personal import DataSubject, Personal, PersonalText, SealedMember

MOST_DISPUTES = 5


class PartyKind(StrEnum):
    PERSON = "person"
    ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyDetails:
    """``role`` is what the party did in the case; ``evidence`` is what the claim rests on."""

    kind: PartyKind
    name: Annotated[str, Length(2, 120), OneLine(), Personal()]
    role: Annotated[str, Length(1, 120), OneLine(), Personal()]
    evidence: Annotated[tuple[EvidenceId, ...], Length(0, 20)] = ()


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class NameParty:
    """``claimant`` is the role in which the case knows who names the party: author, contributor or
    moderator."""

    party_id: PartyId
    case_id: CaseId
    details: PartyDetails
    claimant: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractParty:
    """``claimant`` as above: the author of a case may retract what others added to it."""

    case_id: CaseId
    claimant: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeParty:
    """``dispute_id`` names the link that a moderator issued; each is good for one statement."""

    case_id: CaseId
    dispute_id: str
    statement: Annotated[str, Length(1, 5000)]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideParty:
    rule: str
    role: str = "moderator"
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreParty:
    by: Actor
    at: datetime


PartyCommand = NameParty | RetractParty | DisputeParty | HideParty | RestoreParty


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyNamed:
    party_id: PartyId
    case_id: CaseId
    details: PartyDetails
    by: SealedMember
    by_name: PersonalText
    role: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRetracted:
    party_id: PartyId
    case_id: CaseId
    role: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyDisputed:
    """The statement is the party's own: a key of its own seals it, which can be destroyed."""

    party_id: PartyId
    case_id: CaseId
    dispute_id: Annotated[str, DataSubject(sealed=False)]
    statement: PersonalText
    role: str = "party"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyHidden:
    party_id: PartyId
    case_id: CaseId
    rule: str
    role: str = "moderator"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRestored:
    party_id: PartyId
    case_id: CaseId
    role: str = "moderator"
    at: datetime


PartyEvent = PartyNamed | PartyRetracted | PartyDisputed | PartyHidden | PartyRestored


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """``by`` is who named the party, empty once that member was erased."""

    party_id: PartyId = PartyId("")
    case_id: CaseId = CaseId("")
    by: MemberId = MemberId("")
    disputes: tuple[str, ...] = ()
    hidden: bool = False
    retracted: bool = False


def decide(command: PartyCommand, state: Party) -> list[PartyEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case NameParty():
            return _name(command, state)
        case RetractParty():
            return _retract(command, state)
        case DisputeParty():
            return _dispute(command, state)
        case HideParty():
            return _hide(command, state)
        case RestoreParty():
            return _restore(command, state)
        case _:
            assert_never(command)


def evolve(state: Party, event: PartyEvent) -> Party:
    match event:
        case PartyNamed():
            return Party(party_id=event.party_id, case_id=event.case_id, by=event.by)
        case PartyRetracted():
            return replace(state, retracted=True)
        case PartyDisputed():
            return replace(state, disputes=(*state.disputes, event.dispute_id))
        case PartyHidden():
            return replace(state, hidden=True)
        case PartyRestored():
            return replace(state, hidden=False)
        case _:
            assert_never(event)


party_decider: Decider[PartyCommand, Party, PartyEvent] = Decider(
    category="party", initial=Party(), decide=decide, evolve=evolve
)


def _name(command: NameParty, state: Party) -> list[PartyEvent]:
    if state.party_id:
        raise DomainError("already-named", "A party with this id has been named already.")
    named = PartyNamed(
        party_id=command.party_id,
        case_id=command.case_id,
        details=command.details,
        by=command.by.member_id,
        by_name=command.by.pseudonym,
        role=command.claimant,
        at=command.at,
    )
    return [named]


def _retract(command: RetractParty, state: Party) -> list[PartyEvent]:
    if state.retracted and state.case_id == command.case_id:
        return []
    _must_be_there(state, command.case_id)
    own = command.by.member_id == state.by
    if not own and command.claimant != "author":
        raise DomainError("forbidden", "Only who named the party, or the author, may do this.")
    retracted = PartyRetracted(
        party_id=state.party_id,
        case_id=state.case_id,
        role=command.claimant,
        at=command.at,
    )
    return [retracted]


def _dispute(command: DisputeParty, state: Party) -> list[PartyEvent]:
    _must_be_there(state, command.case_id)
    if command.dispute_id in state.disputes:
        raise DomainError("already-disputed", "This link has been used for a statement already.")
    if len(state.disputes) >= MOST_DISPUTES:
        raise DomainError("too-many-disputes", f"A party disputes at most {MOST_DISPUTES} times.")
    disputed = PartyDisputed(
        party_id=state.party_id,
        case_id=state.case_id,
        dispute_id=command.dispute_id,
        statement=command.statement,
        at=command.at,
    )
    return [disputed]


def _hide(command: HideParty, state: Party) -> list[PartyEvent]:
    must_be_system(command.by, "Only moderation hides and restores.")
    if state.hidden or state.retracted or not state.party_id:
        return []
    hidden = PartyHidden(
        party_id=state.party_id,
        case_id=state.case_id,
        rule=command.rule,
        role=command.role,
        at=command.at,
    )
    return [hidden]


def _restore(command: RestoreParty, state: Party) -> list[PartyEvent]:
    must_be_system(command.by, "Only moderation hides and restores.")
    if not state.hidden or state.retracted:
        return []
    return [PartyRestored(party_id=state.party_id, case_id=state.case_id, at=command.at)]


def _must_be_there(state: Party, case_id: CaseId) -> None:
    if state.case_id != case_id or state.retracted or not state.by:
        raise DomainError("not-found", "The case has no such party.")
