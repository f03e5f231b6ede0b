"""A party to a case: a person or an organisation that a member claims to be involved.

The party can dispute the claim with a statement, which is shown beside it. The member who names a
party is its claimant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, assert_never

from domain.actors import Actor, ContributorRole
from domain.constraints import Length, OneLine
from domain.decider import (
    Decider,
    DomainError,
    Informed,
    must_be_system,
    must_moderate,
    with_publication,
)
from domain.ids import CaseId, EvidenceId, MemberId, PartyId
from domain.personal import Personal, PersonalText, SealedMember, TextId
from domain.times import UNTOLD

MOST_DISPUTES = 5


class PartyKind(StrEnum):
    PERSON = "person"
    ORGANISATION = "organisation"


class PartyConcealedReason(StrEnum):
    """Why a party is no longer visible to everybody who can see the case."""

    HIDDEN = "hidden"
    RETRACTED = "retracted"
    ERASED = "erased"


class StatementConcealedReason(StrEnum):
    """Why those who can see the party can no longer read its statement."""

    HIDDEN = "hidden"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyDetails:
    """``role`` is what the party did, in words. ``evidence`` is what the claim rests on."""

    kind: PartyKind
    name: Annotated[str, Length(2, 120), OneLine(), Personal()]
    role: Annotated[str, Length(1, 120), OneLine(), Personal()]
    evidence: Annotated[tuple[EvidenceId, ...], Length(0, 20)] = ()


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class NameParty:
    party_id: PartyId
    case_id: CaseId
    details: PartyDetails
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractParty:
    """Take a claim back. The author of the case may do so, too."""

    case_id: CaseId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeParty:
    """State the party's view. ``dispute_id`` is the id of a link, valid for one statement."""

    case_id: CaseId
    dispute_id: str
    statement: Annotated[str, Length(1, 5000)]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideParty:
    rule: str
    role: ContributorRole = ContributorRole.MODERATOR
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreParty:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideStatement:
    dispute_id: str
    rule: str
    role: ContributorRole = ContributorRole.MODERATOR
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreStatement:
    dispute_id: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseStatement:
    """Erase a statement for good, for example because it names the reporter."""

    case_id: CaseId
    dispute_id: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetClaimant:
    """Erase the party if this member, who was erased, named it."""

    member_id: MemberId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyFacts:
    """``role`` is the role of the actor in the case: author, contributor or moderator.

    ``untimed`` says that the case does not tell yet when something happened to it.
    """

    role: ContributorRole
    untimed: bool = False


PartyCommand = (
    Informed[NameParty | RetractParty | EraseStatement, PartyFacts]
    | DisputeParty
    | HideStatement
    | RestoreStatement
    | HideParty
    | RestoreParty
    | ForgetClaimant
)


# Events. Only PartyShown and PartyConcealed say whether the party can be seen in its case, and only
# StatementShown and StatementConcealed whether its statement can be read beside it. Whether the
# case is public is another question.


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyNamed:
    party_id: PartyId
    case_id: CaseId
    details: PartyDetails
    by: SealedMember
    by_name: PersonalText
    role: ContributorRole
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRetracted:
    party_id: PartyId
    case_id: CaseId
    role: ContributorRole
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyDisputed:
    """The statement is sealed with a key of its own, named ``dispute_id``, not with a member's."""

    party_id: PartyId
    case_id: CaseId
    dispute_id: TextId
    statement: PersonalText
    role: ContributorRole = ContributorRole.PARTY
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyHidden:
    party_id: PartyId
    case_id: CaseId
    rule: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRestored:
    party_id: PartyId
    case_id: CaseId
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementHidden:
    party_id: PartyId
    case_id: CaseId
    dispute_id: str
    rule: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRestored:
    party_id: PartyId
    case_id: CaseId
    dispute_id: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementErased:
    """A moderator erased the statement, or its claim is gone. Its key is destroyed."""

    party_id: PartyId
    case_id: CaseId
    dispute_id: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementShown:
    """Everybody who can see the party can read its statement."""

    party_id: PartyId
    case_id: CaseId
    dispute_id: TextId
    statement: PersonalText
    number: int
    stated_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementConcealed:
    party_id: PartyId
    case_id: CaseId
    dispute_id: str
    reason: StatementConcealedReason
    number: int
    stated_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyErased:
    """The claimant was erased, and the claim with them."""

    party_id: PartyId
    case_id: CaseId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyShown:
    """Everybody who can see the case can see the party. ``claimant`` is the claimant's role."""

    party_id: PartyId
    case_id: CaseId
    details: PartyDetails
    by: SealedMember
    by_name: PersonalText
    claimant: ContributorRole
    named_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyConcealed:
    party_id: PartyId
    case_id: CaseId
    reason: PartyConcealedReason
    at: datetime


