"""Erase the name of an erased member in what they did as an operator."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenForgetThemInOperations(KlarityPolicy):
    name = "when-member-is-erased-then-forget-them-in-operations"
    service, slow = "operations", True

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - the commands must not name their cause
        match event:
            case MemberErased():
                self.dependencies.forget_in_operations(event.member_id)
