"""What do people say about a case?"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from application.engine.filters import equal
from application.engine.query_service import Private, PrivateText, QueryService, Signed, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, Side, by
from domain.discussions import comment
from domain.discussions.discussion import DiscussionClosed, DiscussionOpened
from domain.members.member import ProfileHidden, ProfileRestored
from domain.personal import PersonalText


class CommentStatus(StrEnum):
    VISIBLE = "visible"
    HIDDEN = "hidden"
    REMOVED = "removed"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commenter:
    member_id: str
    pseudonym: PersonalText


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDocument:
    """A comment. One that not everybody can read leaves its place in the thread, without a text.

    The reporter of the case is marked, and has no name where they reported anonymously.
    """

    comment_id: str
    case_id: str
    parent_id: str | None
    status: CommentStatus = CommentStatus.VISIBLE
    author: Commenter | None = None
    text: Annotated[str, Signed()] = ""
    written_at: datetime
    edited_at: datetime | None = None
    by_reporter: bool = False
    version: int = 1
    author_id: PrivateText = ""
    public: Annotated[bool, Private()] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDiscussion:
    case_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenProfile:
    member_id: str


class Discussions(QueryService[CommentDocument]):
    """What do people say about a case?"""

    name, version = "discussions", 2
    document, key, single = CommentDocument, "comment_id", True
    path, item_path = "/cases/<uuid:case_id>/comments", "/comments"
    streams = ("discussions", "comment")
    hiding = (comment.CommentHidden,)
    indexes = (by("case_id"), by("written_at"), by("author_id"), by("public"))
    sides = (Side(OpenDiscussion), Side(HiddenProfile))

    def project(
        self,
        event: comment.CommentEvent
        | DiscussionOpened
        | DiscussionClosed
        | ProfileHidden
        | ProfileRestored,
        rows: Rows[CommentDocument],
    ) -> None:
        match event:
            case DiscussionOpened():
                discussion = OpenDiscussion(case_id=event.case_id)
                rows.table(OpenDiscussion).put(event.case_id, discussion)
                _show(rows, event.case_id, public=True)
            case DiscussionClosed():
                rows.table(OpenDiscussion).delete(event.case_id)
                _show(rows, event.case_id, public=False)
            case ProfileHidden():
                profile = HiddenProfile(member_id=event.member_id)
                rows.table(HiddenProfile).put(event.member_id, profile)
                _call(rows, event.member_id, "")
            case ProfileRestored():
                rows.table(HiddenProfile).delete(event.member_id)
                _call(rows, event.member_id, event.pseudonym)
            case _:
                if row := _after(rows.get(event.comment_id), event):
                    rows.put(event.comment_id, _in_discussion(rows, row))

    def ask(self, *, case_id: str = "") -> Find:
        """The comments on a public case, the oldest first; parent_id makes the threads."""
        where = equal(case_id=case_id, public=True)
        return Find(where=where, order_by="written_at", descending=False)

    def may_see(self, document: CommentDocument, viewer: Viewer) -> bool:
        told = document.status in (CommentStatus.VISIBLE, CommentStatus.ERASED)
        public = document.public and told
        return public or viewer.moderates or viewer.is_member(document.author_id)

    def as_seen_by(self, document: CommentDocument, viewer: Viewer) -> CommentDocument:  # noqa: ARG002 - nobody reads it
        return document if document.status is CommentStatus.VISIBLE else replace(document, text="")

    def gone(self, document: CommentDocument) -> bool:
        return document.status is CommentStatus.ERASED


def _after(row: CommentDocument | None, event: comment.CommentEvent) -> CommentDocument | None:
    """The document after one more event of the comment's stream, whose version it counts."""
    match event:
        case comment.CommentWritten():
            return _written(event)
        case comment.CommentErased():
            return _erased(event)
        case _:
            return row and replace(row, **_changes(event), version=row.version + 1)


def _changes(event: comment.CommentEvent) -> dict[str, Any]:
    match event:
        case comment.CommentEdited():
            return {"text": event.text, "edited_at": event.at}
        case comment.CommentRemoved():
            return {"status": CommentStatus.REMOVED, "text": "", "author": None}
        case comment.CommentConcealed():
            return {"status": CommentStatus(event.reason)}
        case comment.CommentShown():
            return {"status": CommentStatus.VISIBLE}
        case _:
            return {}


def _written(event: comment.CommentWritten) -> CommentDocument:
    author = Commenter(member_id=event.author, pseudonym=event.author_name)
    return CommentDocument(
        comment_id=event.comment_id,
        case_id=event.case_id,
        parent_id=event.parent_id or None,
        author=None if event.anonymous else author,
        by_reporter=event.by_reporter,
        author_id=event.author,
        text=event.text,
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


def _in_discussion(rows: Rows[CommentDocument], row: CommentDocument) -> CommentDocument:
    """The comment as its discussion and its author's profile let everybody see it."""
    public = rows.table(OpenDiscussion).get(row.case_id) is not None
    hidden = rows.table(HiddenProfile).get(row.author_id) is not None
    return replace(_called(row, "") if hidden else row, public=public)


def _show(rows: Rows[CommentDocument], case_id: str, *, public: bool) -> None:
    for key in rows.keys_where("case_id", case_id):
        rows.change(key, lambda row: replace(row, public=public))


def _call(rows: Rows[CommentDocument], member_id: str, pseudonym: str) -> None:
    for key in rows.keys_where("author_id", member_id):
        rows.change(key, lambda row: _called(row, pseudonym))


def _called(row: CommentDocument, pseudonym: str) -> CommentDocument:
    return replace(row, author=row.author and replace(row.author, pseudonym=pseudonym))