PartyEvent = (
    PartyNamed
    | PartyRetracted
    | PartyDisputed
    | PartyHidden
    | PartyRestored
    | PartyErased
    | PartyShown
    | PartyConcealed
    | StatementHidden
    | StatementRestored
    | StatementErased
    | StatementShown
    | StatementConcealed
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyStatement:
    """What the party says to the claim. Its statements have the numbers 1, 2 and so on."""

    text: str
    number: int
    stated_at: datetime
    hidden: bool = False
    erased: bool = False

    @property
    def concealed(self) -> StatementConcealedReason | None:
        """Why it cannot be read, or None if it can."""
        if self.erased:
            return StatementConcealedReason.ERASED
        return StatementConcealedReason.HIDDEN if self.hidden else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """``named`` holds the claim. ``disputes`` are the statements by the ids of their links."""

    named: PartyNamed | None = None
    disputes: Mapping[str, PartyStatement] = field(default_factory=dict)
    hidden: bool = False
    retracted: bool = False
    erased: bool = False

    @property
    def party_id(self) -> PartyId:
        return self.named.party_id if self.named else PartyId("")

    @property
    def case_id(self) -> CaseId:
        return self.named.case_id if self.named else CaseId("")

    @property
    def by(self) -> MemberId:
        """The claimant."""
        return self.named.by if self.named else MemberId("")

    @property
    def is_claimed(self) -> bool:
        """Whether the claim was made, and neither retracted nor erased."""
        return self.named is not None and not (self.retracted or self.erased)

    @property
    def is_shown(self) -> bool:
        """Whether everybody who can see the case can see the party."""
        return self.is_claimed and not self.hidden


def publication(before: Party, after: Party, at: datetime) -> list[PartyEvent]:
    """Return the events that say what can be seen from now on, or no longer."""
    return [*_party_publication(before, after, at), *_statement_publication(before, after, at)]


def _party_publication(
    before: Party, after: Party, at: datetime
) -> list[PartyShown | PartyConcealed]:
    if after.named and after.is_shown and not before.is_shown:
        return [_shown(after.named, at)]
    if before.is_shown and not after.is_shown:
        return [_concealed(after, at)]
    return []


def _statement_publication(
    before: Party, after: Party, at: datetime
) -> Iterator[StatementShown | StatementConcealed]:
    for dispute_id, now in after.disputes.items():
        then = before.disputes.get(dispute_id)
        if now.concealed is None and (then is None or then.concealed):
            yield _statement_shown(after, dispute_id, at)
        if now.concealed and then and now.concealed is not then.concealed:
            yield _statement_concealed(after, dispute_id, now.concealed, at)


def _decide(command: PartyCommand, state: Party) -> list[PartyEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case Informed(asked, facts):
            return _decide_with_facts(asked, state, facts)
        case DisputeParty():
            return _dispute(command, state)
        case HideParty():
            return _hide(command, state)
        case RestoreParty():
            return _restore(command, state)
        case HideStatement():
            return _hide_statement(command, state)
        case RestoreStatement():
            return _restore_statement(command, state)
        case ForgetClaimant():
            return _forget_claimant(command, state)
        case _:
            assert_never(command)


def _decide_with_facts(
    command: NameParty | RetractParty | EraseStatement, state: Party, facts: PartyFacts
) -> list[PartyEvent]:
    match command:
        case NameParty():
            return _name(command, state, facts)
        case RetractParty():
            return _retract(command, state, facts)
        case EraseStatement():
            return _erase_statement(command, state, facts)
        case _:
            assert_never(command)


def evolve(state: Party, event: PartyEvent) -> Party:
    """Return the state after the event."""
    match event:
        case PartyNamed():
            return Party(named=event)
        case PartyRetracted():
            return replace(state, retracted=True)
        case PartyDisputed():
            statement = PartyStatement(
                text=event.statement, number=len(state.disputes) + 1, stated_at=event.at
            )
            return replace(state, disputes={**state.disputes, event.dispute_id: statement})
        case StatementHidden():
            return _with_statement(state, event.dispute_id, hidden=True)
        case StatementRestored():
            return _with_statement(state, event.dispute_id, hidden=False)
        case StatementErased():
            return _with_statement(state, event.dispute_id, text="", erased=True)
        case PartyHidden():
            return replace(state, hidden=True)
        case PartyRestored():
            return replace(state, hidden=False)
        case PartyErased():
            return replace(state, erased=True)
        case PartyShown() | PartyConcealed() | StatementShown() | StatementConcealed():
            return state
        case _:
            assert_never(event)


def _with_statement(state: Party, dispute_id: str, **changes: Any) -> Party:
    changed = replace(state.disputes[dispute_id], **changes)
    return replace(state, disputes={**state.disputes, dispute_id: changed})


decide = with_publication(_decide, evolve, publication)

party_decider: Decider[PartyCommand, Party, PartyEvent] = Decider(
    category="party", initial=Party(), decide=decide, evolve=evolve
)


def _name(command: NameParty, state: Party, facts: PartyFacts) -> list[PartyEvent]:
    if state.party_id:
        raise DomainError(
            "already-named", "A party with this id has been named already; use another id."
        )
    named = PartyNamed(
        party_id=command.party_id,
        case_id=command.case_id,
        details=command.details,
        by=command.by.member_id,
        by_name=command.by.pseudonym,
        role=facts.role,
        at=UNTOLD if facts.untimed else command.at,
    )
    return [named]


def _retract(command: RetractParty, state: Party, facts: PartyFacts) -> list[PartyEvent]:
    if state.retracted and state.case_id == command.case_id:
        return []
    _must_be_there(state, command.case_id)
    own = command.by.member_id == state.by
    if not own and facts.role is not ContributorRole.AUTHOR:
        raise DomainError("forbidden", "Only its claimant or the author may retract a party.")
    retracted = PartyRetracted(
        party_id=state.party_id,
        case_id=state.case_id,
        role=facts.role,
        at=command.at,
    )
    return [retracted, *_without_statements(state, facts.role, command.at)]


def _dispute(command: DisputeParty, state: Party) -> list[PartyEvent]:
    _must_be_there(state, command.case_id)
    if command.dispute_id in state.disputes:
        raise DomainError(
            "already-disputed", "This link has been used already; ask a moderator for another."
        )
    if len(state.disputes) >= MOST_DISPUTES:
        raise DomainError(
            "too-many-disputes", f"A party can make at most {MOST_DISPUTES} statements."
        )
    disputed = PartyDisputed(
        party_id=state.party_id,
        case_id=state.case_id,
        dispute_id=command.dispute_id,
        statement=command.statement,
        at=command.at,
    )
    return [disputed]


def _hide(command: HideParty, state: Party) -> list[PartyEvent]:
    must_be_system(command.by, "Only moderation hides and restores a party.")
    if state.hidden or not state.is_claimed:
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
    must_be_system(command.by, "Only moderation hides and restores a party.")
    if not state.hidden or not state.is_claimed:
        return []
    return [PartyRestored(party_id=state.party_id, case_id=state.case_id, at=command.at)]


def _hide_statement(command: HideStatement, state: Party) -> list[PartyEvent]:
    must_be_system(command.by, "Only moderation hides and restores a statement.")
    statement = state.disputes.get(command.dispute_id)
    if statement is None or statement.concealed:
        return []
    hidden = StatementHidden(
        party_id=state.party_id,
        case_id=state.case_id,
        dispute_id=command.dispute_id,
        rule=command.rule,
        role=command.role,
        at=command.at,
    )
    return [hidden]


def _restore_statement(command: RestoreStatement, state: Party) -> list[PartyEvent]:
    must_be_system(command.by, "Only moderation hides and restores a statement.")
    statement = state.disputes.get(command.dispute_id)
    if statement is None or statement.concealed is not StatementConcealedReason.HIDDEN:
        return []
    restored = StatementRestored(
        party_id=state.party_id,
        case_id=state.case_id,
        dispute_id=command.dispute_id,
        at=command.at,
    )
    return [restored]


def _erase_statement(command: EraseStatement, state: Party, facts: PartyFacts) -> list[PartyEvent]:
    """Erase a statement, also while its claim is hidden."""
    must_moderate(command.by)
    statement = state.disputes.get(command.dispute_id)
    if state.case_id != command.case_id or statement is None:
        raise DomainError("not-found", "The party has made no such statement.")
    if facts.role is ContributorRole.AUTHOR or command.by.member_id == state.by:
        raise DomainError(
            "not-oneself", "This answers your own case or claim; leave it to another moderator."
        )
    if statement.erased:
        return []
    return [_statement_erased(state, command.dispute_id, ContributorRole.MODERATOR, command.at)]


def _without_statements(state: Party, role: ContributorRole, at: datetime) -> list[PartyEvent]:
    """Erase all statements of a party, because nobody can read them any more."""
    kept = [dispute_id for dispute_id, each in state.disputes.items() if not each.erased]
    return [_statement_erased(state, dispute_id, role, at) for dispute_id in kept]


def _statement_erased(
    state: Party, dispute_id: str, role: ContributorRole, at: datetime
) -> StatementErased:
    return StatementErased(
        party_id=state.party_id,
        case_id=state.case_id,
        dispute_id=dispute_id,
        role=role,
        at=at,
    )


def _forget_claimant(command: ForgetClaimant, state: Party) -> list[PartyEvent]:
    must_be_system(command.by, "Only the system may do this.")
    if state.erased or state.by != command.member_id:
        return []
    erased = PartyErased(party_id=state.party_id, case_id=state.case_id, at=command.at)
    return [erased, *_without_statements(state, ContributorRole.SYSTEM, command.at)]


def _shown(named: PartyNamed, at: datetime) -> PartyShown:
    return PartyShown(
        party_id=named.party_id,
        case_id=named.case_id,
        details=named.details,
        by=named.by,
        by_name=named.by_name,
        claimant=named.role,
        named_at=named.at,
        at=at,
    )


def _concealed(state: Party, at: datetime) -> PartyConcealed:
    reason = PartyConcealedReason.HIDDEN
    if state.retracted:
        reason = PartyConcealedReason.RETRACTED
    if state.erased:
        reason = PartyConcealedReason.ERASED
    return PartyConcealed(party_id=state.party_id, case_id=state.case_id, reason=reason, at=at)


def _statement_shown(state: Party, dispute_id: str, at: datetime) -> StatementShown:
    statement = state.disputes[dispute_id]
    return StatementShown(
        party_id=state.party_id,
        case_id=state.case_id,
        dispute_id=dispute_id,
        statement=statement.text,
        number=statement.number,
        stated_at=statement.stated_at,
        at=at,
    )


def _statement_concealed(
    state: Party, dispute_id: str, reason: StatementConcealedReason, at: datetime
) -> StatementConcealed:
    statement = state.disputes[dispute_id]
    return StatementConcealed(
        party_id=state.party_id,
        case_id=state.case_id,
        dispute_id=dispute_id,
        reason=reason,
        number=statement.number,
        stated_at=statement.stated_at,
        at=at,
    )


def _must_be_there(state: Party, case_id: CaseId) -> None:
    if state.case_id != case_id or not state.is_claimed:
        raise DomainError("not-found", "The case has no such party.")
