"""Reporting a case and backing it, refused at once where its evidence could never back it."""

from collections.abc import Sequence

from application.commands.executor import Context, Receipt
from application.commands.use_cases import Cases, Exhibits
from domain.cases.case import AttachEvidence, Case, ReportCase
from domain.cases.exhibit import must_be_free
from domain.ids import CaseId, EvidenceId, MemberId


class Report:
    """What two cases cite at the same moment is not found out here: the exhibit then settles it."""

    def __init__(self, cases: Cases, exhibits: Exhibits) -> None:
        self._cases = cases
        self._exhibits = exhibits

    def report(self, command: ReportCase, context: Context) -> Receipt[Case]:
        """Report a case with evidence that can back it."""
        self._must_be_free(
            command.evidence, command.case_id, command.by.member_id, anonymous=command.anonymous
        )
        return self._cases.execute(command.case_id, command, context)

    def attach(self, case_id: CaseId, command: AttachEvidence, context: Context) -> Receipt[Case]:
        """Back a case with more evidence."""
        case, by = self._cases.load(case_id).state, command.by.member_id
        anonymous = case.anonymous and case.author == by
        self._must_be_free(command.evidence, case_id, by, anonymous=anonymous)
        return self._cases.execute(case_id, command, context)

    def _must_be_free(
        self, evidence: Sequence[EvidenceId], case_id: CaseId, by: MemberId, *, anonymous: bool
    ) -> None:
        for item in evidence:
            must_be_free(self._exhibits.load(item).state, case_id, by, anonymous=anonymous)
