"""Destroy the key of a reason for a suspension that moderators removed."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.members.member import SuspensionRedacted


class WhenSuspensionIsRedactedThenDestroyItsKey(KlarityPolicy):
    name = "when-suspension-is-redacted-then-destroy-its-key"
    service = "members"

    def react(self, event: SuspensionRedacted, cause: Cause) -> None:  # noqa: ARG002 - no command is issued
        match event:
            case SuspensionRedacted():
                member = self.executors.members.load(event.member_id).state
                if event.reason_id in member.redacted:
                    self.dependencies.destroy_key(event.reason_id)
