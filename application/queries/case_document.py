"""A case as it may be seen, folded from what happened to it."""

from collections import Counter
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar, assert_never

from application.engine.query_service import Private, PrivateText
from domain.cases import case, party
from domain.cases.case import CaseCategory, CaseDetails, CaseStatus
from domain.cases.engagement import ShareNetwork
from domain.cases.party import PartyKind
from domain.cases.place import NOWHERE, Location, Places, said_at_first
from domain.ids import MediaKind, MemberId

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    member_id: str
    pseudonym: str


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
class Contribution:
    """What a member added to somebody's case: evidence, a party, or a tag."""

    member_id: str
    item_id: str


UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDocument:
    """A case as it may be seen. A new plain property of a case goes here, with a default.

    ``cited`` is for the author and moderators, and empty for everybody else.
    """

    case_id: str
    status: CaseStatus = CaseStatus.AWAITING_EVIDENCE
    title: str = ""
    story: str = ""
    category: CaseCategory = CaseCategory.OTHER
    occurred_on: date | None = None
    location: Location | None = None
    tags: tuple[str, ...] = ()
    author: Author | None = None
    evidence: tuple[Exhibit, ...] = ()
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
    withheld: Annotated[tuple[Exhibit, ...], Private()] = ()
    hidden_parties: Annotated[tuple[Party, ...], Private()] = ()
    party_names: PrivateText = ""
    contributions: Annotated[tuple[Contribution, ...], Private()] = ()
    contributors: Annotated[tuple[str, ...], Private()] = ()


def reported(event: case.CaseReported) -> CaseDocument:
    """The document of a new case."""
    author = Author(member_id=event.author, pseudonym=event.author_name)
    document = CaseDocument(
        case_id=event.case_id,
        location=event.location,
        places=said_at_first(event.location, event.author),
        tags=event.tags,
        author=None if event.anonymous else author,
        author_id=event.author,
        cited=tuple(CitedEvidence(evidence_id=item) for item in event.evidence),
        reported_at=event.at,
        updated_at=event.at,
        version=1,
        **_shown(event.details),
    )
    return document if event.author else erased(document)


def changed(row: CaseDocument, event: case.CaseEvent) -> CaseDocument:
    """The document after one more event of its case's stream, whose version it counts."""
    row = replace(row, **_changes(row, event), updated_at=event.at, version=row.version + 1)
    return _as_backed(row)


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

    def all_renamed(parties: tuple[Party, ...]) -> tuple[Party, ...]:
        return tuple(replace(each, added_by=renamed(each.added_by)) for each in parties)

    return replace(
        row,
        author=renamed(row.author),
        parties=all_renamed(row.parties),
        hidden_parties=all_renamed(row.hidden_parties),
    )


def shared(row: CaseDocument, network: ShareNetwork) -> CaseDocument:
    """The document after somebody shared the case there; of an erased case nothing is counted."""
    if row.status is CaseStatus.ERASED:
        return row
    counts = Counter({each.network: each.shares for each in row.shares_by_network})
    counts[network] += 1
    by_network = (NetworkShares(network=name, shares=counts[name]) for name in sorted(counts))
    return replace(row, shares=row.shares + 1, shares_by_network=tuple(by_network))


