"""What waits for a moderator to decide?"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from application.engine.filters import equal
from application.engine.query_service import (
    Audience,
    Private,
    PrivateText,
    QueryService,
)
from application.engine.rows import Rows
from application.ports.read_models import Find, by, by_range
from domain.cases.case_events import CaseAmended, CaseReported
from domain.cases.party import PartyDisputed, PartyNamed, StatementErased
from domain.discussions.comment import CommentEdited, CommentWritten
from domain.members.member import (
    MemberErased,
    MemberRegistered,
    MemberReinstated,
    SuspensionAppealed,
    SuspensionUpheld,
)
from domain.moderation.decision import (
    AppealResolved,
    AppealSigned,
    AppellantForgotten,
    DecisionAppealed,
)
from domain.moderation.flag import FlaggerForgotten, FlagRaised, FlagSigned
from domain.moderation.record import MODERATORS_WEIGHT
from domain.moderation.subject import (
    AppealSetAside,
    AuthorForgotten,
    FlagsAnswered,
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
    """A flag as moderators see it, without the member who raised it."""

    rule: str
    note: str
    weight: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """Against a decision. It waits for another moderator than the one who decided."""

    decision_id: str
    statement: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the author of the subject says."""

    statement: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """A subject with all that is needed to judge it, even while it is hidden from others.

    ``answer`` is what its author says to the flags. ``suspension_appeal`` is what a member says to
    their suspension; it waits for another moderator than the one who suspended them. ``rank`` is
    ``weight``, and one more for each statement of the author: it ranks like a moderator's flag.
    """

    subject_kind: SubjectKind
    subject_id: str
    case_id: str | None = None
    text: str = ""
    hidden: bool = False
    weight: float = 0.0
    flags: tuple[Complaint, ...] = ()
    decision_id: str | None = None
    appeal: Appeal | None = None
    answer: Statement | None = None
    suspension_appeal: Statement | None = None
    waiting_since: datetime | None = None
    waits: Annotated[bool, Private()] = False
    rank: Annotated[float, Private()] = 0.0
    flag_ids: Annotated[tuple[str, ...], Private()] = ()
    row_id: PrivateText = ""


Said = (
    CaseReported
    | CaseAmended
    | PartyNamed
    | PartyDisputed
    | StatementErased
    | CommentWritten
    | CommentEdited
    | MemberRegistered
)

OfSuspension = SuspensionAppealed | SuspensionUpheld | MemberReinstated | MemberErased

OfAppeal = DecisionAppealed | AppealSigned | AppellantForgotten | AppealResolved | AppealSetAside

Judged = (
    SubjectRegistered
    | AuthorForgotten
    | SubjectHidden
    | SubjectRestored
    | SubjectDecided
    | FlagRaised
    | FlagSigned
    | FlaggerForgotten
    | FlagWeighed
    | FlagsAnswered
)


class ModerationQueue(QueryService[QueueItem]):
    """What waits for a moderator to decide?"""

    name, version = "moderation-queue", 4
    document, key = QueueItem, "row_id"
    path, audience = "/moderation/queue", Audience.MODERATORS
    indexes = (by("waits"), by_range("rank"), by("subject_kind"), by("subject_id"))

    def project(
        self, event: Judged | OfAppeal | OfSuspension | Said, rows: Rows[QueueItem]
    ) -> None:
        match event:
            case SubjectRegistered():
                _change(rows, event, case_id=event.case_id or None)
            case AuthorForgotten():
                _change(rows, event, case_id=event.case_id or None, text="", answer=None)
            case SubjectHidden() | SubjectRestored():
                _change(rows, event, hidden=isinstance(event, SubjectHidden))
            case SubjectDecided():
                row = _row(rows, event.subject_kind, event.subject_id)
                rows.put(row.row_id, _settled(row, event))
            case FlagRaised():
                row = _row(rows, event.subject_kind, event.subject_id)
                flags = (*row.flags, _complaint(event))
                _change(rows, event, flags=flags, flag_ids=(*row.flag_ids, event.flag_id))
            case FlagSigned():
                _change_flag(rows, event, note=event.note)
            case FlaggerForgotten():
                _change_flag(rows, event, note="")
            case FlagWeighed():
                row = _row(rows, event.subject_kind, event.subject_id)
                _change(rows, event, weight=row.weight + event.weight)
                _change_flag(rows, event, weight=event.weight)
            case FlagsAnswered():
                _change(rows, event, answer=Statement(statement=event.statement, at=event.at))
            case _ if isinstance(event, OfAppeal):
                _project_appeal(event, rows)
            case _ if isinstance(event, OfSuspension):
                _project_suspension(event, rows)
            case _:
                _project_text(event, rows)

    def ask(self, *, kind: SubjectKind | None = None, subject: str | None = None) -> Find:
        """What was flagged or appealed, the heaviest first (moderators).

        An appeal, and an author's answer to flags, add as much as the flag of a moderator.
        """
        where = equal(waits=True, subject_kind=kind, subject_id=subject)
        return Find(where=where, order_by="rank")


