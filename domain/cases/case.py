"""A case: one person's story, public as soon as one piece of its evidence is verified."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, assert_never

from domain.cases.place import Location, rounded
from domain.decider import Decider, DomainError
from domain.ids import (
    Actor,
    CaseId,
    EvidenceId,
    Length,
    MediaKind,
    MemberId,
    OneLine,
    Personal,
    PersonalText,
    Role,
    SealedMember,
)

MOST_EVIDENCE = 50
MOST_TAGS = 20


class CaseCategory(StrEnum):
    BRIBERY = "bribery"
    EXTORTION = "extortion"
    EMBEZZLEMENT = "embezzlement"
    FAVOURITISM = "favouritism"
    FRAUD = "fraud"
    ABUSE_OF_POWER = "abuse_of_power"
    OTHER = "other"


class CaseStatus(StrEnum):
    AWAITING_EVIDENCE = "awaiting_evidence"
    PUBLISHED = "published"
    HIDDEN = "hidden"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDetails:
    """What a reporter may say about a case. A new plain property goes here, with a default."""

    title: Annotated[str, Length(3, 200), OneLine(), Personal()]
    story: Annotated[str, Length(1, 20_000), Personal()]
    category: CaseCategory = CaseCategory.OTHER
    occurred_on: date | None = None


Tag = Annotated[str, Length(1, 40), OneLine()]
Tags = Annotated[tuple[Tag, ...], Length(0, MOST_TAGS)]
EvidenceIds = Annotated[tuple[EvidenceId, ...], Length(0, MOST_EVIDENCE)]


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCase:
    case_id: CaseId
    details: CaseDetails
    location: Location | None = None
    tags: Tags = ()
    evidence: EvidenceIds = ()
    anonymous: bool = False
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachEvidence:
    evidence: EvidenceIds
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptEvidence:
    """The evidence was verified as the attaching member's own, and is safe to show."""

    evidence_id: EvidenceId
    kind: MediaKind
    sha256: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendCase:
    """``changes`` holds new values of details by their names; the others stay as they are."""

    changes: Mapping[str, Any]
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocateCase:
    location: Location
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCase:
    tag: Tag
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UntagCase:
    tag: Tag
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCase:
    by: Actor
    at: datetime


CaseCommand = (
    ReportCase
    | AttachEvidence
    | AcceptEvidence
    | AmendCase
    | LocateCase
    | TagCase
    | UntagCase
    | WithdrawCase
)


# Events. ``role`` tells in which role somebody changed the case: author, moderator or system.


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReported:
    case_id: CaseId
    author: SealedMember
    author_name: PersonalText
    details: CaseDetails
    location: Location | None = None
    tags: tuple[str, ...] = ()
    evidence: tuple[EvidenceId, ...] = ()
    anonymous: bool = False
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAttached:
    case_id: CaseId
    evidence_id: EvidenceId
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAccepted:
    case_id: CaseId
    evidence_id: EvidenceId
    author: SealedMember
    kind: MediaKind
    sha256: str
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePublished:
    case_id: CaseId
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAmended:
    case_id: CaseId
    details: CaseDetails
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLocated:
    case_id: CaseId
    location: Location
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTagged:
    case_id: CaseId
    tag: str
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUntagged:
    case_id: CaseId
    tag: str
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWithdrawn:
    case_id: CaseId
    role: str = "author"
    at: datetime


