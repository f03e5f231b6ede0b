"""Refuse the evidence in the case when its exhibit is refused, with the reason for the author."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case_commands import RefuseEvidence
from domain.cases.exhibit import ExhibitRefused


class WhenExhibitIsRefusedThenRefuseEvidence(KlarityPolicy):
    name = "when-exhibit-is-refused-then-refuse-evidence"
    service = "cases"

    def react(self, event: ExhibitRefused, cause: Cause) -> None:
        match event:
            case ExhibitRefused():
                command = RefuseEvidence(
                    evidence_id=event.evidence_id, reason=event.reason, by=SYSTEM, at=cause.at
                )
                self.executors.cases.execute(event.case_id, command, cause.context())
