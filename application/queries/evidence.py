"""What has become of a piece of evidence, and may it be shown?"""

from dataclasses import dataclass, replace
from typing import Annotated, assert_never

from application.engine.filters import equal
from application.engine.query_service import Private, PrivateText, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, by, by_each
from domain.cases.case_events import EvidenceConcealed, EvidenceShown
from domain.evidence import evidence
from domain.evidence.evidence import EvidenceEvent, EvidenceStatus
from domain.ids import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDocument:
    """``sha256``, ``size`` (bytes) and ``duration`` (seconds) are those of the rendition.

    ``commitment`` fixes the original without revealing it: only the owner can open it. ``reason``
    says why it was rejected, ``left_out`` what of the original is not shown, and why.
    """

    evidence_id: str
    status: EvidenceStatus = EvidenceStatus.RECEIVED
    kind: MediaKind | None = None
    sha256: str | None = None
    size: int | None = None
    commitment: str = ""
    duration: float | None = None
    reason: str | None = None
    left_out: str | None = None
    media_type: PrivateText = ""
    has_poster: Annotated[bool, Private()] = False
    owner_id: PrivateText = ""
    cases: Annotated[tuple[str, ...], Private()] = ()
    erased: Annotated[bool, Private()] = False


class EvidenceItems(QueryService[EvidenceDocument]):
    """What has become of a piece of evidence, and may it be shown?"""

    name, version = "evidence", 6
    document, key, owner, single = EvidenceDocument, "evidence_id", "owner_id", True
    path, item_path = "/cases/<uuid:case_id>/evidence", "/evidence"
    indexes = (by("status"), by_each("cases"))

    def project(
        self, event: EvidenceEvent | EvidenceShown | EvidenceConcealed, rows: Rows[EvidenceDocument]
    ) -> None:
        key = event.evidence_id
        # Of the logs of evidence and cases, either may be read first.
        row = rows.get(key) or EvidenceDocument(evidence_id=key)
        rows.put(key, row if row.erased else _changed(row, event))

    def ask(self, *, case_id: str = "") -> Find:
        """The evidence that everybody who can see the case can see."""
        return Find(where=equal(status=EvidenceStatus.AVAILABLE, cases=case_id), descending=False)

    def is_public(self, document: EvidenceDocument) -> bool:
        return document.erased or bool(document.cases)

    def may_see(self, document: EvidenceDocument, viewer: Viewer) -> bool:
        """Return whether the viewer may see the evidence, and its own events are projected."""
        received = document.kind is not None
        return document.erased or (received and super().may_see(document, viewer))

    def is_erased(self, document: EvidenceDocument) -> bool:
        return document.erased


def _changed(
    row: EvidenceDocument, event: EvidenceEvent | EvidenceShown | EvidenceConcealed
) -> EvidenceDocument:
    match event:
        case EvidenceShown():
            return replace(row, cases=(*row.cases, event.case_id))
        case EvidenceConcealed():
            return replace(row, cases=tuple(each for each in row.cases if each != event.case_id))
        case evidence.EvidenceReceived():
            kind, commitment, owner = event.kind, event.commitment, event.owner
            return replace(row, kind=kind, commitment=commitment, owner_id=owner)
        case evidence.SanitisingBegun():
            return replace(row, status=EvidenceStatus.SANITISING)
        case evidence.EvidenceMadeAvailable():
            return replace(
                row,
                kind=event.kind,
                status=EvidenceStatus.AVAILABLE,
                duration=event.duration,
                media_type=event.media_type,
                sha256=event.sha256,
                size=event.size,
                has_poster=event.has_poster,
                left_out=event.left_out or None,
            )
        case evidence.EvidenceRejected():
            return replace(row, status=EvidenceStatus.REJECTED, reason=event.reason)
        case evidence.EvidenceErased():
            return EvidenceDocument(evidence_id=row.evidence_id, erased=True)
        case _:
            assert_never(event)
