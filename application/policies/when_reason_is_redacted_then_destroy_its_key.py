"""Destroy the key of a reason that moderators removed."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.moderation.decision import ReasonRedacted


class WhenReasonIsRedactedThenDestroyItsKey(KlarityPolicy):
    name = "when-reason-is-redacted-then-destroy-its-key"
    service = "moderation"

    def react(self, event: ReasonRedacted, cause: Cause) -> None:  # noqa: ARG002 - no command is issued
        match event:
            case ReasonRedacted():
                decision = self.executors.decisions.load(event.decision_id).state
                if event.reason_id in decision.redacted:
                    self.dependencies.destroy_key(event.reason_id)
