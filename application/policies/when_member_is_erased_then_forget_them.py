"""Destroy an erased member's key and credentials, if the request to erase them did not."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenForgetThem(KlarityPolicy):
    name = "when-member-is-erased-then-forget-them"
    service = "members"

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - no command is issued
        match event:
            case MemberErased():
                self.dependencies.forget_member(event.member_id)
