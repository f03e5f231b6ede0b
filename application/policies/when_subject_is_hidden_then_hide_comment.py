"""Hide or restore a comment when moderation hides or restores it."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.discussions.comment import HideComment, RestoreComment
from domain.moderation.subject import SubjectHidden, SubjectKind, SubjectRestored


class WhenSubjectIsHiddenThenHideComment(KlarityPolicy):
    name = "when-subject-is-hidden-then-hide-comment"
    service = "discussions"

    def react(self, event: SubjectHidden | SubjectRestored, cause: Cause) -> None:
        match event:
            case SubjectHidden(subject_kind=SubjectKind.COMMENT, subject_id=key):
                hide = HideComment(rule=event.rule, role=event.role, by=SYSTEM, at=cause.at)
                self.executors.comments.execute(key, hide, cause.context())
            case SubjectRestored(subject_kind=SubjectKind.COMMENT, subject_id=key):
                restore = RestoreComment(by=SYSTEM, at=cause.at)
                self.executors.comments.execute(key, restore, cause.context())
            case SubjectHidden() | SubjectRestored():
                pass
