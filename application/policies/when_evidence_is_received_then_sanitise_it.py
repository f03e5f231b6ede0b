"""Evidence is made safe to show as soon as it has been received."""

from application.policies.policy import Cause, Policy
from domain.evidence.evidence import EvidenceReceived


class WhenEvidenceIsReceivedThenSanitiseIt(Policy):
    name = "when-evidence-is-received-then-sanitise-it"
    service, topics, slow = "evidence", ("evidence",), True
    hears = ("evidence.EvidenceReceived",)

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case EvidenceReceived():
                self.means.sanitise(event, cause.context)
