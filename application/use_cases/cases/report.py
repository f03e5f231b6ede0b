"""Reporting a case and backing it, refused at once where its evidence could never back it."""

from application.engine.executor import CommandContext, Receipt
from application.executors import CaseExecutor, ExhibitExecutor
from domain.cases.case import Case
from domain.cases.case_commands import AttachEvidence, ReportCase
from domain.cases.exhibit import must_be_citable
from domain.decider import DomainError
from domain.ids import CaseId


class Report:
    """What two cases cite at the same moment is not found out here: the exhibit then settles it."""

    def __init__(self, cases: CaseExecutor, exhibits: ExhibitExecutor) -> None:
        self._cases = cases
        self._exhibits = exhibits

    def report(self, command: ReportCase, context: CommandContext) -> Receipt[Case]:
        """Report a case with evidence that can back it."""
        return self._execute(command, command.case_id, context, anonymous=command.anonymous)

    def attach(
        self, case_id: CaseId, command: AttachEvidence, context: CommandContext
    ) -> Receipt[Case]:
        """Back a case with more evidence."""
        case = self._cases.load(case_id).state
        anonymous = case.anonymous and case.author == command.by.member_id
        return self._execute(command, case_id, context, anonymous=anonymous)

    def _execute(
        self,
        command: ReportCase | AttachEvidence,
        case_id: CaseId,
        context: CommandContext,
        *,
        anonymous: bool,
    ) -> Receipt[Case]:
        try:
            for item in command.evidence:
                exhibit = self._exhibits.load(item).state
                must_be_citable(exhibit, case_id, command.by.member_id, anonymous=anonymous)
        except DomainError:
            # What was done before stays done, whatever became of its evidence since.
            if done := self._cases.receipt(context):
                return done
            raise
        return self._cases.execute(case_id, command, context)
