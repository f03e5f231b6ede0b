"""Evidence that moderation withholds backs no case meanwhile."""

from application.policies.policy import Cause, Policy
from domain.cases.case import ReturnEvidence, WithholdEvidence
from domain.cases.exhibit import ExhibitReturned, ExhibitWithheld
from domain.ids import SYSTEM


class WhenExhibitIsWithheldThenWithholdEvidence(Policy):
    name = "when-exhibit-is-withheld-then-withhold-evidence"
    service, topics = "cases", ("cases",)

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case ExhibitWithheld(evidence_id=item, rule=rule):
                withhold = WithholdEvidence(evidence_id=item, rule=rule, by=SYSTEM, at=cause.at)
                for case_id in event.case_ids:
                    self.do.cases.execute(case_id, withhold, cause.context(case_id))
            case ExhibitReturned(evidence_id=item):
                give_back = ReturnEvidence(evidence_id=item, by=SYSTEM, at=cause.at)
                for case_id in event.case_ids:
                    self.do.cases.execute(case_id, give_back, cause.context(case_id))
