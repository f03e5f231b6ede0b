"""What has become of a piece of evidence, and may it be shown?"""

from dataclasses import dataclass, replace
from typing import Annotated

from application.engine.query_service import Private, PrivateText, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import by, by_each
from domain.cases import case
from domain.cases.case import CaseStatus
from domain.evidence import evidence
from domain.evidence.evidence import EvidenceStatus
from domain.ids import MediaKind
from domain.members.member import MemberErased


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """A case that the evidence was accepted for, and who reported it."""

    case_id: str
    author_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDocument:
    """``sha256`` and ``size`` (bytes) are the original's, ``duration`` is in seconds.

    ``reason`` says why it was rejected, ``left_out`` what of the original is not shown, and why."""

    evidence_id: str
    status: EvidenceStatus = EvidenceStatus.RECEIVED
    kind: MediaKind | None = None
    sha256: str = ""
    size: int = 0
    duration: float | None = None
    reason: str | None = None
    left_out: str | None = None
    rendition_type: PrivateText = ""
    rendition_sha256: PrivateText = ""
    has_poster: Annotated[bool, Private()] = False
    owner_id: PrivateText = ""
    cases: Annotated[tuple[str, ...], Private()] = ()
    unseen_cases: Annotated[tuple[str, ...], Private()] = ()
    backings: Annotated[tuple[Backing, ...], Private()] = ()
    case_authors: Annotated[tuple[str, ...], Private()] = ()
    erased: Annotated[bool, Private()] = False


OfCase = (
    case.EvidenceAccepted
    | case.EvidenceReturned
    | case.EvidenceWithheld
    | case.EvidenceRetracted
    | case.CaseHidden
    | case.CaseRestored
    | case.CaseWithdrawn
)


class EvidenceItems(QueryService[EvidenceDocument]):
    """What has become of a piece of evidence, and may it be shown?

    Its owner always sees it, everybody else once it backs a public case.
    """

    name, version = "evidence", 4
    document, key, single = EvidenceDocument, "evidence_id", True
    indexes = (by_each("cases"), by_each("unseen_cases"), by("owner_id"), by_each("case_authors"))

    def project(
        self, event: evidence.EvidenceEvent | OfCase | MemberErased, rows: Rows[EvidenceDocument]
    ) -> None:
        match event:
            case evidence.EvidenceReceived():
                _update(
                    rows,
                    event.evidence_id,
                    kind=event.kind,
                    sha256=event.sha256,
                    size=event.size,
                    owner_id=event.owner,
                )
                if not event.owner:
                    rows.change(event.evidence_id, _erased)
            case evidence.SanitisingBegun():
                _update(rows, event.evidence_id, status=EvidenceStatus.SANITISING)
            case evidence.EvidenceMadeAvailable():
                _update(
                    rows,
                    event.evidence_id,
                    kind=event.kind,
                    status=EvidenceStatus.AVAILABLE,
                    duration=event.duration,
                    rendition_type=event.rendition_type,
                    rendition_sha256=event.rendition_sha256,
                    has_poster=event.has_poster,
                    left_out=event.left_out or None,
                )
            case evidence.EvidenceRejected():
                _update(
                    rows, event.evidence_id, status=EvidenceStatus.REJECTED, reason=event.reason
                )
            case MemberErased():
                for key in rows.keys_where("owner_id", event.member_id):
                    rows.change(key, _erased)
                for key in rows.keys_where("case_authors", event.member_id):
                    rows.change(key, lambda row: _without_author(row, event.member_id))
            case _:
                _hear_of_case(event, rows)

    def may_see(self, document: EvidenceDocument, viewer: Viewer) -> bool:
        known = document.kind is not None
        told = bool(document.cases) or viewer.moderates or viewer.is_member(document.owner_id)
        return document.erased or (known and told)

    def gone(self, document: EvidenceDocument) -> bool:
        return document.erased


def _row(rows: Rows[EvidenceDocument], key: str) -> EvidenceDocument:
    """The row; made where a later log's event came before the first of the evidence's own."""
    return rows.get(key) or EvidenceDocument(evidence_id=key)


def _erased(row: EvidenceDocument) -> EvidenceDocument:
    """What is left of an erased member's evidence, whatever may yet be heard of it."""
    return EvidenceDocument(evidence_id=row.evidence_id, erased=True)


def _without_author(row: EvidenceDocument, member_id: str) -> EvidenceDocument:
    """A case whose author was erased is gone, whoever's evidence backed it."""
    for backing in row.backings:
        if backing.author_id == member_id:
            row = _without(row, backing.case_id)
    return _accepted(row, *(each for each in row.backings if each.author_id != member_id))


def _accepted(row: EvidenceDocument, *backings: Backing) -> EvidenceDocument:
    authors = tuple(each.author_id for each in backings)
    return replace(row, backings=backings, case_authors=authors)


def _update(rows: Rows[EvidenceDocument], key: str, **changes: object) -> None:
    row = _row(rows, key)
    if not row.erased:
        rows.put(key, replace(row, **changes))  # type: ignore[arg-type]  # named by callers


def _without(row: EvidenceDocument, case_id: str) -> EvidenceDocument:
    return replace(
        row,
        cases=tuple(other for other in row.cases if other != case_id),
        unseen_cases=tuple(other for other in row.unseen_cases if other != case_id),
    )


def _backing(row: EvidenceDocument, case_id: str, *, seen: bool) -> EvidenceDocument:
    """The evidence backs the case, which can be seen or not."""
    row = _without(row, case_id)
    if seen:
        return replace(row, cases=(*row.cases, case_id))
    return replace(row, unseen_cases=(*row.unseen_cases, case_id))


def _returned(row: EvidenceDocument, event: case.EvidenceReturned) -> EvidenceDocument:
    """What was withheld meanwhile; of a case that was erased, nothing is known here."""
    known = any(backing.case_id == event.case_id for backing in row.backings)
    return _backing(row, event.case_id, seen=event.public) if known else row


def _hear_of_case(event: OfCase, rows: Rows[EvidenceDocument]) -> None:
    """Which cases the evidence backs, seen by all or not."""
    match event:
        case case.EvidenceAccepted() if event.author:
            row = _row(rows, event.evidence_id)
            backing = Backing(case_id=event.case_id, author_id=event.author)
            row = _accepted(row, *row.backings, backing)
            if not row.erased:
                rows.put(event.evidence_id, _backing(row, event.case_id, seen=event.public))
        case case.EvidenceReturned():
            rows.change(event.evidence_id, lambda row: _returned(row, event))
        case case.EvidenceWithheld() | case.EvidenceRetracted():
            rows.change(event.evidence_id, lambda row: _without(row, event.case_id))
        case case.CaseHidden():
            for key in rows.keys_where("cases", event.case_id):
                rows.change(key, lambda row: _backing(row, event.case_id, seen=False))
        case case.CaseRestored(status=CaseStatus.PUBLISHED):
            for key in rows.keys_where("unseen_cases", event.case_id):
                rows.change(key, lambda row: _backing(row, event.case_id, seen=True))
        case case.CaseWithdrawn():
            for field in ("cases", "unseen_cases"):
                for key in rows.keys_where(field, event.case_id):
                    rows.change(key, lambda row: _without(row, event.case_id))
        case case.EvidenceAccepted() | case.CaseRestored():
            pass
