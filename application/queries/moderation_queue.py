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
from application.ports.read_models import Find, by, by_each
from domain.cases.case import CaseAmended, CaseReported
from domain.cases.party import PartyNamed
from domain.discussions.comment import CommentEdited, CommentWritten
from domain.members.member import MemberErased, MemberRegistered
from domain.moderation.decision import AppealResolved, DecisionAppealed
from domain.moderation.flag import FlagRaised
from domain.moderation.subject import (
    AppealSetAside,
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
    flag_ids: Annotated[tuple[str, ...], Private()] = ()
    row_id: PrivateText = ""


Projected = (
    SubjectRegistered
    | FlagRaised
    | FlagWeighed
    | SubjectHidden
    | SubjectRestored
    | SubjectDecided
    | AppealResolved
    | AppealSetAside
    | DecisionAppealed
    | CaseReported
    | CaseAmended
    | PartyNamed
    | CommentWritten
    | CommentEdited
    | MemberErased
    | MemberRegistered
)


class ModerationQueue(QueryService[QueueItem]):
    """What waits for a moderator to decide?"""

    name, version = "moderation-queue", 3
    document, key = QueueItem, "row_id"
    path, audience = "/moderation/queue", Audience.MODERATORS
    indexes = (
        by("waits"),
        by("weight"),
        by("subject_kind"),
        by("author_id"),
        by_each("flaggers"),
    )

    def project(self, event: Projected, rows: Rows[QueueItem]) -> None:
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
                    flag_ids=(*row.flag_ids, event.flag_id),
                )
            case FlagWeighed():
                row = _row(rows, event.subject_kind, event.subject_id)
                flags = _weighed(row, event)
                _change(rows, event, flags=flags, weight=row.weight + event.weight)
            case SubjectHidden() | SubjectRestored():
                _change(rows, event, hidden=isinstance(event, SubjectHidden))
            case SubjectDecided():
                row = _row(rows, event.subject_kind, event.subject_id)
                rows.put(row.row_id, _settled(row, event))
            case AppealResolved() | AppealSetAside():
                row = _row(rows, event.subject_kind, event.subject_id)
                if row.appeal and row.appeal.decision_id == event.decision_id:
                    _change(rows, event, appeal=None)
            case DecisionAppealed():
                appeal = Appeal(
                    decision_id=event.decision_id, statement=event.statement, at=event.at
                )
                _change(rows, event, appeal=appeal)
            case MemberErased(member_id=member_id):
                for row_key in rows.keys_where("author_id", member_id):
                    rows.change(row_key, _without_author)
                for row_key in rows.keys_where("flaggers", member_id):
                    rows.change(row_key, lambda row: _without_notes(row, member_id))
            case _:
                _hear_what_was_said(event, rows)

    def ask(self, *, kind: SubjectKind | None = None) -> Find:
        """What was flagged or appealed, the heaviest first (moderators)."""
        return Find(where=equal(waits=True, subject_kind=kind), order_by="weight")


def _row(rows: Rows[QueueItem], kind: SubjectKind, subject_id: str) -> QueueItem:
    key = subject_key(kind, subject_id)
    return rows.get(key) or QueueItem(subject_kind=kind, subject_id=subject_id, row_id=key)


def _change(rows: Rows[QueueItem], event: Any, **changes: Any) -> None:
    row = _row(rows, event.subject_kind, event.subject_id)
    rows.put(row.row_id, _waiting(replace(row, **changes)))


def _tell(
    rows: Rows[QueueItem], kind: SubjectKind, subject_id: str, text: str, author_id: str
) -> None:
    """Whose text it is may be heard of here first, and goes with them if they are erased."""
    row = _row(rows, kind, subject_id)
    rows.put(row.row_id, replace(row, text=text, author_id=author_id))


def _waiting(row: QueueItem) -> QueueItem:
    """With how long it has waited for what there is to decide now, if anything."""
    asked = [flag.at for flag in row.flags] + ([row.appeal.at] if row.appeal else [])
    return replace(row, waits=bool(asked), waiting_since=min(asked, default=None))


def _weighed(row: QueueItem, event: FlagWeighed) -> tuple[Complaint, ...]:
    """With what the flag weighs beside others of its member."""
    return tuple(
        replace(flag, weight=event.weight) if flag_id == event.flag_id else flag
        for flag, flag_id in zip(row.flags, row.flag_ids, strict=True)
    )


def _settled(row: QueueItem, event: SubjectDecided) -> QueueItem:
    """Without the flags that were decided on: those that came meanwhile wait for the next time.

    An appeal against this decision may be heard of before it is applied; one against an earlier
    decision has no object any more.
    """
    kept = [number for number, key in enumerate(row.flag_ids) if key not in event.flags]
    appealed = row.appeal is not None and row.appeal.decision_id == event.decision_id
    settled = replace(
        row,
        flags=tuple(row.flags[number] for number in kept),
        flaggers=tuple(row.flaggers[number] for number in kept),
        flag_ids=tuple(row.flag_ids[number] for number in kept),
        weight=0.0,
        decision_id=event.decision_id,
        appeal=row.appeal if appealed else None,
    )
    return _waiting(settled)


def _without_author(row: QueueItem) -> QueueItem:
    """An appeal of theirs still wants to be resolved: until then nobody decides anew."""
    appeal = row.appeal and replace(row.appeal, statement="")
    return _waiting(replace(row, text="", appeal=appeal, author_id=""))


def _without_notes(row: QueueItem, member_id: str) -> QueueItem:
    """The flags still count; what an erased member wrote with theirs is gone."""
    flags = tuple(
        replace(flag, note="") if flagger == member_id else flag
        for flag, flagger in zip(row.flags, row.flaggers, strict=True)
    )
    flaggers = tuple("" if flagger == member_id else flagger for flagger in row.flaggers)
    return replace(row, flags=flags, flaggers=flaggers)


def _hear_what_was_said(
    event: CaseReported
    | CaseAmended
    | PartyNamed
    | CommentWritten
    | CommentEdited
    | MemberRegistered,
    rows: Rows[QueueItem],
) -> None:
    match event:
        case (
            CaseReported(case_id=subject_id, author=author)
            | CaseAmended(case_id=subject_id, by=author)
        ):
            text = f"{event.details.title}\n\n{event.details.story}".strip()
            _tell(rows, SubjectKind.CASE, subject_id, text, author)
        case PartyNamed() if event.by:
            text = f"{event.details.name}: {event.details.role}"
            _tell(rows, SubjectKind.PARTY, event.party_id, text, event.by)
        case CommentWritten() | CommentEdited():
            _tell(rows, SubjectKind.COMMENT, event.comment_id, event.text, event.author)
        case MemberRegistered(member_id=member_id):
            _tell(rows, SubjectKind.MEMBER, member_id, event.pseudonym, member_id)
        case PartyNamed():
            pass
