"""What moderators decide, and what becomes of it on appeal, is done to the subject."""

from application.policies.policy import Cause, Policy
from domain.moderation.decision import AppealResolved, DecisionMade, applying
from domain.moderation.subject import subject_key


class WhenDecisionIsMadeThenApplyIt(Policy):
    name = "when-decision-is-made-then-apply-it"
    service, topics = "moderation", ("moderation",)
    hears = ("moderation.DecisionMade", "moderation.AppealResolved")

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case DecisionMade() | AppealResolved():
                key = subject_key(event.subject_kind, event.subject_id)
                self.do.subjects.execute(key, applying(event, cause.at), cause.context())