def erased(row: CaseDocument) -> CaseDocument:
    """What is left of a case whose author had themselves erased."""
    return CaseDocument(
        case_id=row.case_id,
        status=CaseStatus.ERASED,
        reported_at=row.reported_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def _changes(row: CaseDocument, event: case.CaseEvent) -> dict[str, Any]:
    if row.status is CaseStatus.ERASED:
        return {}
    match event:
        case case.CaseAmended():
            return _shown(event.details)
        case case.CaseLocated():
            places = row.places.with_(event.location, event.by)
            contributors = _contributors(row, event.by)
            return {"places": places, "location": places.current, "contributors": contributors}
        case case.LocationRetracted():
            places = row.places.without(event.place)
            return {"places": places, "location": places.current}
        case case.CaseTagged():
            contributed = _contributed(row, event.by, _tag_item(event.tag))
            return {"tags": (*row.tags, event.tag), **contributed} if event.by else {}
        case case.CaseUntagged():
            return _untagged(row, event.tag)
        case case.CaseReported() | case.PartyAdded():
            return {}
        case _ if isinstance(event, case.StatusEvent):
            return _status(event)
        case _ if isinstance(event, case.CaseEvidenceEvent):
            return {**_evidence(row, event), "cited": _cited(row, event)}
        case _:
            assert_never(event)


def _untagged(row: CaseDocument, tag: str) -> dict[str, Any]:
    return {
        "tags": tuple(other for other in row.tags if other != tag),
        "contributions": tuple(c for c in row.contributions if c.item_id != _tag_item(tag)),
    }


def _tag_item(tag: str) -> str:
    """What a tag is called among contributions, whose other names are ids."""
    return f"tag/{tag}"


def _as_backed(row: CaseDocument) -> CaseDocument:
    """Whether it is public hangs on its evidence, some of which an erased member may have taken."""
    if row.status not in (CaseStatus.PUBLISHED, CaseStatus.AWAITING_EVIDENCE):
        return row
    status = CaseStatus.PUBLISHED if row.evidence else CaseStatus.AWAITING_EVIDENCE
    return replace(row, status=status)


def _status(event: case.StatusEvent) -> dict[str, Any]:
    match event:
        case case.CasePublished():
            return {"status": CaseStatus.PUBLISHED, "published_at": event.at}
        case case.CaseUnpublished():
            return {"status": CaseStatus.AWAITING_EVIDENCE}
        case case.CaseHidden():
            return {"status": CaseStatus.HIDDEN}
        case case.CaseRestored():
            return {"status": event.status}
        case case.CaseWithdrawn():
            return {"status": CaseStatus.WITHDRAWN}
        case _:
            assert_never(event)


def _evidence(row: CaseDocument, event: case.CaseEvidenceEvent) -> dict[str, Any]:
    match event:
        case case.EvidenceAttached():
            return _contributed(row, event.by, event.evidence_id)
        case case.EvidenceRefused():
            return {}
        case case.EvidenceAccepted():
            # What an erased member contributed is not there any more.
            lost = any(
                each == Contribution(member_id="", item_id=event.evidence_id)
                for each in row.contributions
            )
            return {} if lost else {"evidence": (*row.evidence, _exhibit(event))}
        case case.EvidenceWithheld():
            kept, moved = _parted(row.evidence, "evidence_id", event.evidence_id)
            return {"evidence": kept, "withheld": (*row.withheld, *moved)}
        case case.EvidenceReturned():
            kept, moved = _parted(row.withheld, "evidence_id", event.evidence_id)
            return {"evidence": (*row.evidence, *moved), "withheld": kept}
        case case.EvidenceRetracted():
            item = event.evidence_id
            return {
                "evidence": _parted(row.evidence, "evidence_id", item)[0],
                "withheld": _parted(row.withheld, "evidence_id", item)[0],
            }
        case _:
            assert_never(event)


def _cited(row: CaseDocument, event: case.CaseEvidenceEvent) -> tuple[CitedEvidence, ...]:
    """Each piece of evidence that the case cites, and what has become of it."""
    item = event.evidence_id
    before, after = _parted(row.cited, "evidence_id", item)[0], CitedEvidence(evidence_id=item)
    match event:
        case case.EvidenceAttached():
            return (*before, after) if event.by else before
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
    """The others, and the one whose field says the key."""
    others = tuple(each for each in items if getattr(each, field) != key)
    return others, tuple(each for each in items if getattr(each, field) == key)


def _contributed(row: CaseDocument, member_id: str, item_id: str) -> dict[str, Any]:
    """Who added what is kept, to take it away should they have themselves erased."""
    if member_id == row.author_id:
        return {}
    contribution = Contribution(member_id=member_id, item_id=item_id)
    return {
        "contributions": (*row.contributions, contribution),
        "contributors": _contributors(row, member_id),
    }


def _contributors(row: CaseDocument, member_id: str) -> tuple[str, ...]:
    others = {row.author_id, "", *row.contributors}
    return row.contributors if member_id in others else (*row.contributors, member_id)


def without_member(row: CaseDocument, member_id: str) -> CaseDocument:
    """The case without what an erased member had added to it; without evidence, it waits."""
    items = {each.item_id for each in row.contributions if each.member_id == member_id}
    places = row.places.without_member(MemberId(member_id))
    row = replace(
        row,
        evidence=tuple(each for each in row.evidence if each.evidence_id not in items),
        cited=tuple(each for each in row.cited if each.evidence_id not in items),
        places=places,
        location=places.current,
        tags=tuple(tag for tag in row.tags if _tag_item(tag) not in items),
    )
    return _named(
        replace(
            _as_backed(row),
            withheld=tuple(each for each in row.withheld if each.evidence_id not in items),
            parties=tuple(each for each in row.parties if each.party_id not in items),
            hidden_parties=tuple(each for each in row.hidden_parties if each.party_id not in items),
            contributions=tuple(
                replace(each, member_id="") if each.member_id == member_id else each
                for each in row.contributions
            ),
            contributors=tuple(each for each in row.contributors if each != member_id),
        )
    )


def with_party(row: CaseDocument, event: party.PartyEvent) -> CaseDocument:
    """The document after something was said of a party to the case."""
    match event:
        case party.PartyNamed():
            if not event.by or row.status is CaseStatus.ERASED:
                return row
            row = replace(row, **_contributed(row, event.by, event.party_id))
            return _named(replace(row, parties=(*row.parties, _party(row, event))))
        case party.PartyDisputed():
            dispute = Dispute(statement=event.statement, at=event.at)
            return replace(
                row,
                parties=_disputed(row.parties, event.party_id, dispute),
                hidden_parties=_disputed(row.hidden_parties, event.party_id, dispute),
            )
        case party.PartyRetracted():
            others = _parted(row.parties, "party_id", event.party_id)[0]
            hidden = _parted(row.hidden_parties, "party_id", event.party_id)[0]
            return _named(replace(row, parties=others, hidden_parties=hidden))
        case party.PartyHidden():
            others, found = _parted(row.parties, "party_id", event.party_id)
            hidden = (*row.hidden_parties, *found)
            return _named(replace(row, parties=others, hidden_parties=hidden))
        case party.PartyRestored():
            hidden, found = _parted(row.hidden_parties, "party_id", event.party_id)
            return _named(replace(row, parties=(*row.parties, *found), hidden_parties=hidden))
        case _:
            assert_never(event)


def _named(row: CaseDocument) -> CaseDocument:
    """With the names by which the case is found."""
    return replace(row, party_names=" ".join(each.name for each in row.parties))


def _party(row: CaseDocument, event: party.PartyNamed) -> Party:
    """An author who is anonymous stays so in what they add."""
    anonymous = event.role == "author" and row.author is None
    return Party(
        party_id=event.party_id,
        kind=event.details.kind,
        name=event.details.name,
        role=event.details.role,
        evidence=event.details.evidence,
        added_by=None if anonymous else Author(member_id=event.by, pseudonym=event.by_name),
        added_at=event.at,
    )


def _disputed(parties: tuple[Party, ...], party_id: str, dispute: Dispute) -> tuple[Party, ...]:
    return tuple(
        replace(each, disputes=(*each.disputes, dispute)) if each.party_id == party_id else each
        for each in parties
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
