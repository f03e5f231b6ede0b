"""A case as it may be seen, and what each of its events changes in it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, assert_never

from application.engine.query_service import (
    ForOwner,
    FromOtherStreams,
    HasMedia,
    Private,
    PrivateText,
    Signed,
)
from application.queries.authors import Author
from domain.cases import case_events as case
from domain.cases import party
from domain.cases.case_details import CaseCategory, CaseDetails, CaseStatus, CaseUnpublishedReason
from domain.cases.engagement import ShareNetwork
from domain.cases.party import PartyKind
from domain.cases.place import PersonalPlace
from domain.cases.tags_and_place import TagOrPlaceEvent, place_after, tags_after
from domain.ids import MediaKind
from domain.personal import Personal
from domain.times import told

Count = Annotated[int, FromOtherStreams()]
Media = Annotated[str, HasMedia()]
PartyInCase = (
    party.PartyShown
    | party.PartyConcealed
    | party.StatementShown
    | party.StatementConcealed
    | party.PartyRetracted
    | party.PartyErased
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvidence:
    """A piece of evidence that all who can see the case can see.

    ``sha256`` is the hash of the served content. ``commitment`` fixes the original without
    revealing it: only the owner can open it.
    """

    evidence_id: Media
    kind: MediaKind
    sha256: str
    commitment: str


class EvidenceProgress(StrEnum):
    """What has become of a piece of evidence in a case."""

    AWAITED = "awaited"
    ACCEPTED = "accepted"
    WITHHELD = "withheld"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedEvidence:
    """A piece of evidence that the case cites; if it was refused, why and what to do."""

    evidence_id: str
    progress: EvidenceProgress = EvidenceProgress.AWAITED
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShares:
    network: ShareNetwork
    shares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """What a party says to being named, by number. ``removed``: it is hidden or was erased."""

    dispute_id: str
    number: int
    statement: str = ""
    removed: party.StatementConcealedReason | None = None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseParty:
    """Somebody said to be involved: a claim of who added it, never a finding."""

    party_id: str
    kind: PartyKind
    name: str
    role: str
    evidence: tuple[str, ...]
    added_by: Author | None
    added_at: datetime | None
    disputes: tuple[Dispute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDocument:
    """A case as it may be seen. A new property of a case goes here, with a default; one that is
    personal in the event is marked here as well.

    ``cited`` is for the author and moderators, and empty for everybody else. Times before a delayed
    publication are None. ``published_version`` is the version at which it became public first.
    """

    case_id: str
    status: CaseStatus = CaseStatus.AWAITING_EVIDENCE
    title: Annotated[str, Signed()] = ""
    story: Annotated[str, Signed()] = ""
    category: Annotated[CaseCategory, Signed()] = CaseCategory.OTHER
    occurred_on: Annotated[date | None, Personal()] = None
    location: PersonalPlace = None
    tags: Annotated[tuple[str, ...], Personal()] = ()
    author: Author | None = None
    evidence: Annotated[tuple[CaseEvidence, ...], Personal()] = ()
    cited: Annotated[tuple[CitedEvidence, ...], ForOwner()] = ()
    parties: Annotated[tuple[CaseParty, ...], FromOtherStreams()] = ()
    supports: Count = 0
    followers: Count = 0
    shares: Count = 0
    shares_by_network: Annotated[tuple[NetworkShares, ...], FromOtherStreams()] = ()
    comments: Count = 0
    reported_at: datetime | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    version: int = 0
    published_version: Annotated[int, Private()] = 0
    author_id: PrivateText = ""
    tags_by_number: Annotated[Mapping[int, str], Private()] = field(default_factory=dict)
    accepted: Annotated[tuple[CaseEvidence, ...], Private()] = ()
    disputes: Annotated[Mapping[str, tuple[Dispute, ...]], Private()] = field(default_factory=dict)
    claimants: Annotated[tuple[str, ...], Private()] = ()


def changed(row: CaseDocument, event: case.CaseEvent, version: int) -> CaseDocument:
    """Return the document after one more event of its case's stream, which is at that version."""
    row = replace(row, **_changes(row, event), updated_at=told(event.at), version=version)
    if isinstance(event, case.CasePublished) and not row.published_version:
        return replace(row, published_version=version)
    return replace(row, status=status_with(row.cited, row.status))


def status_with(cited: Iterable[CitedEvidence], status: CaseStatus) -> CaseStatus:
    """Return the status of a case with this evidence: without any, it waits for some first."""
    if status is not CaseStatus.AWAITING_PUBLICATION:
        return status
    accepted = any(each.progress is EvidenceProgress.ACCEPTED for each in cited)
    return status if accepted else CaseStatus.AWAITING_EVIDENCE


def shared(row: CaseDocument, network: ShareNetwork) -> CaseDocument:
    """Return the document after somebody shared the case on a network."""
    counts = Counter({each.network: each.shares for each in row.shares_by_network})
    counts[network] += 1
    by_network = (NetworkShares(network=name, shares=counts[name]) for name in sorted(counts))
    return replace(row, shares=row.shares + 1, shares_by_network=tuple(by_network))


def with_party(row: CaseDocument, event: PartyInCase) -> CaseDocument:
    """Return the document after an event of a party to the case."""
    key, disputes = event.party_id, dict(row.disputes)
    parties = {each.party_id: each for each in row.parties}
    match event:
        case party.PartyShown():
            parties[key] = _party(row, event)
        case party.PartyConcealed():
            parties.pop(key, None)
        case party.StatementShown() | party.StatementConcealed():
            disputes[key] = _with_statement(disputes.get(key, ()), event)
        case party.PartyRetracted() | party.PartyErased():
            disputes.pop(key, None)
    shown = [replace(each, disputes=disputes.get(name, ())) for name, each in parties.items()]
    claimants = {each.added_by.member_id: None for each in shown if each.added_by}
    return replace(
        row,
        parties=tuple(shown),
        disputes=disputes,
        claimants=tuple(claimants),
    )


