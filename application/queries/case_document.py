"""A case as it may be seen, folded from what happened to it."""

from collections import Counter
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar, assert_never

from application.engine.query_service import Private, PrivateText, Signed
from domain.cases import case_events as case
from domain.cases import party
from domain.cases.case_details import (
    CaseCategory,
    CaseDetails,
    CaseStatus,
    UnpublishedReason,
)
from domain.cases.engagement import ShareNetwork
from domain.cases.party import PartyKind
from domain.cases.place import NOWHERE, PersonalPlace, Places, said_at_first
from domain.cases.tags import NumberedTag, numbered, without
from domain.ids import MediaKind
from domain.personal import Personal, PersonalText

T = TypeVar("T")
PartyInCase = (
    party.PartyShown
    | party.PartyConcealed
    | party.PartyDisputed
    | party.PartyRetracted
    | party.PartyErased
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    member_id: str
    pseudonym: PersonalText


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    evidence_id: str
    kind: MediaKind
    sha256: str
    poster_url: str
    content_url: str


class EvidenceProgress(StrEnum):
    """What has become of a piece of evidence in a case."""

    AWAITED = "awaited"
    ACCEPTED = "accepted"
    WITHHELD = "withheld"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedEvidence:
    """A piece of evidence that the case cites; of what is refused, why and what to do."""

    evidence_id: str
    progress: EvidenceProgress = EvidenceProgress.AWAITED
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShares:
    network: ShareNetwork
    shares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """What a party says to being named."""

    statement: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody said to be involved: a claim of who added it, never a finding."""

    party_id: str
    kind: PartyKind
    name: str
    role: str
    evidence: tuple[str, ...]
    added_by: Author | None
    added_at: datetime
    disputes: tuple[Dispute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyDispute:
    party_id: str
    dispute: Dispute


UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDocument:
    """A case as it may be seen. A new property of a case goes here, with a default; one that is
    personal in the event is marked here as well.

    ``cited`` is for the author and moderators, and empty for everybody else.
    """

    case_id: str
    status: CaseStatus = CaseStatus.AWAITING_EVIDENCE
    title: Annotated[str, Signed()] = ""
    story: Annotated[str, Signed()] = ""
    category: CaseCategory = CaseCategory.OTHER
    occurred_on: Annotated[date | None, Personal()] = None
    location: PersonalPlace = None
    tags: Annotated[tuple[str, ...], Personal()] = ()
    author: Author | None = None
    evidence: Annotated[tuple[Exhibit, ...], Personal()] = ()
    cited: tuple[CitedEvidence, ...] = ()
    parties: tuple[Party, ...] = ()
    supports: int = 0
    followers: int = 0
    shares: int = 0
    shares_by_network: tuple[NetworkShares, ...] = ()
    comments: int = 0
    reported_at: datetime = UNKNOWN
    published_at: datetime | None = None
    updated_at: datetime = UNKNOWN
    version: int = 0
    author_id: PrivateText = ""
    places: Annotated[Places, Private()] = NOWHERE
    numbered_tags: Annotated[tuple[NumberedTag, ...], Private()] = ()
    exhibits: Annotated[tuple[Exhibit, ...], Private()] = ()
    party_disputes: Annotated[tuple[PartyDispute, ...], Private()] = ()
    party_names: PrivateText = ""
    claimants: Annotated[tuple[str, ...], Private()] = ()


def reported(event: case.CaseReported) -> CaseDocument:
    """The document of a new case."""
    author = Author(member_id=event.author, pseudonym=event.author_name)
    return CaseDocument(
        case_id=event.case_id,
        location=event.location,
        places=said_at_first(event.location, event.author),
        tags=event.tags,
        numbered_tags=numbered(event.tags),
        author=None if event.anonymous else author,
        author_id=event.author,
        cited=tuple(CitedEvidence(evidence_id=item) for item in event.evidence),
        reported_at=event.at,
        updated_at=event.at,
        version=1,
        **_shown(event.details),
    )


def erased(event: case.CaseErased, version: int) -> CaseDocument:
    """What is left of a case whose author was erased."""
    return CaseDocument(case_id=event.case_id, status=CaseStatus.ERASED, version=version)


def changed(row: CaseDocument, event: case.CaseEvent, version: int) -> CaseDocument:
    """The document after one more event of its case's stream, which is at that version."""
    if row.status is CaseStatus.ERASED:
        return replace(row, version=version)
    return replace(row, **_changes(row, event), updated_at=event.at, version=version)


def counted(
    row: CaseDocument, *, supports: int = 0, followers: int = 0, comments: int = 0
) -> CaseDocument:
    """The document with so many more of each; of an erased case nothing is counted."""
    if row.status is CaseStatus.ERASED:
        return row
    return replace(
        row,
        supports=row.supports + supports,
        followers=row.followers + followers,
        comments=row.comments + comments,
    )


def called(row: CaseDocument, member_id: str, pseudonym: str) -> CaseDocument:
    """The document with another name of a member, wherever it names them."""

    def renamed(author: Author | None) -> Author | None:
        theirs = author is not None and author.member_id == member_id
        return Author(member_id=member_id, pseudonym=pseudonym) if theirs else author

    parties = (replace(each, added_by=renamed(each.added_by)) for each in row.parties)
    return replace(row, author=renamed(row.author), parties=tuple(parties))


def shared(row: CaseDocument, network: ShareNetwork) -> CaseDocument:
    """The document after somebody shared the case there; of an erased case nothing is counted."""
    if row.status is CaseStatus.ERASED:
        return row
    counts = Counter({each.network: each.shares for each in row.shares_by_network})
    counts[network] += 1
    by_network = (NetworkShares(network=name, shares=counts[name]) for name in sorted(counts))
    return replace(row, shares=row.shares + 1, shares_by_network=tuple(by_network))


def _changes(row: CaseDocument, event: case.CaseEvent) -> dict[str, Any]:
    match event:
        case case.CaseAmended():
            return _shown(event.details)
        case case.CaseLocated():
            return _placed(row.places.with_(event.number, event.location, event.by))
        case case.LocationRetracted():
            return _placed(row.places.without(event.number))
        case case.CaseTagged():
            return _tagged(*row.numbered_tags, NumberedTag(number=event.number, tag=event.tag))
        case case.CaseUntagged():
            return _tagged(*without(row.numbered_tags, event.number))
        case case.ContributionErased():
            return _without_contribution(row, event)
        case _ if isinstance(event, case.CaseEvidenceEvent):
            return _exhibited(row, event)
        case _:
            return _status(event)


def _placed(places: Places) -> dict[str, Any]:
    return {"places": places, "location": places.current}


def _tagged(*tags: NumberedTag) -> dict[str, Any]:
    return {"numbered_tags": tags, "tags": tuple(each.tag for each in tags)}


def _status(event: case.CaseEvent) -> dict[str, Any]:
    match event:
        case case.CasePublished():
            return {"status": CaseStatus.PUBLISHED, "published_at": event.published_at}
        case case.CaseUnpublished(reason=UnpublishedReason.NO_EVIDENCE) | case.CaseRestored():
            return {"status": CaseStatus.AWAITING_EVIDENCE}
        case case.CaseHidden():
            return {"status": CaseStatus.HIDDEN}
        case case.CaseWithdrawn():
            return {"status": CaseStatus.WITHDRAWN}
        case _:
            return {}


def _without_contribution(row: CaseDocument, event: case.ContributionErased) -> dict[str, Any]:
    cited = tuple(each for each in row.cited if each.evidence_id not in event.evidence)
    return {
        **_tagged(*without(row.numbered_tags, *event.tags)),
        **_placed(row.places.with_erased(event.places)),
        **_backed(row.exhibits, cited),
    }


def _exhibited(row: CaseDocument, event: case.CaseEvidenceEvent) -> dict[str, Any]:
    exhibits = row.exhibits
    if isinstance(event, case.EvidenceAccepted):
        exhibits = (*exhibits, _exhibit(event))
    return _backed(exhibits, _cited(row, event))


def _backed(exhibits: tuple[Exhibit, ...], cited: tuple[CitedEvidence, ...]) -> dict[str, Any]:
    """The evidence that can be seen by all who can see the case is what stands accepted."""
    progress = {each.evidence_id: each.progress for each in cited}
    kept = tuple(each for each in exhibits if each.evidence_id in progress)
    shown = (each for each in kept if progress[each.evidence_id] is EvidenceProgress.ACCEPTED)
    return {"exhibits": kept, "cited": cited, "evidence": tuple(shown)}


def _cited(row: CaseDocument, event: case.CaseEvidenceEvent) -> tuple[CitedEvidence, ...]:
    """Each piece of evidence that the case cites, and what has become of it."""
    item = event.evidence_id
    before, after = _parted(row.cited, "evidence_id", item)[0], CitedEvidence(evidence_id=item)
    match event:
        case case.EvidenceAttached():
            return (*before, after)
        case case.EvidenceAccepted() | case.EvidenceReturned():
            after = replace(after, progress=EvidenceProgress.ACCEPTED)
        case case.EvidenceWithheld():
            after = replace(after, progress=EvidenceProgress.WITHHELD)
        case case.EvidenceRefused():
            after = replace(after, progress=EvidenceProgress.REFUSED, reason=event.reason)
        case case.EvidenceRetracted():
            return before
        case _:
            assert_never(event)
    return tuple(after if each.evidence_id == item else each for each in row.cited)


def _parted(items: tuple[T, ...], field: str, key: str) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """The others, and the one whose field has the key."""
    others = tuple(each for each in items if getattr(each, field) != key)
    return others, tuple(each for each in items if getattr(each, field) == key)


def with_party(row: CaseDocument, event: PartyInCase) -> CaseDocument:
    """The document after a party to the case was shown, concealed, disputed or taken away."""
    others, found = _parted(row.parties, "party_id", event.party_id)
    kept, disputes = _parted(row.party_disputes, "party_id", event.party_id)
    match event:
        case party.PartyShown():
            shown = replace(_party(row, event), disputes=tuple(each.dispute for each in disputes))
            return _with_parties(row, (*others, shown))
        case party.PartyConcealed():
            return _with_parties(row, others)
        case party.PartyRetracted() | party.PartyErased():
            return replace(row, party_disputes=kept)
        case party.PartyDisputed():
            dispute = Dispute(statement=event.statement, at=event.at)
            disputed = PartyDispute(party_id=event.party_id, dispute=dispute)
            parties = (
                replace(each, disputes=(*each.disputes, dispute)) if each in found else each
                for each in row.parties
            )
            row = replace(row, party_disputes=(*row.party_disputes, disputed))
            return _with_parties(row, tuple(parties))
        case _:
            assert_never(event)


def _with_parties(row: CaseDocument, parties: tuple[Party, ...]) -> CaseDocument:
    """The document with the parties, the names by which it is found, and who named them."""
    claimants = {each.added_by.member_id: None for each in parties if each.added_by}
    names = " ".join(each.name for each in parties)
    return replace(row, parties=parties, party_names=names, claimants=tuple(claimants))


def _party(row: CaseDocument, event: party.PartyShown) -> Party:
    """An author who is anonymous stays so in what they add."""
    anonymous = event.claimant == "author" and row.author is None
    return Party(
        party_id=event.party_id,
        kind=event.details.kind,
        name=event.details.name,
        role=event.details.role,
        evidence=event.details.evidence,
        added_by=None if anonymous else Author(member_id=event.by, pseudonym=event.by_name),
        added_at=event.named_at,
    )


_SHOWN = {field.name for field in fields(CaseDocument)}


def _shown(details: CaseDetails) -> dict[str, Any]:
    return {
        field.name: getattr(details, field.name)
        for field in fields(details)
        if field.name in _SHOWN
    }


def _exhibit(event: case.EvidenceAccepted) -> Exhibit:
    at = f"/v1/evidence/{event.evidence_id}"
    return Exhibit(
        evidence_id=event.evidence_id,
        kind=event.kind,
        sha256=event.sha256,
        poster_url=f"{at}/poster",
        content_url=f"{at}/content",
    )
