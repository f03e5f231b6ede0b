"""Which videos back the public cases?"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from application.engine.filters import equal
from application.engine.query_service import Private, PrivateText, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, by
from domain.cases import case
from domain.cases.case import CaseStatus
from domain.ids import MediaKind
from domain.members.member import MemberErased


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    evidence_id: str
    case_id: str
    sha256: str = ""
    poster_url: str = ""
    content_url: str = ""
    accepted_at: datetime
    author_id: PrivateText = ""
    owner_id: PrivateText = ""
    accepted: Annotated[bool, Private()] = False
    public: Annotated[bool, Private()] = False


Projected = (
    case.EvidenceAttached
    | case.EvidenceAccepted
    | case.EvidenceWithheld
    | case.EvidenceReturned
    | case.EvidenceRetracted
    | case.CaseRestored
    | case.CaseHidden
    | case.CaseWithdrawn
    | MemberErased
)


class Videos(QueryService[Video]):
    """Which videos back the public cases?"""

    name, version = "videos", 3
    document, key = Video, "evidence_id"
    indexes = (
        by("accepted_at"),
        by("accepted"),
        by("public"),
        by("case_id"),
        by("author_id"),
        by("owner_id"),
    )

    def project(self, event: Projected, rows: Rows[Video]) -> None:
        match event:
            case case.EvidenceAttached():
                rows.put(_key(event), _attached(event))
            case case.EvidenceAccepted(kind=MediaKind.VIDEO) if event.author:
                row = rows.get(_key(event))
                if row is None or row.owner_id:
                    rows.put(_key(event), _accepted(event, row))
            case case.EvidenceWithheld() | case.EvidenceReturned():
                rows.change(_key(event), lambda row: _withheld_or_returned(row, event))
            case case.EvidenceRetracted():
                rows.delete(_key(event))
            case case.CaseRestored():
                _publish(rows, event.case_id, public=event.status is CaseStatus.PUBLISHED)
            case case.CaseHidden():
                _publish(rows, event.case_id, public=False)
            case case.CaseWithdrawn():
                for key in rows.keys_where("case_id", event.case_id):
                    rows.delete(key)
            case MemberErased():
                for key in rows.keys_where("author_id", event.member_id):
                    rows.delete(key)
                for key in rows.keys_where("owner_id", event.member_id):
                    rows.change(key, _without_owner)
            case case.EvidenceAccepted():
                pass

    def ask(self) -> Find:
        """Videos of public cases, the newest first."""
        return Find(where=equal(accepted=True, public=True), order_by="accepted_at")


Evidence = (
    case.EvidenceAttached
    | case.EvidenceAccepted
    | case.EvidenceWithheld
    | case.EvidenceReturned
    | case.EvidenceRetracted
)


def _key(event: Evidence) -> str:
    return f"{event.case_id}/{event.evidence_id}"


def _attached(event: case.EvidenceAttached) -> Video:
    """Whose it is, before it is known to be a video; nobody's, once they were erased."""
    return Video(
        evidence_id=event.evidence_id,
        case_id=event.case_id,
        accepted_at=event.at,
        owner_id=event.by,
    )


def _accepted(event: case.EvidenceAccepted, row: Video | None) -> Video:
    at = f"/v1/evidence/{event.evidence_id}"
    return Video(
        evidence_id=event.evidence_id,
        case_id=event.case_id,
        sha256=event.sha256,
        poster_url=f"{at}/poster",
        content_url=f"{at}/content",
        accepted_at=event.at,
        author_id=event.author,
        owner_id=row.owner_id if row else event.author,
        accepted=True,
        public=event.public,
    )


def _withheld_or_returned(
    row: Video, event: case.EvidenceWithheld | case.EvidenceReturned
) -> Video:
    if isinstance(event, case.EvidenceWithheld):
        return replace(row, accepted=False)
    return replace(row, accepted=bool(row.sha256), public=event.public)


def _without_owner(row: Video) -> Video:
    """What is left shows nothing, and keeps what is yet to be heard of it from doing so."""
    return Video(evidence_id=row.evidence_id, case_id=row.case_id, accepted_at=row.accepted_at)


def _publish(rows: Rows[Video], case_id: str, *, public: bool) -> None:
    for key in rows.keys_where("case_id", case_id):
        rows.change(key, lambda row: replace(row, public=public))
