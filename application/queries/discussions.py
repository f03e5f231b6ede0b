"""What do people say about a case?"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from application.engine.filters import equal
from application.engine.query_service import Private, PrivateText, QueryService, Signed
from application.engine.rows import Rows, in_log_order
from application.ports.read_models import Find, Side, by, by_range
from application.queries.authors import (
    HIDDEN_PROFILES,
    Author,
    ProfileEvent,
    rename_author,
    without_hidden_names,
)
from domain.discussions import comment
from domain.discussions.discussion import DiscussionClosed, DiscussionOpened
from domain.members.member import ProfileHidden, ProfileRestored


class CommentStatus(StrEnum):
    VISIBLE = "visible"
    HIDDEN = "hidden"
    REMOVED = "removed"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDocument:
    """A comment. One that not everybody can read leaves its place in the thread, without a text.

    The reporter of the case is marked, and has no name where they reported anonymously.
    """

    comment_id: str
    case_id: str
    parent_id: str | None
    status: CommentStatus = CommentStatus.VISIBLE
    author: Author | None = None
    text: Annotated[str, Signed()] = ""
    written_at: datetime
    edited_at: datetime | None = None
    by_reporter: bool = False
    version: int = 1
    author_id: PrivateText = ""
    written: PrivateText = ""
    place: PrivateText = ""
    public: Annotated[bool, Private()] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussedCase:
    case_id: str


class Discussions(QueryService[CommentDocument]):
    """What do people say about a case?"""

    name, version = "discussions", 4
    document, key, owner, single = CommentDocument, "comment_id", "author_id", True
    path, item_path = "/cases/<uuid:case_id>/comments", "/comments"
    streams, hiding = ("discussions", "comment"), (comment.CommentHidden,)
    indexes = (by("case_id"), by_range("place"), by("author_id"), by("public"))
    sides = (Side(DiscussedCase), HIDDEN_PROFILES)

    def project(
        self,
        event: comment.CommentEvent | DiscussionOpened | DiscussionClosed | ProfileEvent,
        rows: Rows[CommentDocument],
    ) -> None:
        match event:
            case ProfileHidden() | ProfileRestored():
                rename_author(rows, event, "author_id")
            case DiscussionOpened(case_id=key):
                rows.table(DiscussedCase).put(key, DiscussedCase(case_id=key))
                rows.change_where("case_id", key, lambda row: replace(row, public=True))
            case DiscussionClosed(case_id=key):
                rows.table(DiscussedCase).delete(key)
                rows.change_where("case_id", key, lambda row: replace(row, public=False))
            case comment.CommentWritten():
                _put(rows, _written(event))
            case comment.CommentErased():
                _put(rows, _erased(event))
            case comment.CommentEdited(comment_id=key):
                _change(rows, key, written=event.text, edited_at=event.at)
            case comment.CommentRemoved(comment_id=key):
                _change(rows, key, status=CommentStatus.REMOVED, written="", author=None)
            case comment.CommentConcealed(comment_id=key):
                _change(rows, key, status=CommentStatus(event.reason))
            case comment.CommentShown(comment_id=key):
                _change(rows, key, status=CommentStatus.VISIBLE)
            case comment.CommentHidden(comment_id=key) | comment.CommentRestored(comment_id=key):
                _change(rows, key)

    def ask(self, *, case_id: str = "") -> Find:
        """The comments on a public case, the oldest first; parent_id makes the threads."""
        where = equal(case_id=case_id, public=True)
        return Find(where=where, order_by="place", descending=False)

    def is_public(self, document: CommentDocument) -> bool:
        shown = document.status in (CommentStatus.VISIBLE, CommentStatus.ERASED)
        return document.public and shown

    def is_erased(self, document: CommentDocument) -> bool:
        return document.status is CommentStatus.ERASED


def _put(rows: Rows[CommentDocument], row: CommentDocument) -> None:
    """Put a comment as its discussion and the profile of its author let everybody see it."""
    public = rows.table(DiscussedCase).get(row.case_id) is not None
    row = replace(row, public=public, place=in_log_order(rows, row.written_at))
    rows.put(row.comment_id, without_hidden_names(rows, row))


def _written(event: comment.CommentWritten) -> CommentDocument:
    author = Author(member_id=event.author, pseudonym=event.author_name)
    return CommentDocument(
        comment_id=event.comment_id,
        case_id=event.case_id,
        parent_id=event.parent_id or None,
        author=None if event.anonymous else author,
        by_reporter=event.by_reporter,
        author_id=event.author,
        written=event.text,
        written_at=event.at,
    )


def _erased(event: comment.CommentErased) -> CommentDocument:
    return CommentDocument(
        comment_id=event.comment_id,
        case_id=event.case_id,
        parent_id=event.parent_id or None,
        status=CommentStatus.ERASED,
        written_at=event.written_at,
    )


def _change(rows: Rows[CommentDocument], key: str, **changes: Any) -> None:
    """Change a comment. Its text is served only while the comment is visible."""

    def changed(row: CommentDocument) -> CommentDocument:
        row = replace(row, **changes, version=rows.version)
        visible = row.status is CommentStatus.VISIBLE
        return replace(row, text=row.written if visible else "")

    rows.change(key, changed)
