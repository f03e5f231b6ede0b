"""Verify the exhibit when its evidence is sanitised: it can back the cases that cite it."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.exhibit import VerifyExhibit
from domain.evidence.evidence import EvidenceMadeAvailable


class WhenEvidenceIsAvailableThenVerifyExhibit(KlarityPolicy):
    name = "when-evidence-is-available-then-verify-exhibit"
    service = "cases"

    def react(self, event: EvidenceMadeAvailable, cause: Cause) -> None:
        match event:
            case EvidenceMadeAvailable():
                command = VerifyExhibit(
                    evidence_id=event.evidence_id,
                    owner=event.owner,
                    kind=event.kind,
                    sha256=event.sha256,
                    commitment=event.commitment,
                    by=SYSTEM,
                    at=cause.at,
                )
                self.executors.exhibits.execute(event.evidence_id, command, cause.context())
