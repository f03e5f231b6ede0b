"""Erase an erased member's texts in moderation; their flags and appeals still count."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenForgetThemInModeration(KlarityPolicy):
    name = "when-member-is-erased-then-forget-them-in-moderation"
    service, slow = "moderation", True

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - the commands must not name their cause
        match event:
            case MemberErased():
                self.dependencies.forget_in_moderation(event.member_id)
