"""Write and change comments, with the state of the discussion and of the parent comment."""

from application.engine.executor import CommandContext, Receipt
from application.executors import CommentExecutor, DiscussionExecutor
from application.ports.clock import Clock
from domain.actors import Actor
from domain.decider import Informed
from domain.discussions.comment import (
    Comment,
    CommentFacts,
    EditComment,
    RemoveComment,
    WriteComment,
)
from domain.discussions.discussion import (
    Discussion,
    LockDiscussion,
    UnlockDiscussion,
)
from domain.ids import CaseId, CommentId


class Discuss:
    """Executes commands on comments: one stream each, so that many members can comment at the same
    time."""

    def __init__(
        self, discussions: DiscussionExecutor, comments: CommentExecutor, clock: Clock
    ) -> None:
        self._discussions = discussions
        self._comments = comments
        self._clock = clock

    def write(
        self,
        comment_id: CommentId,
        case_id: CaseId,
        actor: Actor,
        context: CommandContext,
        *,
        text: str,
        parent_id: CommentId,
    ) -> Receipt[Comment]:
        command = WriteComment(
            comment_id=comment_id,
            case_id=case_id,
            text=text,
            parent_id=parent_id,
            by=actor,
            at=self._clock(),
        )
        facts = CommentFacts(
            discussion=self._discussions.load(case_id).state,
            parent=self._comments.load(parent_id).state if parent_id else None,
        )
        return self._comments.execute(comment_id, Informed(command, facts), context)

    def edit(
        self, comment_id: CommentId, text: str, actor: Actor, context: CommandContext
    ) -> Receipt[Comment]:
        case_id = self._comments.load(comment_id).state.case_id
        command = EditComment(text=text, by=actor, at=self._clock())
        facts = CommentFacts(discussion=self._discussions.load(case_id).state)
        return self._comments.execute(comment_id, Informed(command, facts), context)

    def remove(
        self, comment_id: CommentId, actor: Actor, context: CommandContext
    ) -> Receipt[Comment]:
        command = RemoveComment(by=actor, at=self._clock())
        return self._comments.execute(comment_id, command, context)

    def lock(self, case_id: CaseId, actor: Actor, context: CommandContext) -> Receipt[Discussion]:
        command = LockDiscussion(by=actor, at=self._clock())
        return self._discussions.execute(case_id, command, context)

    def unlock(self, case_id: CaseId, actor: Actor, context: CommandContext) -> Receipt[Discussion]:
        command = UnlockDiscussion(by=actor, at=self._clock())
        return self._discussions.execute(case_id, command, context)
