"""What has the member said about cases?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from application.engine.query_service import ALIASES, Audience, PrivateText, QueryService, Viewer
from application.engine.rows import Rows, in_log_order
from application.ports.read_models import Find, OneOf, Tables, by, by_range
from application.queries.anonymous_authors import remember_alias
from application.queries.hidden import HIDING, Hidden, HidingEvent, hidden_among, remember_hiding
from application.queries.public_titles import (
    PUBLIC_CASES,
    TitleEvent,
    public_titles,
    remember_title,
)
from domain.cases.case_events import CaseErased, CaseReported
from domain.discussions import comment
from domain.moderation.subject import SubjectKind, subject_key
from domain.personal import PersonalText


@dataclass(frozen=True, slots=True, kw_only=True)
class MyComment:
    """A comment of the member who asks, with the title of its case if that is public.

    ``anonymous``: everybody else sees it without a name. ``hidden`` says why nobody else sees it.
    """

    comment_id: str
    case_id: str
    case_title: str | None = None
    parent_id: str | None
    text: PersonalText
    anonymous: bool
    hidden: Hidden | None = None
    written_at: datetime
    edited_at: datetime | None = None
    version: int
    author_id: PrivateText
    place: PrivateText


class MyComments(QueryService[MyComment]):
    """What has the member said about cases?"""

    name = "my-comments"
    document, key = MyComment, "comment_id"
    path, audience = "/me/comments", Audience.MEMBERS
    indexes = (by("author_id"), by_range("place"))
    sides = (PUBLIC_CASES, *HIDING, ALIASES)

    def project(
        self,
        event: comment.CommentEvent | CaseReported | CaseErased | TitleEvent | HidingEvent,
        rows: Rows[MyComment],
    ) -> None:
        match event:
            case CaseReported() | CaseErased():
                remember_alias(rows, event)
            case _ if isinstance(event, TitleEvent):
                remember_title(rows, event)
            case _ if isinstance(event, HidingEvent):
                remember_hiding(rows, event)
            case _:
                _project_comment(event, rows)

    def ask(self, viewer: Viewer) -> Find:
        """The comments of the member who asks, also anonymous and hidden ones, the newest first."""
        return Find(where=(OneOf("author_id", viewer.ids),), order_by="place")

    def completed(
        self, documents: Sequence[MyComment], tables: Tables[MyComment]
    ) -> Sequence[MyComment]:
        titles = public_titles(tables, (row.case_id for row in documents))
        hidden = hidden_among(tables, [_subject(row) for row in documents if row.hidden])
        return [
            replace(
                row,
                case_title=titles.get(row.case_id),
                hidden=hidden.get(_subject(row), row.hidden),
            )
            for row in documents
        ]


def _subject(row: MyComment) -> str:
    return subject_key(SubjectKind.COMMENT, row.comment_id)


def _project_comment(event: comment.CommentEvent, rows: Rows[MyComment]) -> None:
    key = event.comment_id
    match event:
        case comment.CommentWritten():
            rows.put(key, _written(event, rows))
        case comment.CommentEdited():
            _change(rows, key, text=event.text, edited_at=event.at)
        case comment.CommentHidden():
            _change(rows, key, hidden=Hidden(rule=event.rule))
        case comment.CommentShown():
            _change(rows, key, hidden=None)
        case comment.CommentRestored() | comment.CommentConcealed():
            _change(rows, key)
        case comment.CommentRemoved() | comment.CommentErased():
            rows.delete(key)
        case _:
            assert_never(event)


def _written(event: comment.CommentWritten, rows: Rows[MyComment]) -> MyComment:
    return MyComment(
        comment_id=event.comment_id,
        case_id=event.case_id,
        parent_id=event.parent_id or None,
        text=event.text,
        anonymous=event.anonymous,
        written_at=event.at,
        version=rows.version,
        author_id=event.author,
        place=in_log_order(rows, event.at),
    )


def _change(rows: Rows[MyComment], key: str, **changes: Any) -> None:
    rows.change(key, lambda row: replace(row, **changes, version=rows.version))
