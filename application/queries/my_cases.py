"""Which cases has the member reported, and what do they lack?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, assert_never

from application.engine.filters import equal
from application.engine.query_service import (
    ALIASES,
    Audience,
    Private,
    PrivateText,
    QueryService,
    Viewer,
)
from application.engine.rows import Rows
from application.ports.read_models import Find, OneOf, Side, Tables, by, by_range
from application.queries.anonymous_authors import remember_alias
from application.queries.case_document import (
    CitedEvidence,
    EvidenceProgress,
    cited_after,
    status_with,
)
from application.queries.hidden import HIDING, Hidden, HidingEvent, hidden_among, remember_hiding
from domain.cases import case_events as case
from domain.cases.case_details import CaseCategory, CaseStatus, CaseUnpublishedReason
from domain.cases.tags_and_place import TagOrPlaceEvent
from domain.evidence import evidence
from domain.evidence.evidence import EvidenceEvent, EvidenceStatus
from domain.ids import MediaKind
from domain.moderation.subject import SubjectKind, subject_key
from domain.personal import PersonalText
from domain.times import told


class Missing(StrEnum):
    """What a case that awaits evidence waits for.

    ``evidence``: that the author attaches some that can be accepted. ``upload``: that a file which
    the case cites arrives. ``check``: that a file which has arrived is found safe to show.
    """

    EVIDENCE = "evidence"
    UPLOAD = "upload"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class MyEvidence:
    """A piece of evidence that the case cites.

    ``progress`` is what has become of it in the case, ``status`` what has become of the file; None
    until it has arrived. ``reason`` says why it was refused or rejected and what to do,
    ``left_out`` what of the original is not shown, and why.
    """

    evidence_id: str
    progress: EvidenceProgress
    status: EvidenceStatus | None = None
    kind: MediaKind | None = None
    reason: str | None = None
    left_out: str | None = None
    hidden: Hidden | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MyCase:
    """A case of the member who asks, whatever its status.

    Times before a delayed publication are None. ``place`` is that of the case in the log.
    """

    case_id: str
    status: CaseStatus = CaseStatus.AWAITING_EVIDENCE
    missing: Missing | None = None
    hidden: Hidden | None = None
    title: PersonalText
    category: CaseCategory
    anonymous: bool
    evidence: tuple[MyEvidence, ...] = ()
    reported_at: datetime | None
    published_at: datetime | None = None
    updated_at: datetime | None
    version: int
    author_id: PrivateText
    place: PrivateText
    cited: Annotated[tuple[CitedEvidence, ...], Private()] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    """A file that has arrived. Whose it is, only the cases that cite it tell."""

    kind: MediaKind
    status: EvidenceStatus = EvidenceStatus.RECEIVED
    reason: str | None = None
    left_out: str | None = None


class MyCases(QueryService[MyCase]):
    """Which cases has the member reported, and what do they lack?"""

    name = "my-cases"
    document, key = MyCase, "case_id"
    path, audience = "/me/cases", Audience.MEMBERS
    indexes = (by("author_id"), by("case_id"), by_range("place"))
    sides = (Side(EvidenceFile), *HIDING, ALIASES)

    def project(
        self, event: case.CaseEvent | EvidenceEvent | HidingEvent, rows: Rows[MyCase]
    ) -> None:
        match event:
            case case.CaseReported():
                remember_alias(rows, event)
                rows.put(event.case_id, _reported(event, rows))
            case case.CaseErased():
                remember_alias(rows, event)
                rows.delete(event.case_id)
            case _ if isinstance(event, EvidenceEvent):
                _project_file(event, rows)
            case _ if isinstance(event, HidingEvent):
                remember_hiding(rows, event)
            case _:
                rows.change(event.case_id, lambda row: _changed(row, event, rows.version))

    def ask(self, viewer: Viewer, *, case_id: str | None = None) -> Find:
        """The cases of the member who asks, also those that nobody else sees, the newest first.

        `missing` says what a case that awaits evidence waits for: `evidence` that can be accepted,
        the `upload` of a file, or the `check` of one that has arrived.
        """
        where = (OneOf("author_id", viewer.ids), *equal(case_id=case_id))
        return Find(where=where, order_by="place")

    def completed(self, documents: Sequence[MyCase], tables: Tables[MyCase]) -> Sequence[MyCase]:
        items = [cited.evidence_id for row in documents for cited in row.cited]
        files = tables.side(EvidenceFile).get(items)
        keys = [subject_key(SubjectKind.EVIDENCE, item) for item in items]
        keys += [subject_key(SubjectKind.CASE, row.case_id) for row in documents]
        hidden = hidden_among(tables, keys)
        return [_completed(row, files, hidden) for row in documents]


def _reported(event: case.CaseReported, rows: Rows[MyCase]) -> MyCase:
    return MyCase(
        case_id=event.case_id,
        title=event.details.title,
        category=event.details.category,
        anonymous=event.anonymous,
        reported_at=told(event.at),
        updated_at=told(event.at),
        version=rows.version,
        place=f"{rows.position:020}",
        author_id=event.author,
        cited=tuple(CitedEvidence(evidence_id=item) for item in event.evidence),
    )


def _changed(row: MyCase, event: case.CaseEvent, version: int) -> MyCase:
    row = replace(row, **_changes(row, event), updated_at=told(event.at), version=version)
    return replace(row, status=status_with(row.cited, row.status))


def _changes(row: MyCase, event: case.CaseEvent) -> dict[str, Any]:
    match event:
        case case.CaseAmended(details=details):
            return {"title": details.title, "category": details.category}
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
        case case.ContributionErased(evidence=erased):
            return {"cited": tuple(each for each in row.cited if each.evidence_id not in erased)}
        case _ if isinstance(event, case.CaseEvidenceEvent):
            return {"cited": tuple(cited_after(row.cited, event))}
        case case.CaseReported() | case.CaseErased() | case.CaseReleased() | case.CaseUnpublished():
            return {}  # the row and the status follow from other branches and events
        case case.EvidenceShown() | case.EvidenceConcealed() | case.PartyAdded():
            return {}  # a case of the list shows neither what others see nor parties
        case _ if isinstance(event, case.ProposalEvent | TagOrPlaceEvent):
            return {}
        case _:
            assert_never(event)


def _project_file(event: EvidenceEvent, rows: Rows[MyCase]) -> None:
    table, key = rows.table(EvidenceFile), event.evidence_id
    match event:
        case evidence.EvidenceReceived():
            table.put(key, EvidenceFile(kind=event.kind))
        case evidence.EvidenceErased():
            table.delete(key)
        case _:
            table.change(key, lambda row: replace(row, **_of_file(event)))


def _of_file(event: EvidenceEvent) -> dict[str, Any]:
    match event:
        case evidence.EvidenceMadeAvailable(kind=kind, left_out=left_out):
            status = EvidenceStatus.AVAILABLE
            return {"status": status, "kind": kind, "left_out": left_out or None}
        case evidence.EvidenceRejected(reason=reason):
            return {"status": EvidenceStatus.REJECTED, "reason": reason}
        case _:
            return {"status": EvidenceStatus.SANITISING}


def _completed(
    row: MyCase, files: Mapping[str, EvidenceFile], hidden: Mapping[str, Hidden]
) -> MyCase:
    """Return the case with what the files that it cites have come to, and why it is hidden."""
    items = tuple(
        _item(
            cited,
            files.get(cited.evidence_id),
            hidden.get(subject_key(SubjectKind.EVIDENCE, cited.evidence_id)),
        )
        for cited in row.cited
    )
    return replace(
        row,
        evidence=items,
        missing=_missing(items) if row.status is CaseStatus.AWAITING_EVIDENCE else None,
        hidden=hidden.get(subject_key(SubjectKind.CASE, row.case_id)),
    )


def _item(cited: CitedEvidence, file: EvidenceFile | None, hidden: Hidden | None) -> MyEvidence:
    item = MyEvidence(
        evidence_id=cited.evidence_id, progress=cited.progress, reason=cited.reason, hidden=hidden
    )
    if file is None:
        return item
    reason = cited.reason or file.reason
    return replace(item, status=file.status, kind=file.kind, reason=reason, left_out=file.left_out)


def _missing(items: Sequence[MyEvidence]) -> Missing:
    awaited = [item for item in items if item.progress is EvidenceProgress.AWAITED]
    if not awaited:
        return Missing.EVIDENCE
    return Missing.CHECK if any(item.status for item in awaited) else Missing.UPLOAD
