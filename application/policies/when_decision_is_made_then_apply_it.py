"""Apply decisions and the outcomes of appeals to their subject, in the order of the log."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.moderation.decision import (
    AppealResolved,
    DecisionAppealed,
    DecisionMade,
    applying,
)
from domain.moderation.subject import subject_key


class WhenDecisionIsMadeThenApplyIt(KlarityPolicy):
    name = "when-decision-is-made-then-apply-it"
    service = "moderation"

    def react(self, event: DecisionMade | DecisionAppealed | AppealResolved, cause: Cause) -> None:
        match event:
            case DecisionMade() | DecisionAppealed() | AppealResolved():
                key = subject_key(event.subject_kind, event.subject_id)
                self.executors.subjects.execute(key, applying(event, cause.at), cause.context())
