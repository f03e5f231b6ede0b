"""Report a case or attach evidence. Refuses evidence that could never back the case."""

from collections.abc import Mapping
from dataclasses import replace

from application.engine.executor import CommandContext, Receipt
from application.executors import CaseExecutor, ExhibitExecutor
from application.use_cases.authorship import Authorship
from domain.actors import Actor
from domain.cases.case import Case
from domain.cases.case_commands import AttachEvidence, ReportCase
from domain.cases.case_details import EvidenceIds
from domain.cases.exhibit import must_be_citable
from domain.decider import DomainError
from domain.ids import CaseId, EvidenceId, MemberId


class Report:
    """Checks the evidence before the command. If two cases cite the same evidence at the same time,
    the check does not notice, and the exhibit decides later."""

    def __init__(
        self, cases: CaseExecutor, exhibits: ExhibitExecutor, authorship: Authorship
    ) -> None:
        self._cases = cases
        self._exhibits = exhibits
        self._authorship = authorship

    def report(self, command: ReportCase, context: CommandContext) -> Receipt[Case]:
        """Report a case with evidence that can back it; anonymously under a new alias."""
        by, case_id, anonymous = command.by, command.case_id, command.anonymous
        author = self._authorship.as_new_author(by, case_id) if anonymous else by
        command = replace(command, by=author, owners=self._owners(by, command.evidence))
        return self._execute(command, case_id, context, anonymous=anonymous)

    def attach(
        self, case_id: CaseId, command: AttachEvidence, context: CommandContext
    ) -> Receipt[Case]:
        """Attach more evidence to a case."""
        case = self._cases.load(case_id).state
        by, owners = command.by, self._owners(command.by, command.evidence)
        command = replace(command, by=self._authorship.as_owner(by, case.author), owners=owners)
        anonymous = case.anonymous and case.author == command.by.member_id
        return self._execute(command, case_id, context, anonymous=anonymous)

    def _owners(self, by: Actor, evidence: EvidenceIds) -> Mapping[EvidenceId, MemberId]:
        return {item: self._authorship.owner_of(by, item) for item in evidence}

    def _execute(
        self,
        command: ReportCase | AttachEvidence,
        case_id: CaseId,
        context: CommandContext,
        *,
        anonymous: bool,
    ) -> Receipt[Case]:
        try:
            for item, owner in command.owners.items():
                exhibit = self._exhibits.load(item).state
                must_be_citable(exhibit, case_id, owner, anonymous=anonymous)
        except DomainError:
            # A repeated command succeeds even if its evidence was rejected meanwhile.
            if done := self._cases.receipt(context):
                return done
            raise
        return self._cases.execute(case_id, command, context)
