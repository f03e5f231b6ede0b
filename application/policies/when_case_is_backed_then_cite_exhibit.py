"""Cite the exhibit for each piece of evidence that a case names, even if it is not received yet."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case_events import CaseReported, EvidenceAttached
from domain.cases.exhibit import CiteExhibit, ExhibitFacts
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MemberId


class WhenCaseIsBackedThenCiteExhibit(KlarityPolicy):
    name = "when-case-is-backed-then-cite-exhibit"
    service = "cases"

    def react(self, event: CaseReported | EvidenceAttached, cause: Cause) -> None:
        match event:
            case CaseReported():
                for evidence_id in event.evidence:
                    self._cite(evidence_id, event.case_id, event.author, cause)
            case EvidenceAttached():
                self._cite(event.evidence_id, event.case_id, event.by, cause)

    def _cite(
        self, evidence_id: EvidenceId, case_id: CaseId, cited_by: MemberId, cause: Cause
    ) -> None:
        case = self.executors.cases.load(case_id).state
        command = CiteExhibit(
            evidence_id=evidence_id,
            case_id=case_id,
            cited_by=cited_by,
            by=SYSTEM,
            at=cause.at,
        )
        facts = ExhibitFacts(anonymous=case.anonymous and case.author == cited_by)
        context = cause.context(evidence_id)
        self.executors.exhibits.execute(evidence_id, Informed(command, facts), context)
