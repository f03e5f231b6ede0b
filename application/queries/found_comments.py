"""The comments of a case that can be found: the newest ones, as many as a document can hold."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from domain.discussions import comment

MOST_COMMENTS = 200
"""How many comments of a case are searched. Each of them is written again with its document, so the
number is limited. A comment that nobody can read keeps its place among them: it may return."""

CommentChange = (
    comment.CommentWritten
    | comment.CommentEdited
    | comment.CommentShown
    | comment.CommentConcealed
    | comment.CommentRemoved
    | comment.CommentErased
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundComment:
    text: str
    shown: bool = False


Comments = Mapping[str, FoundComment]


def comments_after(comments: Comments, event: CommentChange) -> Comments:
    """Return the comments by their ids, the oldest first, after one more event."""
    key = event.comment_id
    match event:
        case comment.CommentWritten():
            return _newest({**comments, key: FoundComment(text=event.text)})
        case comment.CommentEdited():
            return _changed(comments, key, text=event.text)
        case comment.CommentShown():
            return _changed(comments, key, shown=True)
        case comment.CommentConcealed():
            return _changed(comments, key, shown=False)
        case comment.CommentRemoved() | comment.CommentErased():
            return {name: each for name, each in comments.items() if name != key}
        case _:
            assert_never(event)


def _newest(comments: Comments) -> Comments:
    return dict(list(comments.items())[-MOST_COMMENTS:])


def _changed(comments: Comments, key: str, **changes: str | bool) -> Comments:
    """Change a comment. One that is too old to be searched is left out."""
    if key not in comments:
        return comments
    return {**comments, key: replace(comments[key], **changes)}  # type: ignore[arg-type]  # by name
