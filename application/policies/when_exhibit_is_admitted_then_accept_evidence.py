"""An exhibit that is both cited and verified backs its case, which makes the case public."""

from application.policies.policy import Cause, Policy
from domain.cases.case import AcceptEvidence
from domain.cases.exhibit import ExhibitAdmitted
from domain.ids import SYSTEM


class WhenExhibitIsAdmittedThenAcceptEvidence(Policy):
    name = "when-exhibit-is-admitted-then-accept-evidence"
    service, topics = "cases", ("cases",)

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case ExhibitAdmitted():
                command = AcceptEvidence(
                    evidence_id=event.evidence_id,
                    kind=event.kind,
                    sha256=event.sha256,
                    by=SYSTEM,
                    at=cause.at,
                )
                self.do.cases.execute(event.case_id, command, cause.context())
