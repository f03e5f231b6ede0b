"""What can be asked of a case."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.actors import Actor, ContributorRole
from domain.cases.case_details import CaseDetails, EvidenceIds, Tag, Tags
from domain.cases.place import Location
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId, PartyId


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
    """Somebody is said to be involved; ``evidence`` is what the claim rests on."""

    party_id: PartyId
    evidence: EvidenceIds
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
    role: ContributorRole = ContributorRole.MODERATOR
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetMember:
    """A member was erased: erase a case of theirs, or what they contributed to another's."""

    member_id: MemberId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """``party_named`` says that a party with this id has been named already, in whatever case."""

    party_named: bool


SystemCommand = (
    AcceptEvidence
    | RefuseEvidence
    | HideCase
    | RestoreCase
    | WithholdEvidence
    | ReturnEvidence
    | ForgetMember
)
CaseCommand = (
    ReportCase
    | AttachEvidence
    | AmendCase
    | LocateCase
    | TagCase
    | UntagCase
    | Informed[AddParty, CaseFacts]
    | RetractLocation
    | RetractEvidence
    | WithdrawCase
    | SystemCommand
)
