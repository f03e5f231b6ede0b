"""What do people say about a case?"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, assert_never

from application.engine.filters import equal
from application.engine.query_service import Private, PrivateText, QueryService, Signed, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, by
from domain.discussions import comment
from domain.discussions.discussion import DiscussionClosed, DiscussionOpened
from domain.members.member import MemberErased, ProfileHidden, ProfileRestored
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
    """A comment. One that may not be read leaves its place in the thread, without a text.

    Whoever reported the case is marked, and has no name where they reported anonymously.
    """

    comment_id: str
    case_id: str
    parent_id: str | None
    status: CommentStatus = CommentStatus.VISIBLE
    author: Commenter | None
    text: Annotated[str, Signed()]
    written_at: datetime
    edited_at: datetime | None = None
    by_reporter: bool = False
    version: int = 1
    author_id: PrivateText = ""
    hidden_text: PrivateText = ""
    public: Annotated[bool, Private()] = True


Projected = (
    comment.CommentEvent
    | DiscussionOpened
    | DiscussionClosed
    | ProfileHidden
    | ProfileRestored
    | MemberErased
)


class Discussions(QueryService[CommentDocument]):
    """What do people say about a case?"""

    name, version = "discussions", 2
    document, key, single = CommentDocument, "comment_id", True
    path, item_path = "/cases/<uuid:case_id>/comments", "/comments"
    streams = ("discussions", "comment")
    hiding = (comment.CommentHidden,)
    indexes = (by("case_id"), by("written_at"), by("author_id"), by("public"))

    def project(self, event: Projected, rows: Rows[CommentDocument]) -> None:
        match event:
            case comment.CommentWritten():
                public = _thread(rows, event.case_id, event.at).public
                row = replace(_written(event), public=public)
                hidden = rows.get(HIDDEN + event.author) is not None
                rows.put(event.comment_id, _called(row, "") if hidden else row)
            case _ if isinstance(event, comment.CommentEvent):
                rows.change(event.comment_id, lambda row: _changed(row, event))
            case DiscussionOpened() | DiscussionClosed():
                thread = _thread(rows, event.case_id, event.at)
                _show(rows, replace(thread, public=isinstance(event, DiscussionOpened)))
            case _:
                _hear_of_member(rows, event)

    def ask(self, *, case_id: str = "") -> Find:
        """The comments on a public case, the oldest first; parent_id makes the threads."""
        return Find(
            where=equal(case_id=case_id, public=True), order_by="written_at", descending=False
        )

    def may_see(self, document: CommentDocument, viewer: Viewer) -> bool:
        if document.comment_id.startswith((THREAD, HIDDEN)):
            return False
        told = document.status in (CommentStatus.VISIBLE, CommentStatus.ERASED)
        public = document.public and told
        return public or viewer.moderates or viewer.is_member(document.author_id)

    def gone(self, document: CommentDocument) -> bool:
        return document.status is CommentStatus.ERASED


# Rows that are never served tell whether a discussion's comments may be, and who is hidden.
THREAD = "case/"
HIDDEN = "hidden/"


def _thread(rows: Rows[CommentDocument], case_id: str, at: datetime) -> CommentDocument:
    """The discussion, whose comments may be projected before it."""
    key = THREAD + case_id
    return rows.get(key) or _helping(key, at)


def _helping(key: str, at: datetime) -> CommentDocument:
    return CommentDocument(
        comment_id=key,
        case_id="",
        parent_id=None,
        author=None,
        text="",
        written_at=at,
        public=False,
    )


def _show(rows: Rows[CommentDocument], thread: CommentDocument) -> None:
    """Keep what is known of the discussion, and show its comments if that now says so."""
    rows.put(thread.comment_id, thread)
    for key in rows.keys_where("case_id", thread.comment_id.removeprefix(THREAD)):
        rows.change(key, lambda row: replace(row, public=thread.public))


def _hear_of_member(
    rows: Rows[CommentDocument], event: ProfileHidden | ProfileRestored | MemberErased
) -> None:
    match event:
        case ProfileHidden():
            rows.put(HIDDEN + event.member_id, _helping(HIDDEN + event.member_id, event.at))
            _call(rows, event.member_id, "")
        case ProfileRestored():
            rows.delete(HIDDEN + event.member_id)
            _call(rows, event.member_id, event.pseudonym)
        case MemberErased():
            for key in rows.keys_where("author_id", event.member_id):
                rows.change(key, _erased)
        case _:
            assert_never(event)


def _call(rows: Rows[CommentDocument], member_id: str, pseudonym: str) -> None:
    """Let a member be called that in all that they wrote."""
    for key in rows.keys_where("author_id", member_id):
        rows.change(key, lambda row: _called(row, pseudonym))


def _called(row: CommentDocument, pseudonym: str) -> CommentDocument:
    return replace(row, author=row.author and replace(row.author, pseudonym=pseudonym))


def _written(event: comment.CommentWritten) -> CommentDocument:
    author = Commenter(member_id=event.author, pseudonym=event.author_name)
    row = CommentDocument(
        comment_id=event.comment_id,
        case_id=event.case_id,
        parent_id=event.parent_id or None,
        author=None if event.anonymous else author,
        by_reporter=event.by_reporter,
        author_id=event.author,
        text=event.text,
        written_at=event.at,
    )
    return row if event.author else _erased(row)


def _changed(row: CommentDocument, event: comment.CommentEvent) -> CommentDocument:
    """The document after one more event of the comment's stream, whose version it counts."""
    return replace(row, **_changes(row, event), version=row.version + 1)


def _changes(row: CommentDocument, event: comment.CommentEvent) -> dict[str, Any]:
    if row.status is CommentStatus.ERASED or isinstance(event, comment.CommentWritten):
        return {}
    match event:
        case comment.CommentEdited() if row.status is CommentStatus.HIDDEN:
            return {"hidden_text": event.text, "edited_at": event.at}
        case comment.CommentEdited():
            return {"text": event.text, "edited_at": event.at}
        case comment.CommentRemoved():
            return {"status": CommentStatus.REMOVED, "text": "", "author": None, "hidden_text": ""}
        case comment.CommentHidden():
            return {"status": CommentStatus.HIDDEN, "text": "", "hidden_text": row.text}
        case comment.CommentRestored():
            return {"status": CommentStatus.VISIBLE, "text": row.hidden_text, "hidden_text": ""}
        case _:
            assert_never(event)


def _erased(row: CommentDocument) -> CommentDocument:
    return replace(
        row,
        status=CommentStatus.ERASED,
        author=None,
        author_id="",
        text="",
        hidden_text="",
        edited_at=None,
    )
