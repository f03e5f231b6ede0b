"""Accept evidence in a case when its exhibit is cited and verified; withhold or return it later.

One policy handles these events, in the order of the log. Otherwise evidence that moderation
withholds could be shown for a moment.
"""

from application.engine.policy import Cause, skipping_erased
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case_commands import AcceptEvidence, ReturnEvidence, WithholdEvidence
from domain.cases.exhibit import ExhibitAdmitted, ExhibitReturned, ExhibitWithheld


class WhenExhibitIsAdmittedThenAcceptEvidence(KlarityPolicy):
    name = "when-exhibit-is-admitted-then-accept-evidence"
    service = "cases"

    def react(
        self, event: ExhibitAdmitted | ExhibitWithheld | ExhibitReturned, cause: Cause
    ) -> None:
        match event:
            case ExhibitAdmitted():
                command = AcceptEvidence(
                    evidence_id=event.evidence_id,
                    kind=event.kind,
                    sha256=event.sha256,
                    commitment=event.commitment,
                    by=SYSTEM,
                    at=cause.at,
                )
                self.executors.cases.execute(event.case_id, command, cause.context())
            case ExhibitWithheld(evidence_id=item, rule=rule):
                withhold = WithholdEvidence(evidence_id=item, rule=rule, by=SYSTEM, at=cause.at)
                for case_id in event.case_ids:
                    self.executors.cases.execute(case_id, withhold, cause.context(case_id))
            case ExhibitReturned(evidence_id=item):
                give_back = ReturnEvidence(evidence_id=item, by=SYSTEM, at=cause.at)
                for case_id in event.case_ids:
                    with skipping_erased():
                        self.executors.cases.execute(case_id, give_back, cause.context(case_id))
