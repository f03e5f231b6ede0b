"""Sanitise evidence as soon as it is received."""

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
        """Let members take turns. Videos start in the long lane, other files in the short one."""
        match event:
            case EvidenceReceived(kind=MediaKind.VIDEO):
                return Turn(event.turn or event.owner, Lane.LONG)
            case EvidenceReceived():
                return Turn(event.turn or event.owner, Lane.SHORT)
            case _:
                return Turn()
