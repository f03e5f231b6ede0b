"""Comments as threads."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEEPEST = 2
"""How far answers are indented: more leaves no room on a phone."""

Comment = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CommentInThread:
    """A comment, and how far it is indented."""

    comment: Comment
    depth: int


def threads(comments: Sequence[Comment]) -> list[CommentInThread]:
    """Return each comment, followed by the answers to it.

    A comment whose parent is missing stands alone.
    """
    known = {comment["comment_id"] for comment in comments}
    answers: dict[str, list[Comment]] = defaultdict(list)
    for comment in comments:
        parent = comment["parent_id"]
        answers[parent if parent in known else ""].append(comment)
    return list(_below(answers, ""))


def _below(answers: Mapping[str, Sequence[Comment]], top: str) -> Iterator[CommentInThread]:
    """Yield what is below a comment, the oldest first. Threads can be very deep: no recursion."""
    waiting = [(comment, 0) for comment in reversed(answers.get(top, ()))]
    while waiting:
        comment, depth = waiting.pop()
        yield CommentInThread(comment, min(depth, DEEPEST))
        replies = reversed(answers.get(comment["comment_id"], ()))
        waiting += [(reply, depth + 1) for reply in replies]
