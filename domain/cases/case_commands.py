"""The commands on a case. Only the system gives those of SystemCommand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from domain.actors import Actor, ContributorRole
from domain.cases.case_details import (
    LEAST_PUBLISH_WITHIN,
    MOST_PUBLISH_WITHIN,
    CaseDetails,
    EvidenceIds,
    Tag,
    Tags,
)
from domain.cases.place import Location
from domain.constraints import Limits
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId, PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCase:
    """``owners`` are the aliases under which the reporter owns evidence, if it is not their id.

    With ``publish_within``, an anonymous case becomes public at a random time within so many hours
    after it has evidence; without it, at once.
    """

    case_id: CaseId
    details: CaseDetails
    location: Location | None = None
    tags: Tags = ()
    evidence: EvidenceIds = ()
    owners: Mapping[EvidenceId, MemberId] = field(default_factory=dict)
    anonymous: bool = False
    publish_within: Annotated[int | None, Limits(LEAST_PUBLISH_WITHIN, MOST_PUBLISH_WITHIN)] = None
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachEvidence:
    """``owners`` are the aliases under which the member owns evidence, if it is not their id."""

    evidence: EvidenceIds
    owners: Mapping[EvidenceId, MemberId] = field(default_factory=dict)
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptEvidence:
    """The evidence is safe to show, and belongs to the member who attached it."""

    evidence_id: EvidenceId
    kind: MediaKind
    sha256: str
    commitment: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseEvidence:
    """The evidence can never back the case. ``reason`` says why, and what to do instead."""

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
    """Locate the case. From a contributor this is a proposal."""

    location: Location
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCase:
    """Add a tag. From a contributor this is a proposal."""

    tag: Tag
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UntagCase:
    tag: Tag
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptContribution:
    """Add the tag or location that a contributor proposed to the case."""

    number: int
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineContribution:
    """Decline a proposal, or take back an own one."""

    number: int
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AddParty:
    """Add a party. Its name is in its own stream. ``evidence`` is what the claim rests on."""

    party_id: PartyId
    evidence: EvidenceIds
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractLocation:
    """Retract the location that applies, and all others by the same member.

    The last one by another member applies again.
    """

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
class ReleaseCase:
    """Publish a case that awaits publication, if it is due."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideCase:
    """Hide the case because it breaks a rule. ``role``: a moderator decided, or flags (system)."""

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
    """Hide a piece of evidence because it breaks a rule."""

    evidence_id: EvidenceId
    rule: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnEvidence:
    """Show a piece of evidence that was withheld again."""

    evidence_id: EvidenceId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetMember:
    """Erase the case if the member reported it; otherwise erase their contributions to it."""

    member_id: MemberId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """``party_named`` says that a party with the id was named already, in this or another case.
    ``delay`` is drawn for a case that is to be published later."""

    party_named: bool = False
    delay: timedelta = timedelta(0)


SystemCommand = (
    AcceptEvidence
    | RefuseEvidence
    | ReleaseCase
    | HideCase
    | RestoreCase
    | WithholdEvidence
    | ReturnEvidence
    | ForgetMember
)
CaseCommand = (
    AttachEvidence
    | AmendCase
    | LocateCase
    | TagCase
    | UntagCase
    | AcceptContribution
    | DeclineContribution
    | Informed[ReportCase | AddParty, CaseFacts]
    | RetractLocation
    | RetractEvidence
    | WithdrawCase
    | SystemCommand
)
