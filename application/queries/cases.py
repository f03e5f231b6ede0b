"""Which cases are there, and what does one look like now?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Annotated, Any

from application.ports.read_models import Find, by, by_each, by_point, by_words
from application.queries.filters import Box, Point, between, equal, in_box, near, with_words
from application.queries.query_service import PrivateText, QueryService, Viewer
from application.queries.rows import Rows
from domain.cases import case, engagement
from domain.cases.case import CaseCategory, CaseDetails, CaseStatus
from domain.cases.engagement import ShareNetwork
from domain.cases.place import Location
from domain.ids import Limits, MediaKind
from domain.members.member import MemberErased


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShares:
    network: ShareNetwork
    shares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDocument:
    """A case as it may be seen. A new plain property of a case goes here, with a default."""

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
    parties: tuple[str, ...] = ()
    supports: int = 0
    followers: int = 0
    shares: int = 0
    shares_by_network: tuple[NetworkShares, ...] = ()
    comments: int = 0
    reported_at: datetime
    published_at: datetime | None = None
    updated_at: datetime
    version: int = 1
    author_id: PrivateText = ""


class Cases(QueryService[CaseDocument]):
    """Which cases are there, and what does one look like now?"""

    name, version, topics = "cases", 2, ("cases", "members")
    document, key, single = CaseDocument, "case_id", True
    streams = ("cases", "case")
    indexes = (
        by("status"),
        by("published_at"),
        by("category"),
        by("author_id"),
        by_each("tags"),
        by_point("location"),
        by_words("words", "title", "story"),
    )

    def project(self, event: object, rows: Rows[CaseDocument]) -> None:
        match event:
            case case.CaseReported():
                rows.put(event.case_id, reported(event))
            case (
                case.EvidenceAttached()
                | case.EvidenceAccepted()
                | case.CasePublished()
                | case.CaseAmended()
                | case.CaseLocated()
                | case.CaseTagged()
                | case.CaseUntagged()
                | case.CaseWithdrawn()
            ):
                rows.change(event.case_id, lambda row: changed(row, event))
            case engagement.CaseSupported():
                rows.change(event.case_id, lambda row: replace(row, supports=row.supports + 1))
            case engagement.SupportWithdrawn():
                rows.change(event.case_id, lambda row: replace(row, supports=row.supports - 1))
            case engagement.CaseFollowed():
                rows.change(event.case_id, lambda row: replace(row, followers=row.followers + 1))
            case engagement.CaseUnfollowed():
                rows.change(event.case_id, lambda row: replace(row, followers=row.followers - 1))
            case engagement.CaseShared():
                rows.change(event.case_id, lambda row: shared(row, event.network))
            case MemberErased():
                for key in rows.keys_where("author_id", event.member_id):
                    rows.change(key, erased)

    def ask(
        self,
        viewer: Viewer,  # noqa: ARG002 - everybody gets the same list
        *,
        category: CaseCategory | None = None,
        tag: str | None = None,
        q: str | None = None,
        bbox: Box | None = None,
        near_: Point | None = None,
        within_km: Annotated[float, Limits(0.1, 2000)] = 10.0,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> Find:
        """Public cases, the newest first."""
        return Find(
            where=(
                *equal(status=CaseStatus.PUBLISHED, category=category, tags=tag),
                *with_words("words", q),
                *in_box("location", bbox),
                *near("location", near_, within_km),
                *between("published_at", created_after, created_before),
            ),
            order_by="published_at",
        )

    def may_see(self, document: CaseDocument, viewer: Viewer) -> bool:
        public = document.status in (CaseStatus.PUBLISHED, CaseStatus.ERASED)
        return public or viewer.moderates or viewer.is_member(document.author_id)

    def as_it_stood(self, events: Sequence[object]) -> CaseDocument | None:
        document = None
        for event in events:
            match event:
                case case.CaseReported():
                    document = reported(event)
                case _ if document is not None:
                    document = changed(document, event)
        return document

    def gone(self, document: CaseDocument) -> bool:
        return document.status is CaseStatus.ERASED


def reported(event: case.CaseReported) -> CaseDocument:
    """The document of a new case."""
    author = Author(member_id=event.author, pseudonym=event.author_name)
    return CaseDocument(
        case_id=event.case_id,
        status=CaseStatus.AWAITING_EVIDENCE if event.author else CaseStatus.ERASED,
        location=event.location,
        tags=event.tags,
        author=None if event.anonymous or not event.author else author,
        author_id=event.author,
        reported_at=event.at,
        updated_at=event.at,
        **_shown(event.details),
    )


def changed(row: CaseDocument, event: Any) -> CaseDocument:
    """The document after one more event of its case's stream, whose version it counts."""
    return replace(row, **_changes(row, event), updated_at=event.at, version=row.version + 1)


def shared(row: CaseDocument, network: ShareNetwork) -> CaseDocument:
    """The document after somebody shared the case there."""
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


def _changes(row: CaseDocument, event: Any) -> dict[str, Any]:
    if row.status is CaseStatus.ERASED:
        return {}
    match event:
        case case.EvidenceAccepted():
            return {"evidence": (*row.evidence, _exhibit(event))}
        case case.CasePublished():
            return {"status": CaseStatus.PUBLISHED, "published_at": event.at}
        case case.CaseAmended():
            return _shown(event.details)
        case case.CaseLocated():
            return {"location": event.location}
        case case.CaseTagged():
            return {"tags": (*row.tags, event.tag)}
        case case.CaseUntagged():
            return {"tags": tuple(tag for tag in row.tags if tag != event.tag)}
        case case.CaseWithdrawn():
            return {"status": CaseStatus.WITHDRAWN}
        case _:
            return {}


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
