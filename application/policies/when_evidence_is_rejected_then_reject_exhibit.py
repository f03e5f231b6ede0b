"""Reject the exhibit when its evidence is rejected: it cannot back the cases that cite it."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.exhibit import RejectExhibit
from domain.evidence.evidence import EvidenceRejected


class WhenEvidenceIsRejectedThenRejectExhibit(KlarityPolicy):
    name = "when-evidence-is-rejected-then-reject-exhibit"
    service = "cases"

    def react(self, event: EvidenceRejected, cause: Cause) -> None:
        match event:
            case EvidenceRejected():
                command = RejectExhibit(
                    evidence_id=event.evidence_id,
                    owner=event.owner,
                    reason=event.reason,
                    by=SYSTEM,
                    at=cause.at,
                )
                self.executors.exhibits.execute(event.evidence_id, command, cause.context())
