"""An erased member's key and credentials are destroyed, whatever died when they asked for it."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenForgetThem(KlarityPolicy):
    name = "when-member-is-erased-then-forget-them"
    service = "members"

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - the deed is no command
        match event:
            case MemberErased():
                self.dependencies.forget_member(event.member_id)
