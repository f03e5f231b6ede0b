"""Carry out what an operator asked, if the process died before it did so itself."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.operations.intervention import InterventionBegun


class WhenInterventionIsBegunThenCarryItOut(KlarityPolicy):
    name = "when-intervention-is-begun-then-carry-it-out"
    service = "operations"

    def react(self, event: InterventionBegun, cause: Cause) -> None:
        match event:
            case InterventionBegun():
                self.dependencies.carry_out(event.intervention_id, cause.context())
