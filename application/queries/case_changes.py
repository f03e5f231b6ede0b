"""Which cases changed since an export, or are no longer public?"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from application.engine.query_service import PrivateText, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Between, Find, Side, by, by_range
from application.queries.authors import ProfileEvent
from domain.cases.case_events import CaseEvent, CasePublished, CaseUnpublished
from domain.cases.engagement import EngagementFact
from domain.discussions.comment import CommentConcealed, CommentShown

LOGS = ("cases", "discussions", "members")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """A case that is or was public. It holds, by the name of each log, the position of the last
    event in it that changed what everybody sees of the case.

    ``author_id`` is the author of a public case that names them.
    """

    case_id: str
    public: bool = False
    cases: int = 0
    discussions: int = 0
    members: int = 0
    author_id: PrivateText = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedProfile:
    """The position of the event that last hid or restored the profile of a member."""

    position: int


class CaseChanges(QueryService[CaseChange]):
    """Which cases changed since an export, or are no longer public?

    Exports ask it (``application/exports.py``). It is not served itself: the order of changes would
    tell when anonymous cases were reported.
    """

    name = "case-changes"
    document, key = CaseChange, "case_id"
    indexes = (by_range("cases"), by_range("discussions"), by_range("members"), by("author_id"))
    sides = (Side(ChangedProfile),)

    def project(
        self,
        event: CaseEvent | EngagementFact | CommentShown | CommentConcealed | ProfileEvent,
        rows: Rows[CaseChange],
    ) -> None:
        at = rows.position
        match event:
            case CasePublished():
                _put(rows, event.case_id, lambda row: _published(rows, row, event))
            case CaseUnpublished():
                gone = CaseChange(case_id=event.case_id, cases=at)
                _put(rows, event.case_id, lambda row: replace(gone, discussions=row.discussions))
            case CommentShown() | CommentConcealed():  # perhaps before its case, from another log
                _put(rows, event.case_id, lambda row: replace(row, discussions=at))
            case _ if isinstance(event, ProfileEvent):
                rows.table(ChangedProfile).put(event.member_id, ChangedProfile(position=at))
                rows.change_where(
                    "author_id", event.member_id, lambda row: replace(row, members=at)
                )
            case _:
                rows.change(
                    event.case_id, lambda row: replace(row, cases=at) if row.public else row
                )


def _put(rows: Rows[CaseChange], case_id: str, change: Callable[[CaseChange], CaseChange]) -> None:
    rows.put(case_id, change(rows.get(case_id) or CaseChange(case_id=case_id)))


def _published(rows: Rows[CaseChange], row: CaseChange, event: CasePublished) -> CaseChange:
    author = "" if event.anonymous else event.author
    profile = rows.table(ChangedProfile).get(author)
    return replace(
        row,
        public=True,
        cases=rows.position,
        members=profile.position if profile else 0,
        author_id=author,
    )


def changed_in(log: str, after: int, until: int) -> Find:
    """Return the question which cases changed by events of a log in these positions."""
    where = (Between(log, after + 1, until + 1),)
    return Find(where=where, order_by=log, descending=False)
