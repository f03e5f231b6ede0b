"""Erase the comments of an erased member."""

from application.engine.contributions import Contributions
from application.engine.executor import CommandContext
from application.executors import CommentExecutor
from application.ports.clock import Clock
from domain.actors import SYSTEM
from domain.discussions.comment import EraseComment, comment_decider


class ForgetInDiscussions:
    """Erases a member's comments.

    The commands have random ids and no cause. Otherwise their events would link the comment of an
    anonymous reporter to the erasure of its author.
    """

    def __init__(
        self, contributions: Contributions, comments: CommentExecutor, clock: Clock
    ) -> None:
        self._contributions = contributions
        self._comments = comments
        self._clock = clock

    def __call__(self, member_id: str) -> None:
        """Erase the comments, if the log holds the member's erasure. It may be repeated."""
        for stream, _ in self._contributions.of_erased(member_id, "discussions"):
            category, _, key = stream.partition("-")
            if category == comment_decider.category:
                erase = EraseComment(by=SYSTEM, at=self._clock())
                self._comments.execute(key, erase, CommandContext())
