"""Report a case or attach evidence. Refuses evidence that could never back the case."""

from application.engine.executor import CommandContext, Receipt
from application.executors import CaseExecutor, ExhibitExecutor
from domain.cases.case import Case
from domain.cases.case_commands import AttachEvidence, ReportCase
from domain.cases.exhibit import must_be_citable
from domain.decider import DomainError
from domain.ids import CaseId


class Report:
    """Checks the evidence before the command. If two cases cite the same evidence at the same time,
    the check does not notice, and the exhibit decides later."""

    def __init__(self, cases: CaseExecutor, exhibits: ExhibitExecutor) -> None:
        self._cases = cases
        self._exhibits = exhibits

    def report(self, command: ReportCase, context: CommandContext) -> Receipt[Case]:
        """Report a case with evidence that can back it."""
        return self._execute(command, command.case_id, context, anonymous=command.anonymous)

    def attach(
        self, case_id: CaseId, command: AttachEvidence, context: CommandContext
    ) -> Receipt[Case]:
        """Attach more evidence to a case."""
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
            # A repeated command succeeds even if its evidence was rejected meanwhile.
            if done := self._cases.receipt(context):
                return done
            raise
        return self._cases.execute(case_id, command, context)
