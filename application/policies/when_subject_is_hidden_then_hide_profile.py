"""Hide or restore a profile when moderation hides or restores it."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.members.member import HideProfile, RestoreProfile
from domain.moderation.subject import SubjectHidden, SubjectKind, SubjectRestored


class WhenSubjectIsHiddenThenHideProfile(KlarityPolicy):
    name = "when-subject-is-hidden-then-hide-profile"
    service = "members"

    def react(self, event: SubjectHidden | SubjectRestored, cause: Cause) -> None:
        match event:
            case SubjectHidden(subject_kind=SubjectKind.MEMBER, subject_id=key, rule=rule):
                hide = HideProfile(rule=rule, by=SYSTEM, at=cause.at)
                self.executors.members.execute(key, hide, cause.context())
            case SubjectRestored(subject_kind=SubjectKind.MEMBER, subject_id=key):
                restore = RestoreProfile(by=SYSTEM, at=cause.at)
                self.executors.members.execute(key, restore, cause.context())
            case SubjectHidden() | SubjectRestored():
                pass
