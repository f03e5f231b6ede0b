"""Erase an erased member's cases, and their contributions to the cases of others."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenForgetThemInCases(KlarityPolicy):
    name = "when-member-is-erased-then-forget-them-in-cases"
    service, slow = "cases", True

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - the commands must not name their cause
        match event:
            case MemberErased():
                self.dependencies.forget_in_cases(event.member_id)
