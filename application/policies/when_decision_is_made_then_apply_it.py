"""What moderators decide, and what becomes of it on appeal, is done to the subject."""

from application.policies.policy import Cause, Policy
from domain.ids import SYSTEM
from domain.moderation.decision import AppealResolved, DecisionMade
from domain.moderation.subject import ApplyVerdict, subject_key


class WhenDecisionIsMadeThenApplyIt(Policy):
    name = "when-decision-is-made-then-apply-it"
    service, topics = "moderation", ("moderation",)
    hears = ("moderation.DecisionMade", "moderation.AppealResolved")

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case DecisionMade() | AppealResolved():
                command = ApplyVerdict(
                    decision_id=event.decision_id,
                    verdict=event.verdict,
                    rule=event.rule,
                    reason=event.reason,
                    by=SYSTEM,
                    at=cause.at,
                )
                key = subject_key(event.subject_kind, event.subject_id)
                self.do.subjects.execute(key, command, cause.context())
