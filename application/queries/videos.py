"""Which videos back the public cases?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from application.engine.query_service import HasMedia, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, by_range
from domain.cases.case_events import EvidenceConcealed, EvidenceShown
from domain.ids import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    evidence_id: Annotated[str, HasMedia()]
    case_id: str
    sha256: str
    accepted_at: datetime


class Videos(QueryService[Video]):
    """Which videos back the public cases?"""

    name, version = "videos", 5
    document, key, indexes = Video, "evidence_id", (by_range("accepted_at"),)

    def project(self, event: EvidenceShown | EvidenceConcealed, rows: Rows[Video]) -> None:
        match event:
            case EvidenceShown(kind=MediaKind.VIDEO):
                rows.put(f"{event.case_id}/{event.evidence_id}", _video(event))
            case EvidenceShown():
                pass
            case EvidenceConcealed():
                rows.delete(f"{event.case_id}/{event.evidence_id}")

    def ask(self) -> Find:
        """Videos of public cases, the newest first."""
        return Find(order_by="accepted_at")


def _video(event: EvidenceShown) -> Video:
    return Video(
        evidence_id=event.evidence_id,
        case_id=event.case_id,
        sha256=event.sha256,
        accepted_at=event.accepted_at,
    )
