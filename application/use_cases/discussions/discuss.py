"""Write and change comments, with the state of the discussion and of the parent comment."""

from application.engine.executor import CommandContext, Receipt
from application.executors import CommentExecutor, DiscussionExecutor
from application.ports.clock import Clock
from application.use_cases.authorship import Authorship
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
        self,
        discussions: DiscussionExecutor,
        comments: CommentExecutor,
        authorship: Authorship,
        clock: Clock,
    ) -> None:
        self._authorship = authorship
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
        discussion = self._discussions.load(case_id).state
        command = WriteComment(
            comment_id=comment_id,
            case_id=case_id,
            text=text,
            parent_id=parent_id,
            by=self._authorship.as_owner(actor, discussion.author),
            at=self._clock(),
        )
        facts = CommentFacts(
            discussion=discussion,
            parent=self._comments.load(parent_id).state if parent_id else None,
        )
        return self._comments.execute(comment_id, Informed(command, facts), context)

    def edit(
        self, comment_id: CommentId, text: str, actor: Actor, context: CommandContext
    ) -> Receipt[Comment]:
        comment = self._comments.load(comment_id).state
        by = self._authorship.as_owner(actor, comment.author)
        command = EditComment(text=text, by=by, at=self._clock())
        facts = CommentFacts(discussion=self._discussions.load(comment.case_id).state)
        return self._comments.execute(comment_id, Informed(command, facts), context)

    def remove(
        self, comment_id: CommentId, actor: Actor, context: CommandContext
    ) -> Receipt[Comment]:
        by = self._authorship.as_owner(actor, self._comments.load(comment_id).state.author)
        command = RemoveComment(by=by, at=self._clock())
        return self._comments.execute(comment_id, command, context)

    def lock(self, case_id: CaseId, actor: Actor, context: CommandContext) -> Receipt[Discussion]:
        by = self._in_discussion(actor, case_id)
        command = LockDiscussion(by=by, at=self._clock())
        return self._discussions.execute(case_id, command, context)

    def unlock(self, case_id: CaseId, actor: Actor, context: CommandContext) -> Receipt[Discussion]:
        by = self._in_discussion(actor, case_id)
        command = UnlockDiscussion(by=by, at=self._clock())
        return self._discussions.execute(case_id, command, context)

    def _in_discussion(self, actor: Actor, case_id: CaseId) -> Actor:
        return self._authorship.as_owner(actor, self._discussions.load(case_id).state.author)
