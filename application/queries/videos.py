"""Which videos back the public cases?"""

from dataclasses import dataclass
from datetime import datetime

from application.ports.read_models import Find, by
from application.queries.query_service import PrivateText, QueryService, Viewer
from application.queries.rows import Rows
from domain.cases.case import CaseWithdrawn, EvidenceAccepted
from domain.ids import MediaKind
from domain.members.member import MemberErased


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    evidence_id: str
    case_id: str
    sha256: str
    poster_url: str
    content_url: str
    accepted_at: datetime
    author_id: PrivateText = ""


class Videos(QueryService[Video]):
    """Which videos back the public cases?"""

    name, version, topics = "videos", 1, ("cases", "members")
    document, key = Video, "evidence_id"
    indexes = (by("accepted_at"), by("case_id"), by("author_id"))

    def project(self, event: object, rows: Rows[Video]) -> None:
        match event:
            case EvidenceAccepted(kind=MediaKind.VIDEO) if event.author:
                rows.put(f"{event.case_id}/{event.evidence_id}", _video(event))
            case CaseWithdrawn():
                for key in rows.keys_where("case_id", event.case_id):
                    rows.delete(key)
            case MemberErased():
                for key in rows.keys_where("author_id", event.member_id):
                    rows.delete(key)

    def ask(self, viewer: Viewer) -> Find:  # noqa: ARG002 - everybody gets the same list
        """Videos of public cases, the newest first."""
        return Find(order_by="accepted_at")


def _video(event: EvidenceAccepted) -> Video:
    at = f"/v1/evidence/{event.evidence_id}"
    return Video(
        evidence_id=event.evidence_id,
        case_id=event.case_id,
        sha256=event.sha256,
        poster_url=f"{at}/poster",
        content_url=f"{at}/content",
        accepted_at=event.at,
        author_id=event.author,
    )
