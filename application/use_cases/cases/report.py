"""Report a case or attach evidence. Refuses evidence that could never back the case."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from application.engine.executor import CommandContext, Receipt
from application.executors import CaseExecutor, ExhibitExecutor
from application.use_cases.authorship import Authorship
from domain.actors import Actor
from domain.cases.case import Case
from domain.cases.case_commands import AttachEvidence, CaseCommand, CaseFacts, ReportCase
from domain.cases.case_details import EvidenceIds
from domain.cases.exhibit import must_be_citable
from domain.decider import DomainError, Informed
from domain.ids import CaseId, EvidenceId, MemberId


class Report:
    """Checks the evidence before the command. If two cases cite the same evidence at the same time,
    the check does not notice, and the exhibit decides later.

    ``draw`` returns a random number below the given one, each with the same probability.
    """

    def __init__(
        self,
        cases: CaseExecutor,
        exhibits: ExhibitExecutor,
        authorship: Authorship,
        draw: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._cases = cases
        self._exhibits = exhibits
        self._authorship = authorship
        self._draw = draw

    def report(self, command: ReportCase, context: CommandContext) -> Receipt[Case]:
        """Report a case with evidence that can back it; anonymously under a new alias."""
        by, case_id, anonymous = command.by, command.case_id, command.anonymous
        author = self._authorship.as_new_author(by, case_id) if anonymous else by
        owners = self._owners(by, command.evidence)
        command = replace(command, by=author, owners=owners)
        informed = Informed(command, CaseFacts(delay=self._delay(command.publish_within)))
        return self._execute(informed, owners, case_id, context, anonymous=anonymous)

    def attach(
        self, case_id: CaseId, command: AttachEvidence, context: CommandContext
    ) -> Receipt[Case]:
        """Attach more evidence to a case."""
        case = self._cases.load(case_id).state
        by, owners = command.by, self._owners(command.by, command.evidence)
        command = replace(command, by=self._authorship.as_owner(by, case.author), owners=owners)
        anonymous = case.anonymous and case.author == command.by.member_id
        return self._execute(command, owners, case_id, context, anonymous=anonymous)

    def _delay(self, hours: int | None) -> timedelta:
        """Return a delay that is drawn evenly from so many hours, to the second."""
        longest = timedelta(hours=hours or 0) // timedelta(seconds=1)
        return timedelta(seconds=self._draw(longest + 1))

    def _owners(self, by: Actor, evidence: EvidenceIds) -> Mapping[EvidenceId, MemberId]:
        return {item: self._authorship.owner_of(by, item) for item in evidence}

    def _execute(
        self,
        command: CaseCommand,
        owners: Mapping[EvidenceId, MemberId],
        case_id: CaseId,
        context: CommandContext,
        *,
        anonymous: bool,
    ) -> Receipt[Case]:
        try:
            for item, owner in owners.items():
                exhibit = self._exhibits.load(item).state
                must_be_citable(exhibit, case_id, owner, anonymous=anonymous)
        except DomainError:
            # A repeated command succeeds even if its evidence was rejected meanwhile.
            if done := self._cases.receipt(context):
                return done
            raise
        return self._cases.execute(case_id, command, context)
