"""Evidence is made safe to show as soon as it has been received."""

from application.engine.policy import Cause
from application.engine.turns import Lane, Turn
from application.policy import KlarityPolicy
from domain.evidence.evidence import EvidenceReceived
from domain.ids import MediaKind


class WhenEvidenceIsReceivedThenSanitiseIt(KlarityPolicy):
    name = "when-evidence-is-received-then-sanitise-it"
    service, slow = "evidence", True

    def react(self, event: EvidenceReceived, cause: Cause) -> None:
        match event:
            case EvidenceReceived():
                self.dependencies.sanitise(event, cause.context, cause.seconds)

    def turn(self, event: object) -> Turn:
        """Owners take turns. A video is long work at once, all else only if it turns out to be."""
        match event:
            case EvidenceReceived(kind=MediaKind.VIDEO):
                return Turn(event.owner, Lane.LONG)
            case EvidenceReceived():
                return Turn(event.owner, Lane.SHORT)
            case _:
                return Turn()
