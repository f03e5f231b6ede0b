"""What happened to a case.

``role`` tells in which role somebody changed the case: author, contributor, moderator or system.
Only CasePublished and CaseUnpublished say whether the case is public, only EvidenceShown and
EvidenceConcealed whether everybody can see a piece of evidence. An event that has a sealed member
is about that member, and no query service gets it once they are erased. What takes something back
has none: it must reach every query service.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from domain.cases.case_details import CaseDetails, ConcealedReason, UnpublishedReason
from domain.cases.place import PersonalPlace
from domain.ids import CaseId, EvidenceId, MediaKind, PartyId
from domain.personal import Personal, PersonalText, SealedMember


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReported:
    """Where and when it happened, and tags, are sealed: everybody may read the chain of hashes, and
    what was corrected must not be found there as it was said first."""

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
    """The evidence backs the case, whether or not the case is public."""

    case_id: CaseId
    evidence_id: EvidenceId
    contributor: SealedMember
    kind: MediaKind
    sha256: str
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRefused:
    """The reason is sealed: it describes a file that stays private."""

    case_id: CaseId
    evidence_id: EvidenceId
    contributor: SealedMember
    reason: PersonalText
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePublished:
    """Everybody can see the case from now on. ``details`` are those it is published with.

    ``published_at`` is when it became public; moderation that hides and restores it in between does
    not change that. Tags and places are not here, for contributors' keys seal those.
    """

    case_id: CaseId
    author: SealedMember
    anonymous: bool
    details: CaseDetails
    published_at: datetime
    role: str = "system"
    at: datetime

    @property
    def is_restored(self) -> bool:
        """Whether it only returns to the public, who knew it before."""
        return self.published_at != self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAmended:
    case_id: CaseId
    details: CaseDetails
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLocated:
    """``number`` counts what was said of the place, from 0."""

    case_id: CaseId
    number: int
    location: PersonalPlace
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTagged:
    """``number`` counts the tags that the case ever had, those of the report included, from 0."""

    case_id: CaseId
    number: int
    tag: PersonalText
    by: SealedMember
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUntagged:
    case_id: CaseId
    number: int
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRetracted:
    """The place is unknown from now on, unless LocationReturned follows."""

    case_id: CaseId
    number: int
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationReturned:
    """What was said of the place before stands again, since what was said last was retracted."""

    case_id: CaseId
    location: PersonalPlace
    by: SealedMember
    role: str = "system"
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
    """Only the author and moderators can see the case from now on, or nobody."""

    case_id: CaseId
    reason: UnpublishedReason
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceShown:
    """Everybody can see the evidence from now on, in this public case."""

    case_id: CaseId
    evidence_id: EvidenceId
    kind: MediaKind
    sha256: str
    accepted_at: datetime
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceConcealed:
    case_id: CaseId
    evidence_id: EvidenceId
    reason: ConcealedReason
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseErased:
    """The author was erased, and nothing of the case is left."""

    case_id: CaseId
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionErased:
    """A contributor was erased, and what they had contributed is gone.

    Tags and places are named by their numbers. ``place_unknown`` says that one of these places was
    the one that stood.
    """

    case_id: CaseId
    evidence: tuple[EvidenceId, ...] = ()
    parties: tuple[PartyId, ...] = ()
    tags: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    place_unknown: bool = False
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
    case_id: CaseId
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
    | LocationReturned
    | EvidenceRetracted
    | CaseUnpublished
    | CaseHidden
    | CaseRestored
    | EvidenceWithheld
    | EvidenceReturned
    | PartyAdded
    | EvidenceRefused
    | EvidenceShown
    | EvidenceConcealed
    | CaseErased
    | ContributionErased
)

CaseEvidenceEvent = (
    EvidenceAttached
    | EvidenceAccepted
    | EvidenceRefused
    | EvidenceRetracted
    | EvidenceWithheld
    | EvidenceReturned
)
Publication = CasePublished | CaseUnpublished | EvidenceShown | EvidenceConcealed
CaseStatusEvent = CaseHidden | CaseRestored | CaseWithdrawn | CaseErased
