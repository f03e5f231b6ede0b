"""What an erased member contributed, flagged or appealed stays in moderation, without words."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenForgetThemInModeration(KlarityPolicy):
    name = "when-member-is-erased-then-forget-them-in-moderation"
    service, slow = "moderation", True

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - commands name no cause
        match event:
            case MemberErased():
                self.dependencies.forget_in_moderation(event.member_id)
