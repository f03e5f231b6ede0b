"""Erase an erased member's comments."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenForgetThemInDiscussions(KlarityPolicy):
    name = "when-member-is-erased-then-forget-them-in-discussions"
    service, slow = "discussions", True

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - the commands must not name their cause
        match event:
            case MemberErased():
                self.dependencies.forget_in_discussions(event.member_id)
