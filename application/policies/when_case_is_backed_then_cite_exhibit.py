"""Cite the exhibit for each piece of evidence that a case names, even if it is not received yet."""

from itertools import zip_longest

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
            case CaseReported(author=author):
                for item, owner in zip_longest(event.evidence, event.owners):
                    self._cite(item, event.case_id, author, owner or author, cause)
            case EvidenceAttached(evidence_id=item, by=by, owner=owner):
                self._cite(item, event.case_id, by, MemberId(owner) or by, cause)

    def _cite(
        self, item: EvidenceId, case_id: CaseId, by: MemberId, cited_by: MemberId, cause: Cause
    ) -> None:
        """Cite the exhibit under the id or alias under which the member owns the evidence."""
        case = self.executors.cases.load(case_id).state
        command = CiteExhibit(
            evidence_id=item, case_id=case_id, cited_by=cited_by, by=SYSTEM, at=cause.at
        )
        facts = ExhibitFacts(anonymous=case.anonymous and case.author == by)
        self.executors.exhibits.execute(item, Informed(command, facts), cause.context(item))