def _with_statement(
    disputes: Sequence[Dispute], event: party.StatementShown | party.StatementConcealed
) -> tuple[Dispute, ...]:
    """Return the statements of a party, oldest first, after one of them was shown or concealed."""
    changed = Dispute(dispute_id=event.dispute_id, number=event.number, at=event.stated_at)
    match event:
        case party.StatementShown(statement=statement):
            changed = replace(changed, statement=statement)
        case party.StatementConcealed(reason=reason):
            changed = replace(changed, removed=reason)
    others = [each for each in disputes if each.dispute_id != event.dispute_id]
    return tuple(sorted([*others, changed], key=lambda each: each.number))


def _party(row: CaseDocument, event: party.PartyShown) -> CaseParty:
    """Return the party. An author who is anonymous stays anonymous in what they add."""
    anonymous = event.claimant == "author" and row.author is None
    return CaseParty(
        party_id=event.party_id,
        kind=event.details.kind,
        name=event.details.name,
        role=event.details.role,
        evidence=event.details.evidence,
        added_by=None if anonymous else Author(member_id=event.by, pseudonym=event.by_name),
        added_at=told(event.named_at),
    )


def _changes(row: CaseDocument, event: case.CaseEvent) -> dict[str, Any]:
    match event:
        case case.CaseReported():
            return _reported(row, event)
        case case.CaseAmended():
            return _details(event.details)
        case case.CaseHeld():
            return {"status": CaseStatus.AWAITING_PUBLICATION}
        case case.CasePublished():
            return {"status": CaseStatus.PUBLISHED, "published_at": event.published_at}
        case case.CaseUnpublished(reason=CaseUnpublishedReason.NO_EVIDENCE) | case.CaseRestored():
            return {"status": CaseStatus.AWAITING_EVIDENCE}
        case case.CaseHidden():
            return {"status": CaseStatus.HIDDEN}
        case case.CaseWithdrawn():
            return {"status": CaseStatus.WITHDRAWN}
        case case.ContributionErased():
            cited = [each for each in row.cited if each.evidence_id not in event.evidence]
            return {**_tags_and_place(row, event), **_evidence(row.accepted, cited)}
        case _ if isinstance(event, TagOrPlaceEvent):
            return _tags_and_place(row, event)
        case case.EvidenceAccepted():
            evidence = CaseEvidence(
                evidence_id=event.evidence_id,
                kind=event.kind,
                sha256=event.sha256,
                commitment=event.commitment,
            )
            return _evidence((*row.accepted, evidence), cited_after(row.cited, event))
        case _ if isinstance(event, case.CaseEvidenceEvent):
            return _evidence(row.accepted, cited_after(row.cited, event))
        case (
            case.ContributionProposed() | case.ContributionAccepted() | case.ContributionDeclined()
        ):
            return {}  # the case changes by the events that follow an acceptance
        case (
            case.CaseReleased()
            | case.CaseUnpublished()
            | case.CaseErased()
            | case.PartyAdded()
            | case.EvidenceShown()
            | case.EvidenceConcealed()
        ):
            return {}  # what changes follows from other events
        case _:
            assert_never(event)


def _reported(row: CaseDocument, event: case.CaseReported) -> dict[str, Any]:
    author = Author(member_id=event.author, pseudonym=event.author_name)
    return {
        **_details(event.details),
        **_tags_and_place(row, event),
        "author": None if event.anonymous else author,
        "author_id": event.author,
        "cited": tuple(CitedEvidence(evidence_id=item) for item in event.evidence),
        "reported_at": told(event.at),
    }


def _details(details: CaseDetails) -> dict[str, Any]:
    return {each.name: getattr(details, each.name) for each in fields(CaseDetails)}


def _tags_and_place(row: CaseDocument, event: TagOrPlaceEvent) -> dict[str, Any]:
    tags = tags_after(row.tags_by_number, event)
    place = place_after(row.location, event)
    return {"tags_by_number": tags, "tags": tuple(tags.values()), "location": place}


def _evidence(accepted: Iterable[CaseEvidence], cited: Sequence[CitedEvidence]) -> dict[str, Any]:
    """Keep the accepted evidence that the case still cites, and show what is not withheld."""
    progress = {each.evidence_id: each.progress for each in cited}
    kept = tuple(each for each in accepted if each.evidence_id in progress)
    shown = (each for each in kept if progress[each.evidence_id] is EvidenceProgress.ACCEPTED)
    return {"accepted": kept, "cited": tuple(cited), "evidence": tuple(shown)}


def cited_after(
    cited: Sequence[CitedEvidence], event: case.CaseEvidenceEvent
) -> Sequence[CitedEvidence]:
    """Return each piece of evidence that the case cites after the event."""
    key = event.evidence_id
    after = CitedEvidence(evidence_id=key)
    others = [each for each in cited if each.evidence_id != key]
    match event:
        case case.EvidenceAttached():
            return [*others, after]
        case case.EvidenceRetracted():
            return others
        case case.EvidenceAccepted() | case.EvidenceReturned():
            after = replace(after, progress=EvidenceProgress.ACCEPTED)
        case case.EvidenceWithheld():
            after = replace(after, progress=EvidenceProgress.WITHHELD)
        case case.EvidenceRefused():
            after = replace(after, progress=EvidenceProgress.REFUSED, reason=event.reason)
        case _:
            assert_never(event)
    return [after if each.evidence_id == key else each for each in cited]
