"""Support, follow or share a case, if it is public."""

from application.engine.derived_ids import derived_id
from application.engine.executor import CommandContext, Receipt
from application.executors import CaseExecutor, EngagementExecutor
from application.ports.clock import Clock
from domain.actors import Actor
from domain.cases.case import Case
from domain.cases.case_details import CaseStatus
from domain.cases.engagement import (
    Engagement,
    EngagementCommand,
    EngagementFacts,
    FollowCase,
    ShareCase,
    ShareNetwork,
    SupportCase,
    UnfollowCase,
    WithdrawSupport,
)
from domain.decider import DomainError, Informed
from domain.ids import CaseId


class Engage:
    """Executes commands on engagements: one stream per member and case, so that thousands of
    members can support a case at the same time."""

    def __init__(self, cases: CaseExecutor, engagements: EngagementExecutor, clock: Clock) -> None:
        self._cases = cases
        self._engagements = engagements
        self._clock = clock

    def support(
        self, case_id: CaseId, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        facts = EngagementFacts(author=self._public_case(case_id).author)
        command = SupportCase(case_id=case_id, by=actor, at=self._clock())
        return self._execute(case_id, actor, Informed(command, facts), context)

    def withdraw_support(
        self, case_id: CaseId, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        command = WithdrawSupport(by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def follow(self, case_id: CaseId, actor: Actor, context: CommandContext) -> Receipt[Engagement]:
        self._public_case(case_id)
        command = FollowCase(case_id=case_id, by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def unfollow(
        self, case_id: CaseId, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        command = UnfollowCase(by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def share(
        self, case_id: CaseId, network: ShareNetwork, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        self._public_case(case_id)
        command = ShareCase(case_id=case_id, network=network, by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def _execute(
        self, case_id: CaseId, actor: Actor, command: EngagementCommand, context: CommandContext
    ) -> Receipt[Engagement]:
        engagement_id = derived_id(case_id, actor.member_id)
        return self._engagements.execute(engagement_id, command, context)

    def _public_case(self, case_id: CaseId) -> Case:
        case = self._cases.load(case_id).state
        if case.status is CaseStatus.ERASED:
            raise DomainError("erased", "This case was erased.")
        if not case.is_public:
            raise DomainError("not-found", "There is no such public case.")
        return case
