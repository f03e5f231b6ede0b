"""What has the member flagged, and what became of it?"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from application.engine.query_service import Audience, PrivateText, QueryService, Viewer
from application.engine.rows import Rows, in_log_order
from application.ports.read_models import Find, OneOf, Side, by, by_range
from domain.moderation.flag import FlaggerForgotten, FlagRaised, FlagSettled, FlagSigned
from domain.moderation.record import record_decider
from domain.moderation.subject import (
    AuthorForgotten,
    SubjectKind,
    SubjectRegistered,
    subject_key,
)
from domain.personal import PersonalText


class FlagStatus(StrEnum):
    """What became of a flag: ``upheld`` if moderators agreed with it."""

    OPEN = "open"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MyFlag:
    """A flag of the member who asks. ``case_id`` is the case that the subject belongs to.

    ``record_id`` names the record of the member's flags: no row of this read model names the
    member. It is empty until the flag is signed.
    """

    flag_id: str
    subject_kind: SubjectKind
    subject_id: str
    case_id: str | None = None
    rule: str
    note: PersonalText = ""
    status: FlagStatus = FlagStatus.OPEN
    flagged_at: datetime
    settled_at: datetime | None = None
    record_id: PrivateText = ""
    place: PrivateText


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectOfCase:
    case_id: str


class MyFlags(QueryService[MyFlag]):
    """What has the member flagged, and what became of it?"""

    name = "my-flags"
    document, key = MyFlag, "flag_id"
    path, audience = "/me/flags", Audience.MEMBERS
    indexes = (by("record_id"), by("subject_id"), by_range("place"))
    sides = (Side(SubjectOfCase),)

    def project(
        self,
        event: SubjectRegistered
        | AuthorForgotten
        | FlagRaised
        | FlagSigned
        | FlagSettled
        | FlaggerForgotten,
        rows: Rows[MyFlag],
    ) -> None:
        match event:
            case SubjectRegistered():
                _remember_case(event, rows)
            case AuthorForgotten():
                _remember_case(event, rows)
                _name_case(event, rows)
            case FlagRaised():
                rows.put(event.flag_id, _raised(event, rows))
            case FlagSigned(record_id=record_id, note=note):
                rows.change(event.flag_id, lambda row: replace(row, record_id=record_id, note=note))
            case FlagSettled():
                rows.change(event.flag_id, lambda row: _settled(row, event))
            case FlaggerForgotten():
                rows.delete(event.flag_id)

    def ask(self, viewer: Viewer) -> Find:
        """The flags of the member who asks and what became of them, the newest first."""
        own = viewer.keyed_ids(record_decider.category)
        return Find(where=(OneOf("record_id", own),), order_by="place")


def _remember_case(event: SubjectRegistered | AuthorForgotten, rows: Rows[MyFlag]) -> None:
    if event.case_id:
        key = subject_key(event.subject_kind, event.subject_id)
        rows.table(SubjectOfCase).put(key, SubjectOfCase(case_id=event.case_id))


def _name_case(event: AuthorForgotten, rows: Rows[MyFlag]) -> None:
    """Name the case in the flags on a subject whose registration went with its author."""

    def named(row: MyFlag) -> MyFlag:
        return replace(row, case_id=event.case_id or None)

    rows.change_where("subject_id", event.subject_id, named)


def _raised(event: FlagRaised, rows: Rows[MyFlag]) -> MyFlag:
    key = subject_key(event.subject_kind, event.subject_id)
    subject = rows.table(SubjectOfCase).get(key)
    return MyFlag(
        flag_id=event.flag_id,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        case_id=subject.case_id if subject else None,
        rule=event.rule,
        flagged_at=event.at,
        place=in_log_order(rows, event.at),
    )


def _settled(row: MyFlag, event: FlagSettled) -> MyFlag:
    status = FlagStatus.UPHELD if event.upheld else FlagStatus.DISMISSED
    return replace(row, status=status, settled_at=event.at)
