"""A case: one person's story, public as soon as one piece of its evidence is verified."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar, assert_never

from domain.actors import Actor
from domain.cases.place import NOWHERE, Location, PersonalPlace, Places, rounded, said_at_first
from domain.constraints import Length, OneLine
from domain.decider import Decider, DomainError, must_be_system
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId, PartyId
from domain.personal import Personal, PersonalText, SealedMember

K = TypeVar("K", bound=str)

MOST_EVIDENCE = 50
MOST_TAGS = 20
# How often a case may be changed by its author, by each contributor, and by all of these together.
MOST_CHANGES = 1000
MOST_CHANGES_EACH = 50
MOST_CHANGES_BY_OTHERS = 1000


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
    occurred_on: Annotated[date | None, Personal()] = None


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
class RefuseEvidence:
    """The evidence will never back the case; ``reason`` says why, and what to do."""

    evidence_id: EvidenceId
    reason: str
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
class AddParty:
    """Somebody is said to be involved; ``evidence`` is what the claim rests on.

    ``named`` tells that the id is a party's already.
    """

    party_id: PartyId
    evidence: EvidenceIds
    named: bool
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractLocation:
    """Take back what was last said of the place; what another said before stands again."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractEvidence:
    evidence_id: EvidenceId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCase:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideCase:
    """Moderation puts the case out of sight, for breaking a rule: moderators, or flags (system)."""

    rule: str
    role: str = "moderator"
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreCase:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithholdEvidence:
    """Moderation puts a piece of evidence out of sight, for breaking a rule."""

    evidence_id: EvidenceId
    rule: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnEvidence:
    evidence_id: EvidenceId
    by: Actor
    at: datetime


CaseCommand = (
    ReportCase
    | AttachEvidence
    | AcceptEvidence
    | RefuseEvidence
    | AmendCase
    | LocateCase
    | TagCase
    | UntagCase
    | AddParty
    | RetractLocation
    | RetractEvidence
    | WithdrawCase
    | HideCase
    | RestoreCase
    | WithholdEvidence
    | ReturnEvidence
)


# Events. ``role`` tells in which role somebody changed the case: author, contributor, moderator or
# system. Where and when something happened, and tags, are sealed: everybody may read the chain of
# hashes, and what was corrected must not be found there as it was said first.


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReported:
    case_id: CaseId
    author: SealedMember
    author_name: PersonalText
    details: CaseDetails
    location: PersonalPlace = None
    tags: Annotated[tuple[str, ...], Personal()] = ()
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
    """``public`` tells whether the case, and with it the evidence, can be seen by all from now."""

    case_id: CaseId
    evidence_id: EvidenceId
    author: SealedMember
    kind: MediaKind
    sha256: str
    public: bool = True
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRefused:
    """The reason is sealed: it describes a file that stays private."""

    case_id: CaseId
    evidence_id: EvidenceId
    author: SealedMember
    reason: PersonalText
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
    location: PersonalPlace
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTagged:
    case_id: CaseId
    tag: PersonalText
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUntagged:
    """``tagged_by`` is whose the tag was: it goes when they are erased, as their adding it does."""

    case_id: CaseId
    tag: PersonalText
    tagged_by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRetracted:
    """``place`` is the number of what was taken back, from 0; none means the last that stood."""

    case_id: CaseId
    place: int | None = None
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRetracted:
    case_id: CaseId
    evidence_id: EvidenceId
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWithdrawn:
    case_id: CaseId
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyAdded:
    case_id: CaseId
    party_id: PartyId
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUnpublished:
    """Nothing is left to be seen of its evidence."""

    case_id: CaseId
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHidden:
    case_id: CaseId
    rule: str
    role: str = "moderator"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRestored:
    """``status`` is what the case returns to."""

    case_id: CaseId
    status: CaseStatus
    role: str = "moderator"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceWithheld:
    case_id: CaseId
    evidence_id: EvidenceId
    rule: str
    role: str = "moderator"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceReturned:
    case_id: CaseId
    evidence_id: EvidenceId
    public: bool
    role: str = "moderator"
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
    | LocationRetracted
    | EvidenceRetracted
    | CaseUnpublished
    | CaseHidden
    | CaseRestored
    | EvidenceWithheld
    | EvidenceReturned
    | PartyAdded
    | EvidenceRefused
)