def _row(rows: Rows[QueueItem], kind: SubjectKind, subject_id: str) -> QueueItem:
    key = subject_key(kind, subject_id)
    return rows.get(key) or QueueItem(subject_kind=kind, subject_id=subject_id, row_id=key)


def _change(rows: Rows[QueueItem], event: Any, **changes: Any) -> None:
    row = _row(rows, event.subject_kind, event.subject_id)
    rows.put(row.row_id, _waiting(replace(row, **changes)))


def _project_appeal(event: OfAppeal, rows: Rows[QueueItem]) -> None:
    match event:
        case DecisionAppealed():
            appeal = Appeal(decision_id=event.decision_id, statement="", at=event.at)
            _change(rows, event, appeal=appeal)
        case AppealSigned():
            _change_statement(rows, event, event.statement)
        case AppellantForgotten():
            _change_statement(rows, event, "")
        case _:
            row = _row(rows, event.subject_kind, event.subject_id)
            if row.appeal and row.appeal.decision_id == event.decision_id:
                _change(rows, event, appeal=None)


def _project_suspension(event: OfSuspension, rows: Rows[QueueItem]) -> None:
    row = _row(rows, SubjectKind.MEMBER, event.member_id)
    appeal = None
    if isinstance(event, SuspensionAppealed):
        appeal = Statement(statement=event.statement, at=event.at)
    rows.put(row.row_id, _waiting(replace(row, suspension_appeal=appeal)))


def _change_flag(
    rows: Rows[QueueItem], event: FlagSigned | FlaggerForgotten | FlagWeighed, **changes: Any
) -> None:
    row = _row(rows, event.subject_kind, event.subject_id)
    flags = zip(row.flag_ids, row.flags, strict=True)
    changed = (replace(flag, **changes) if key == event.flag_id else flag for key, flag in flags)
    _change(rows, event, flags=tuple(changed))


def _change_statement(
    rows: Rows[QueueItem], event: AppealSigned | AppellantForgotten, statement: str
) -> None:
    appeal = _row(rows, event.subject_kind, event.subject_id).appeal
    if appeal and appeal.decision_id == event.decision_id:
        _change(rows, event, appeal=replace(appeal, statement=statement))


def _complaint(event: FlagRaised) -> Complaint:
    return Complaint(rule=event.rule, note="", weight=event.weight, at=event.at)


def _waiting(row: QueueItem) -> QueueItem:
    """Return the row with its rank, and with the time since which it waits for a decision."""
    said = [each.at for each in (row.appeal, row.answer, row.suspension_appeal) if each]
    asked = [flag.at for flag in row.flags] + said
    rank = row.weight + MODERATORS_WEIGHT * len(said)
    return replace(row, waits=bool(asked), waiting_since=min(asked, default=None), rank=rank)


def _settled(row: QueueItem, event: SubjectDecided) -> QueueItem:
    """Return the row without the flags that were decided on. Later ones wait for another decision.

    An appeal against this decision may be projected before the decision, and stays. An appeal
    against an earlier decision is removed.
    """
    kept = [number for number, key in enumerate(row.flag_ids) if key not in event.flags]
    appealed = row.appeal is not None and row.appeal.decision_id == event.decision_id
    settled = replace(
        row,
        flags=tuple(row.flags[number] for number in kept),
        flag_ids=tuple(row.flag_ids[number] for number in kept),
        weight=0.0,
        decision_id=event.decision_id,
        appeal=row.appeal if appealed else None,
        answer=None,
    )
    return _waiting(settled)


def _project_text(event: Said, rows: Rows[QueueItem]) -> None:
    match event:
        case CaseReported() | CaseAmended():
            text = f"{event.details.title}\n\n{event.details.story}"
            _put_text(rows, SubjectKind.CASE, event.case_id, text)
        case PartyNamed():
            text = f"{event.details.name}: {event.details.role}"
            _put_text(rows, SubjectKind.PARTY, event.party_id, text)
        case PartyDisputed() | StatementErased():
            text = event.statement if isinstance(event, PartyDisputed) else ""
            _put_text(rows, SubjectKind.DISPUTE, event.dispute_id, text)
        case CommentWritten() | CommentEdited():
            _put_text(rows, SubjectKind.COMMENT, event.comment_id, event.text)
        case _:
            _put_text(rows, SubjectKind.MEMBER, event.member_id, event.pseudonym)


def _put_text(rows: Rows[QueueItem], kind: SubjectKind, subject_id: str, text: str) -> None:
    """Keep the text, which may be projected before the subject is registered."""
    row = _row(rows, kind, subject_id)
    rows.put(row.row_id, replace(row, text=text))
