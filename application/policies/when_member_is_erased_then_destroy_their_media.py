"""Destroy an erased member's evidence and unfinished uploads."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import MemberErased


class WhenMemberIsErasedThenDestroyTheirMedia(KlarityPolicy):
    name = "when-member-is-erased-then-destroy-their-media"
    service, slow = "evidence", True

    def react(self, event: MemberErased, cause: Cause) -> None:  # noqa: ARG002 - no command is issued
        match event:
            case MemberErased():
                self.dependencies.erase_media(event.member_id)
