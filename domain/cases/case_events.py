"""The events of a case.

``role`` is the role of the actor who changed the case. Only CasePublished and CaseUnpublished say
whether the case is public. Only EvidenceShown and EvidenceConcealed say whether everybody can see a
piece of evidence.

An event with a sealed member is personal: no query service gets it after that member was erased.
Events that retract or remove something have no sealed member, because every query service must get
them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from domain.actors import ContributorRole
from domain.cases.case_details import CaseDetails, CaseUnpublishedReason, EvidenceConcealedReason
from domain.cases.place import PersonalPlace
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId, PartyId
from domain.personal import HiddenText, Personal, PersonalText, SealedMember


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReported:
    """Location, day and tags are sealed: everybody can read the proof of a case, and must not find
    in it what the author has corrected since. ``owners`` are the aliases under which the author
    owns the evidence, in its order; none if they own it under their id.

    ``delayed`` says that the case is published ``delay`` seconds after it has evidence, which were
    drawn from ``publish_within`` hours."""

    case_id: CaseId
    author: SealedMember
    author_name: PersonalText
    details: CaseDetails
    location: PersonalPlace = None
    tags: Annotated[tuple[str, ...], Personal()] = ()
    evidence: tuple[EvidenceId, ...] = ()
    owners: Annotated[tuple[MemberId, ...], Personal(hidden=True)] = ()
    anonymous: bool = False
    delayed: bool = False
    publish_within: Annotated[int | None, Personal(hidden=True)] = None
    delay: Annotated[int | None, Personal(hidden=True)] = None
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAttached:
    """``owner`` is the alias under which the member owns the evidence; empty if it is their id."""

    case_id: CaseId
    evidence_id: EvidenceId
    by: SealedMember
    owner: HiddenText = ""
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAccepted:
    """The evidence backs the case, even while the case is not public.

    ``sha256`` is the hash of the rendition, ``commitment`` fixes the original without revealing it.
    """

    case_id: CaseId
    evidence_id: EvidenceId
    contributor: SealedMember
    kind: MediaKind
    sha256: str
    commitment: str
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRefused:
    """The reason is sealed, because it describes a file that stays private."""

    case_id: CaseId
    evidence_id: EvidenceId
    contributor: SealedMember
    reason: PersonalText
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHeld:
    """The case has evidence, and awaits its publication until a time that its author chose to have
    drawn by chance."""

    case_id: CaseId
    author: SealedMember
    until: Annotated[datetime | None, Personal(hidden=True)]
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReleased:
    """The time of publication has come. The case is never held again."""

    case_id: CaseId
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePublished:
    """Everybody can see the case from now on, with these ``details``.

    ``published_at`` is when it became public; hiding and restoring it do not change that.
    ``is_restored`` says that it was public before. Tags and places are not in this event, because
    they are sealed with the keys of their contributors.
    """

    case_id: CaseId
    author: SealedMember
    anonymous: bool
    details: CaseDetails
    published_at: datetime
    is_restored: bool = False
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAmended:
    case_id: CaseId
    details: CaseDetails
    by: SealedMember
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLocated:
    """``number`` is the number of the location in the case, from 0."""

    case_id: CaseId
    number: int
    location: PersonalPlace
    by: SealedMember
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTagged:
    """``number`` is the number of the tag in the case. Those of the report are counted from 0."""

    case_id: CaseId
    number: int
    tag: PersonalText
    by: SealedMember
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionProposed:
    """A contributor proposed a tag or a location. ``number`` counts the proposals from 0."""

    case_id: CaseId
    number: int
    tag: PersonalText = ""
    location: PersonalPlace = None
    by: SealedMember
    role: ContributorRole = ContributorRole.CONTRIBUTOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionAccepted:
    """The proposal was accepted. CaseTagged or CaseLocated follows, unless the case has it."""

    case_id: CaseId
    number: int
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionDeclined:
    """The proposal was declined, or taken back by its contributor."""

    case_id: CaseId
    number: int
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUntagged:
    case_id: CaseId
    number: int
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRetracted:
    """The place is unknown from now on, unless LocationReturned follows."""

    case_id: CaseId
    number: int
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationReturned:
    """An earlier location applies again, because the last one was retracted."""

    case_id: CaseId
    location: PersonalPlace
    by: SealedMember
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRetracted:
    case_id: CaseId
    evidence_id: EvidenceId
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWithdrawn:
    case_id: CaseId
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyAdded:
    case_id: CaseId
    party_id: PartyId
    by: SealedMember
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUnpublished:
    """The case is no longer public. Unless it is erased, the author and moderators still see it."""

    case_id: CaseId
    reason: CaseUnpublishedReason
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceShown:
    """Everybody can see the evidence from now on, in this public case."""

    case_id: CaseId
    evidence_id: EvidenceId
    kind: MediaKind
    sha256: str
    commitment: str
    accepted_at: datetime
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceConcealed:
    case_id: CaseId
    evidence_id: EvidenceId
    reason: EvidenceConcealedReason
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseErased:
    """The author was erased, and the case with them."""

    case_id: CaseId
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionErased:
    """A contributor was erased, and their contributions with them.

    Tags, places and open proposals are given by their numbers. ``place_unknown`` says that one of
    these places was the one that applied.
    """

    case_id: CaseId
    evidence: tuple[EvidenceId, ...] = ()
    parties: tuple[PartyId, ...] = ()
    tags: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    place_unknown: bool = False
    proposals: tuple[int, ...] = ()
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHidden:
    case_id: CaseId
    rule: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRestored:
    case_id: CaseId
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceWithheld:
    case_id: CaseId
    evidence_id: EvidenceId
    rule: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceReturned:
    case_id: CaseId
    evidence_id: EvidenceId
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


ProposalEvent = ContributionProposed | ContributionAccepted | ContributionDeclined
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
    | ProposalEvent
    | CaseHeld
    | CaseReleased
)

CaseEvidenceEvent = (
    EvidenceAttached
    | EvidenceAccepted
    | EvidenceRefused
    | EvidenceRetracted
    | EvidenceWithheld
    | EvidenceReturned
)
Publication = CaseHeld | CasePublished | CaseUnpublished | EvidenceShown | EvidenceConcealed
CaseStatusEvent = CaseReleased | CaseHidden | CaseRestored | CaseWithdrawn | CaseErased