CaseEvent = (
    CaseReported
    | EvidenceAttached
    | EvidenceAccepted
    | CasePublished
    | CaseAmended
    | CaseLocated
    | CaseTagged
    | CaseUntagged
    | CaseWithdrawn
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    case_id: CaseId = CaseId("")
    author: MemberId = MemberId("")
    details: CaseDetails = CaseDetails(title="", story="")
    location: Location | None = None
    tags: tuple[str, ...] = ()
    evidence: tuple[EvidenceId, ...] = ()
    accepted: tuple[EvidenceId, ...] = ()
    anonymous: bool = False
    status: CaseStatus | None = None


def decide(command: CaseCommand, state: Case) -> list[CaseEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case ReportCase():
            return _report(command, state)
        case AttachEvidence():
            return _attach_evidence(command, state)
        case AcceptEvidence():
            return _accept_evidence(command, state)
        case AmendCase():
            return _amend(command, state)
        case LocateCase():
            return _locate(command, state)
        case TagCase():
            return _tag(command, state)
        case UntagCase():
            return _untag(command, state)
        case WithdrawCase():
            return _withdraw(command, state)
        case _:
            assert_never(command)


def evolve(state: Case, event: CaseEvent) -> Case:
    if state.status is CaseStatus.ERASED:
        return state
    match event:
        case CaseReported():
            return _reported(event)
        case EvidenceAttached():
            return replace(state, evidence=(*state.evidence, event.evidence_id))
        case EvidenceAccepted():
            return replace(state, accepted=(*state.accepted, event.evidence_id))
        case CasePublished():
            return replace(state, status=CaseStatus.PUBLISHED)
        case CaseAmended():
            return replace(state, details=event.details)
        case CaseLocated():
            return replace(state, location=event.location)
        case CaseTagged():
            return replace(state, tags=(*state.tags, event.tag))
        case CaseUntagged():
            return replace(state, tags=tuple(tag for tag in state.tags if tag != event.tag))
        case CaseWithdrawn():
            return replace(state, status=CaseStatus.WITHDRAWN)
        case _:
            assert_never(event)


case_decider: Decider[CaseCommand, Case, CaseEvent] = Decider(
    category="case", initial=Case(), decide=decide, evolve=evolve
)


def _report(command: ReportCase, state: Case) -> list[CaseEvent]:
    if state.status:
        raise DomainError("already-reported", "A case with this id has been reported already.")
    reported = CaseReported(
        case_id=command.case_id,
        author=command.by.member_id,
        author_name=command.by.pseudonym,
        details=command.details,
        location=command.location and rounded(command.location),
        tags=tuple(dict.fromkeys(command.tags)),
        evidence=tuple(dict.fromkeys(command.evidence)),
        anonymous=command.anonymous,
        at=command.at,
    )
    return [reported]


def _reported(event: CaseReported) -> Case:
    return Case(
        case_id=event.case_id,
        author=event.author,
        details=event.details,
        location=event.location,
        tags=event.tags,
        evidence=event.evidence,
        anonymous=event.anonymous,
        status=CaseStatus.AWAITING_EVIDENCE if event.author else CaseStatus.ERASED,
    )


def _attach_evidence(command: AttachEvidence, state: Case) -> list[CaseEvent]:
    role = _role_in(state, command.by)
    new = [item for item in dict.fromkeys(command.evidence) if item not in state.evidence]
    if len(state.evidence) + len(new) > MOST_EVIDENCE:
        raise DomainError("too-much-evidence", f"A case takes {MOST_EVIDENCE} pieces of evidence.")
    return [
        EvidenceAttached(
            case_id=state.case_id,
            evidence_id=item,
            by=command.by.member_id,
            role=role,
            at=command.at,
        )
        for item in new
    ]


def _accept_evidence(command: AcceptEvidence, state: Case) -> list[CaseEvent]:
    _must_be_system(command.by)
    if command.evidence_id in state.accepted or _is_over(state):
        return []
    accepted = EvidenceAccepted(
        case_id=state.case_id,
        evidence_id=command.evidence_id,
        author=state.author,
        kind=command.kind,
        sha256=command.sha256,
        at=command.at,
    )
    if state.status is CaseStatus.AWAITING_EVIDENCE:
        return [accepted, CasePublished(case_id=state.case_id, at=command.at)]
    return [accepted]


def _amend(command: AmendCase, state: Case) -> list[CaseEvent]:
    _must_be_author(state, command.by)
    details = replace(state.details, **command.changes)
    if details == state.details:
        return []
    amended = CaseAmended(
        case_id=state.case_id,
        details=details,
        by=command.by.member_id,
        at=command.at,
    )
    return [amended]


def _locate(command: LocateCase, state: Case) -> list[CaseEvent]:
    role = _role_in(state, command.by)
    location = rounded(command.location)
    if location == state.location:
        return []
    located = CaseLocated(
        case_id=state.case_id,
        location=location,
        by=command.by.member_id,
        role=role,
        at=command.at,
    )
    return [located]


def _tag(command: TagCase, state: Case) -> list[CaseEvent]:
    role = _role_in(state, command.by)
    if command.tag in state.tags:
        return []
    if len(state.tags) >= MOST_TAGS:
        raise DomainError("too-many-tags", f"A case takes {MOST_TAGS} tags.")
    return [CaseTagged(case_id=state.case_id, tag=command.tag, role=role, at=command.at)]


def _untag(command: UntagCase, state: Case) -> list[CaseEvent]:
    role = _role_in(state, command.by)
    if command.tag not in state.tags:
        return []
    return [CaseUntagged(case_id=state.case_id, tag=command.tag, role=role, at=command.at)]


def _withdraw(command: WithdrawCase, state: Case) -> list[CaseEvent]:
    if state.status is CaseStatus.WITHDRAWN and command.by.member_id == state.author:
        return []
    _must_be_author(state, command.by)
    return [CaseWithdrawn(case_id=state.case_id, at=command.at)]


def _role_in(state: Case, by: Actor) -> str:
    """In which role somebody may change the case, or the DomainError that they may not."""
    _must_be_open_to(state, by)
    if by.member_id == state.author:
        return "author"
    if by.moderates:
        return "moderator"
    raise DomainError("forbidden", "Only the author or a moderator may change this.")


def _must_be_author(state: Case, by: Actor) -> None:
    _must_be_open_to(state, by)
    if by.member_id != state.author:
        raise DomainError("forbidden", "Only the author may do this.")


def _must_be_open_to(state: Case, by: Actor) -> None:
    """A case that somebody may not see does not exist for them."""
    if state.status is CaseStatus.ERASED:
        raise DomainError("erased", "This case was erased.")
    sees_all = by.member_id == state.author or by.moderates
    if not state.status or (state.status is not CaseStatus.PUBLISHED and not sees_all):
        raise DomainError("not-found", "There is no such case.")
    if state.status is CaseStatus.WITHDRAWN:
        raise DomainError("withdrawn", "This case was withdrawn.")


def _must_be_system(by: Actor) -> None:
    if not by.is_(Role.SYSTEM):
        raise DomainError("forbidden", "Only the system accepts evidence.")


def _is_over(state: Case) -> bool:
    return state.status in (None, CaseStatus.WITHDRAWN, CaseStatus.ERASED)
