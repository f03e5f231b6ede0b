"""What waits for a moderator to decide?"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from application.ports.read_models import Find, by, by_each
from application.queries.filters import equal
from application.queries.query_service import Audience, Private, PrivateText, QueryService, Viewer
from application.queries.rows import Rows
from domain.cases.case import CaseAmended, CaseReported
from domain.cases.party import PartyNamed
from domain.discussions.comment import CommentEdited, CommentWritten
from domain.members.member import MemberErased, MemberRegistered
from domain.moderation.decision import AppealResolved, DecisionAppealed, DecisionMade
from domain.moderation.flag import FlagRaised
from domain.moderation.subject import (
    FlagWeighed,
    SubjectDecided,
    SubjectHidden,
    SubjectKind,
    SubjectRegistered,
    SubjectRestored,
    subject_key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A flag as moderators see it: never whose it is."""

    rule: str
    note: str
    weight: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    decision_id: str
    statement: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """A subject with all that is needed to judge it, even while it is hidden from others."""

    subject_kind: SubjectKind
    subject_id: str
    case_id: str | None = None
    text: str = ""
    hidden: bool = False
    weight: float = 0.0
    flags: tuple[Complaint, ...] = ()
    decision_id: str | None = None
    appeal: Appeal | None = None
    waiting_since: datetime | None = None
    waits: Annotated[bool, Private()] = False
    author_id: PrivateText = ""
    flaggers: Annotated[tuple[str, ...], Private()] = ()
    row_id: PrivateText = ""


SETTLED: dict[str, Any] = {
    "flags": (),
    "flaggers": (),
    "weight": 0.0,
    "appeal": None,
    "waits": False,
    "waiting_since": None,
}


class ModerationQueue(QueryService[QueueItem]):
    """What waits for a moderator to decide?"""

    name, version = "moderation-queue", 1
    topics = ("moderation", "cases", "discussions", "members")
    document, key = QueueItem, "row_id"
    path, audience = "/moderation/queue", Audience.MODERATORS
    indexes = (
        by("waits"),
        by("weight"),
        by("subject_kind"),
        by("author_id"),
        by_each("flaggers"),
    )

    def project(self, event: object, rows: Rows[QueueItem]) -> None:
        match event:
            case SubjectRegistered():
                _change(rows, event, case_id=event.case_id or None, author_id=event.author)
            case FlagRaised():
                complaint = Complaint(
                    rule=event.rule, note=event.note, weight=event.weight, at=event.at
                )
                row = _row(rows, event.subject_kind, event.subject_id)
                _change(
                    rows,
                    event,
                    flags=(*row.flags, complaint),
                    flaggers=(*row.flaggers, event.by),
                    **_waiting(row, event.at),
                )
            case FlagWeighed():
                row = _row(rows, event.subject_kind, event.subject_id)
                _change(rows, event, weight=row.weight + event.weight)
            case SubjectHidden() | SubjectRestored():
                _change(rows, event, hidden=isinstance(event, SubjectHidden))
            case DecisionMade():
                _change(rows, event, decision_id=event.decision_id)
            case SubjectDecided():
                row = _row(rows, event.subject_kind, event.subject_id)
                _change(rows, event, **_settled(row, event.decision_id))
            case AppealResolved():
                _change(rows, event, **SETTLED)
            case DecisionAppealed():
                appeal = Appeal(
                    decision_id=event.decision_id, statement=event.statement, at=event.at
                )
                row = _row(rows, event.subject_kind, event.subject_id)
                _change(rows, event, appeal=appeal, **_waiting(row, event.at))
            case MemberErased(member_id=member_id):
                for row_key in rows.keys_where("author_id", member_id):
                    rows.change(row_key, lambda row: replace(row, text="", appeal=None))
                for row_key in rows.keys_where("flaggers", member_id):
                    rows.change(row_key, lambda row: _without_notes(row, member_id))
            case _:
                _hear_what_was_said(event, rows)

    def ask(self, viewer: Viewer, *, kind: SubjectKind | None = None) -> Find:  # noqa: ARG002 - all moderators see all
        """What was flagged or appealed, the heaviest first (moderators)."""
        return Find(where=equal(waits=True, subject_kind=kind), order_by="weight")


def _row(rows: Rows[QueueItem], kind: SubjectKind, subject_id: str) -> QueueItem:
    key = subject_key(kind, subject_id)
    return rows.get(key) or QueueItem(subject_kind=kind, subject_id=subject_id, row_id=key)


def _change(rows: Rows[QueueItem], event: Any, **changes: Any) -> None:
    row = _row(rows, event.subject_kind, event.subject_id)
    rows.put(row.row_id, replace(row, **changes))


def _tell(rows: Rows[QueueItem], kind: SubjectKind, subject_id: str, text: str) -> None:
    row = _row(rows, kind, subject_id)
    rows.put(row.row_id, replace(row, text=text))


def _waiting(row: QueueItem, at: datetime) -> dict[str, Any]:
    return {"waits": True, "waiting_since": row.waiting_since or at}


def _settled(row: QueueItem, decision_id: str) -> dict[str, Any]:
    """What a decision settles; an appeal against itself, which may come first, goes on waiting."""
    if row.appeal is None or row.appeal.decision_id != decision_id:
        return SETTLED
    since = {"waits": True, "waiting_since": row.appeal.at}
    return {**SETTLED, "appeal": row.appeal, **since}


def _without_notes(row: QueueItem, member_id: str) -> QueueItem:
    """The flags still count; what an erased member wrote with theirs is gone."""
    flags = tuple(
        replace(flag, note="") if flagger == member_id else flag
        for flag, flagger in zip(row.flags, row.flaggers, strict=True)
    )
    return replace(row, flags=flags)


def _hear_what_was_said(event: object, rows: Rows[QueueItem]) -> None:
    match event:
        case CaseReported(case_id=subject_id) | CaseAmended(case_id=subject_id):
            text = f"{event.details.title}\n\n{event.details.story}"
            _tell(rows, SubjectKind.CASE, subject_id, text)
        case PartyNamed():
            text = f"{event.details.name}: {event.details.role}"
            _tell(rows, SubjectKind.PARTY, event.party_id, text)
        case CommentWritten(comment_id=subject_id) | CommentEdited(comment_id=subject_id):
            _tell(rows, SubjectKind.COMMENT, subject_id, event.text)
        case MemberRegistered():
            _tell(rows, SubjectKind.MEMBER, event.member_id, event.pseudonym)