CaseEvidenceEvent = (
    EvidenceAttached
    | EvidenceAccepted
    | EvidenceRefused
    | EvidenceRetracted
    | EvidenceWithheld
    | EvidenceReturned
)
StatusEvent = CasePublished | CaseUnpublished | CaseHidden | CaseRestored | CaseWithdrawn
ModerationCommand = HideCase | RestoreCase | WithholdEvidence | ReturnEvidence


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Places, tags and evidence are kept with who contributed them.

    ``changes`` counts what each member did to the case, moderators aside; what erased ones did, in
    the name of nobody.
    """

    case_id: CaseId = CaseId("")
    author: MemberId = MemberId("")
    details: CaseDetails = CaseDetails(title="", story="")
    places: Places = NOWHERE
    tags: Mapping[str, MemberId] = field(default_factory=dict)
    evidence: Mapping[EvidenceId, MemberId] = field(default_factory=dict)
    accepted: tuple[EvidenceId, ...] = ()
    withheld: frozenset[EvidenceId] = frozenset()
    retracted: frozenset[EvidenceId] = frozenset()
    parties: frozenset[PartyId] = frozenset()
    changes: Mapping[MemberId, int] = field(default_factory=dict)
    anonymous: bool = False
    status: CaseStatus | None = None

    @property
    def location(self) -> Location | None:
        """Where it happened, as it was said last."""
        return self.places.current

    @property
    def shown(self) -> list[EvidenceId]:
        """The evidence that may be seen wherever the case may."""
        return [item for item in self.accepted if item not in self.withheld]


def decide(command: CaseCommand, state: Case) -> list[CaseEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case ReportCase():
            return _report(command, state)
        case AttachEvidence():
            return _attach_evidence(command, state)
        case AcceptEvidence():
            return _accept_evidence(command, state)
        case RefuseEvidence():
            return _refuse_evidence(command, state)
        case AmendCase():
            return _amend(command, state)
        case LocateCase():
            return _locate(command, state)
        case TagCase():
            return _tag(command, state)
        case UntagCase():
            return _untag(command, state)
        case AddParty():
            return _add_party(command, state)
        case RetractLocation():
            return _retract_location(command, state)
        case RetractEvidence():
            return _retract_evidence(command, state)
        case WithdrawCase():
            return _withdraw(command, state)
        case HideCase() | RestoreCase() | WithholdEvidence() | ReturnEvidence():
            return _moderate(command, state)
        case _:
            assert_never(command)


def evolve(state: Case, event: CaseEvent) -> Case:
    if state.status is CaseStatus.ERASED:
        return state
    return _as_backed(_counted(_evolve(state, event), event))


def _counted(state: Case, event: CaseEvent) -> Case:
    match event:
        case (
            CaseAmended(by=by, role=role)
            | CaseLocated(by=by, role=role)
            | CaseTagged(by=by, role=role)
            | EvidenceAttached(by=by, role=role)
            | PartyAdded(by=by, role=role)
        ) if role != "moderator":
            return replace(state, changes={**state.changes, by: state.changes.get(by, 0) + 1})
        case _:
            return state


def _as_backed(state: Case) -> Case:
    """Whether it is public hangs on its evidence, some of which an erased member may have taken."""
    if state.status not in (CaseStatus.PUBLISHED, CaseStatus.AWAITING_EVIDENCE):
        return state
    status = CaseStatus.PUBLISHED if state.shown else CaseStatus.AWAITING_EVIDENCE
    return replace(state, status=status)


def _evolve(state: Case, event: CaseEvent) -> Case:
    match event:
        case CaseReported():
            return _reported(event)
        case CaseAmended():
            return replace(state, details=event.details)
        case CaseLocated():
            return replace(state, places=state.places.with_(event.location, event.by))
        case LocationRetracted():
            return replace(state, places=state.places.without(event.place))
        case CaseTagged():
            tags = {**state.tags, event.tag: event.by} if event.by else state.tags
            return replace(state, tags=tags)
        case CaseUntagged():
            return replace(state, tags=_without(state.tags, event.tag))
        case PartyAdded():
            return replace(state, parties=state.parties | {event.party_id})
        case (
            EvidenceAttached()
            | EvidenceAccepted()
            | EvidenceRefused()
            | EvidenceRetracted()
            | EvidenceWithheld()
            | EvidenceReturned()
        ):
            return _evolve_evidence(state, event)
        case CasePublished() | CaseUnpublished() | CaseHidden() | CaseRestored() | CaseWithdrawn():
            return replace(state, status=_status_after(event))
        case _:
            assert_never(event)


def _evolve_evidence(state: Case, event: CaseEvidenceEvent) -> Case:
    item = event.evidence_id
    match event:
        case EvidenceAttached():
            # What an erased member contributed is not there any more.
            evidence = {**state.evidence, item: event.by} if event.by else state.evidence
            return replace(state, evidence=evidence)
        case EvidenceAccepted():
            accepted = (*state.accepted, item) if item in state.evidence else state.accepted
            return replace(state, accepted=accepted)
        case EvidenceRefused():
            return replace(state, evidence=_without(state.evidence, item))
        case EvidenceRetracted():
            return replace(
                state,
                evidence=_without(state.evidence, item),
                accepted=tuple(other for other in state.accepted if other != item),
                retracted=state.retracted | {item},
            )
        case EvidenceWithheld():
            return replace(state, withheld=state.withheld | {item})
        case EvidenceReturned():
            return replace(state, withheld=state.withheld - {item})
        case _:
            assert_never(event)


def _status_after(event: StatusEvent) -> CaseStatus:
    match event:
        case CasePublished():
            return CaseStatus.PUBLISHED
        case CaseUnpublished():
            return CaseStatus.AWAITING_EVIDENCE
        case CaseHidden():
            return CaseStatus.HIDDEN
        case CaseRestored():
            return event.status
        case CaseWithdrawn():
            return CaseStatus.WITHDRAWN
        case _:
            assert_never(event)


def role_in(state: Case, by: Actor) -> str:
    """In which role somebody changes the case: author, moderator or contributor.

    Everybody contributes to what they may see; raises DomainError where they may not.
    """
    _must_be_open_to(state, by)
    if by.member_id == state.author:
        return "author"
    return "moderator" if by.moderates else "contributor"


def can_be_seen(state: Case, by: Actor) -> bool:
    """Whether they may see it: everybody a public case, its author and moderators any other."""
    if state.status in (None, CaseStatus.ERASED):
        return False
    return state.status is CaseStatus.PUBLISHED or by.member_id == state.author or by.moderates


case_decider: Decider[CaseCommand, Case, CaseEvent] = Decider(
    category="case", initial=Case(), decide=decide, evolve=evolve
)


def _report(command: ReportCase, state: Case) -> list[CaseEvent]:
    if state.status:
        raise DomainError("already-reported", "A case with this id has been reported already.")
    reported = CaseReported(
        case_id=command.case_id,
        author=command.by.member_id,
        # Sealed or not, nobody needs it: the size of what is sealed would tell of it.
        author_name="" if command.anonymous else command.by.pseudonym,
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
        places=said_at_first(event.location, event.author),
        tags=dict.fromkeys(event.tags, event.author),
        evidence=dict.fromkeys(event.evidence, event.author),
        anonymous=event.anonymous,
        status=CaseStatus.AWAITING_EVIDENCE if event.author else CaseStatus.ERASED,
    )


def _attach_evidence(command: AttachEvidence, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if role != "author" and state.status is not CaseStatus.PUBLISHED:
        raise DomainError("forbidden", "Only the author may back a case that is not public.")
    if any(item in state.retracted for item in command.evidence):
        raise DomainError("evidence-retracted", "Some of this evidence was retracted before.")
    new = [item for item in dict.fromkeys(command.evidence) if item not in state.evidence]
    if len(state.evidence) + len(new) > MOST_EVIDENCE:
        raise DomainError("too-much-evidence", f"A case takes {MOST_EVIDENCE} pieces of evidence.")
    _must_have_room(state, role, command.by, len(new))
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
    must_be_system(command.by, "Only the system may do this.")
    known = command.evidence_id in state.evidence and command.evidence_id not in state.accepted
    if not known or _is_over(state) or _would_publish_for_its_author(command, state):
        return []
    accepted = EvidenceAccepted(
        case_id=state.case_id,
        evidence_id=command.evidence_id,
        author=state.author,
        kind=command.kind,
        sha256=command.sha256,
        public=state.status is not CaseStatus.HIDDEN,
        at=command.at,
    )
    return [accepted, *_published_by(state, command.at)]


def _refuse_evidence(command: RefuseEvidence, state: Case) -> list[CaseEvent]:
    must_be_system(command.by, "Only the system may do this.")
    waits = command.evidence_id in state.evidence and command.evidence_id not in state.accepted
    if not waits or _is_over(state):
        return []
    refused = EvidenceRefused(
        case_id=state.case_id,
        evidence_id=command.evidence_id,
        author=state.author,
        reason=command.reason,
        at=command.at,
    )
    return [refused]


def _would_publish_for_its_author(command: AcceptEvidence, state: Case) -> bool:
    """What nobody sees, or its author took out of public, is published by its author alone."""
    waits = state.status is CaseStatus.AWAITING_EVIDENCE
    return waits and state.evidence[command.evidence_id] != state.author


def _published_by(state: Case, at: datetime) -> list[CaseEvent]:
    """What follows when a piece of evidence can be seen."""
    if state.status is not CaseStatus.AWAITING_EVIDENCE:
        return []
    return [CasePublished(case_id=state.case_id, at=at)]


def _unpublished_without(state: Case, item: EvidenceId, at: datetime) -> list[CaseEvent]:
    """What follows when a piece of evidence can be seen no longer."""
    if state.status is not CaseStatus.PUBLISHED or state.shown != [item]:
        return []
    return [CaseUnpublished(case_id=state.case_id, at=at)]


def _amend(command: AmendCase, state: Case) -> list[CaseEvent]:
    _must_be_author(state, command.by)
    details = replace(state.details, **command.changes)
    if details == state.details:
        return []
    _must_have_room(state, "author", command.by)
    amended = CaseAmended(
        case_id=state.case_id,
        details=details,
        by=command.by.member_id,
        at=command.at,
    )
    return [amended]


def _locate(command: LocateCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    location = rounded(command.location)
    if location == state.location:
        return []
    _must_have_room(state, role, command.by)
    located = CaseLocated(
        case_id=state.case_id,
        location=location,
        by=command.by.member_id,
        role=role,
        at=command.at,
    )
    return [located]


def _tag(command: TagCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if command.tag in state.tags:
        return []
    if len(state.tags) >= MOST_TAGS:
        raise DomainError("too-many-tags", f"A case takes {MOST_TAGS} tags.")
    _must_have_room(state, role, command.by)
    tagged = CaseTagged(
        case_id=state.case_id,
        tag=command.tag,
        by=command.by.member_id,
        role=role,
        at=command.at,
    )
    return [tagged]


def _untag(command: UntagCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if command.tag not in state.tags:
        return []
    tagged_by = state.tags[command.tag]
    _must_be_theirs(tagged_by, role, command.by)
    untagged = CaseUntagged(
        case_id=state.case_id,
        tag=command.tag,
        tagged_by=tagged_by,
        role=role,
        at=command.at,
    )
    return [untagged]


def _add_party(command: AddParty, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if command.party_id in state.parties:
        return []
    if command.named:
        raise DomainError("already-named", "A party with this id has been named already.")
    if any(item not in state.evidence for item in command.evidence):
        raise DomainError("not-found", "The case has no such evidence.")
    _must_have_room(state, role, command.by)
    added = PartyAdded(
        case_id=state.case_id,
        party_id=command.party_id,
        by=command.by.member_id,
        role=role,
        at=command.at,
    )
    return [added]


def _withdraw(command: WithdrawCase, state: Case) -> list[CaseEvent]:
    if state.status is CaseStatus.WITHDRAWN and command.by.member_id == state.author:
        return []
    _must_be_author(state, command.by)
    return [CaseWithdrawn(case_id=state.case_id, at=command.at)]


def _retract_location(command: RetractLocation, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    place = state.places.last
    if place is None:
        return []
    _must_be_theirs(state.places.said[place].by, role, command.by)
    return [
        LocationRetracted(
            case_id=state.case_id,
            place=number,
            by=command.by.member_id,
            role=role,
            at=command.at,
        )
        for number in state.places.with_last
    ]


def _retract_evidence(command: RetractEvidence, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    item = command.evidence_id
    if item in state.retracted:
        return []
    if item not in state.evidence:
        raise DomainError("not-found", "The case has no such evidence.")
    _must_be_theirs_or_the_authors(state.evidence[item], role, command.by)
    retracted = EvidenceRetracted(case_id=state.case_id, evidence_id=item, role=role, at=command.at)
    return [retracted, *_unpublished_without(state, item, command.at)]


def _moderate(command: ModerationCommand, state: Case) -> list[CaseEvent]:
    """What moderation decided. It is repeated, and comes late, without harm."""
    must_be_system(command.by, "Only the system may do this.")
    if _is_over(state):
        return []
    match command:
        case HideCase():
            hidden = CaseHidden(
                case_id=state.case_id, rule=command.rule, role=command.role, at=command.at
            )
            return [] if state.status is CaseStatus.HIDDEN else [hidden]
        case RestoreCase():
            return _restore(command, state)
        case WithholdEvidence():
            return _withhold(command, state)
        case ReturnEvidence():
            return _return(command, state)
        case _:
            assert_never(command)


def _restore(command: RestoreCase, state: Case) -> list[CaseEvent]:
    if state.status is not CaseStatus.HIDDEN:
        return []
    status = CaseStatus.PUBLISHED if state.shown else CaseStatus.AWAITING_EVIDENCE
    return [CaseRestored(case_id=state.case_id, status=status, at=command.at)]


def _withhold(command: WithholdEvidence, state: Case) -> list[CaseEvent]:
    item = command.evidence_id
    if item in state.withheld or item not in state.accepted:
        return []
    withheld = EvidenceWithheld(
        case_id=state.case_id, evidence_id=item, rule=command.rule, at=command.at
    )
    return [withheld, *_unpublished_without(state, item, command.at)]


def _return(command: ReturnEvidence, state: Case) -> list[CaseEvent]:
    item = command.evidence_id
    if item not in state.withheld or item not in state.accepted:
        return []
    public = state.status is not CaseStatus.HIDDEN
    returned = EvidenceReturned(
        case_id=state.case_id, evidence_id=item, public=public, at=command.at
    )
    return [returned, *_published_by(state, command.at)]


def _must_be_theirs(contributor: MemberId, role: str, by: Actor) -> None:
    if role == "contributor" and by.member_id != contributor:
        raise DomainError("forbidden", "Only who contributed this, or the author, may do this.")


def _must_have_room(state: Case, role: str, by: Actor, changes: int = 1) -> None:
    """A case takes so many changes and no more; moderators can always set it right."""
    own = state.changes.get(by.member_id, 0) + changes
    others = sum(state.changes.values()) - state.changes.get(state.author, 0) + changes
    full = {
        "author": own > MOST_CHANGES,
        "contributor": own > MOST_CHANGES_EACH or others > MOST_CHANGES_BY_OTHERS,
        "moderator": False,
    }
    if full[role]:
        raise DomainError("too-many-changes", "The case takes no more changes of yours.")


def _must_be_theirs_or_the_authors(contributor: MemberId, role: str, by: Actor) -> None:
    """Moderators decide on evidence, by a rule and with a reason; they do not retract it."""
    if role != "author" and by.member_id != contributor:
        raise DomainError("forbidden", "Only who contributed this, or the author, may do this.")


def _must_be_author(state: Case, by: Actor) -> None:
    _must_be_open_to(state, by)
    if by.member_id != state.author:
        raise DomainError("forbidden", "Only the author may do this.")


def _must_be_open_to(state: Case, by: Actor) -> None:
    """A case that somebody may not see does not exist for them."""
    if state.status is CaseStatus.ERASED:
        raise DomainError("erased", "This case was erased.")
    if not can_be_seen(state, by):
        raise DomainError("not-found", "There is no such case.")
    if state.status is CaseStatus.WITHDRAWN:
        raise DomainError("withdrawn", "This case was withdrawn.")


def _without(held: Mapping[K, MemberId], key: K) -> Mapping[K, MemberId]:
    return {other: by for other, by in held.items() if other != key}


def _is_over(state: Case) -> bool:
    return state.status in (None, CaseStatus.WITHDRAWN, CaseStatus.ERASED)
