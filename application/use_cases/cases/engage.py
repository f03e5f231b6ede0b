"""Support, follow or share a case, if it is public."""

from application.engine.derived_ids import keyed_id
from application.engine.executor import CommandContext, Receipt
from application.executors import CaseExecutor, EngagementExecutor
from application.ports.clock import Clock
from application.use_cases.authorship import Authorship
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
    members can support a case at the same time. The names of the streams are keyed: nobody can try
    which members have one."""

    def __init__(
        self,
        cases: CaseExecutor,
        engagements: EngagementExecutor,
        authorship: Authorship,
        *,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._cases = cases
        self._authorship = authorship
        self._engagements = engagements
        self._key = key
        self._clock = clock

    def support(
        self, case_id: CaseId, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        case = self._public_case(case_id)
        actor = self._authorship.as_owner(actor, case.author)
        facts = EngagementFacts(author=case.author)
        command = SupportCase(case_id=case_id, by=actor, at=self._clock())
        return self._execute(case_id, actor, Informed(command, facts), context)

    def withdraw_support(
        self, case_id: CaseId, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        actor = self._authorship.in_case(actor, case_id)
        command = WithdrawSupport(by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def follow(self, case_id: CaseId, actor: Actor, context: CommandContext) -> Receipt[Engagement]:
        actor = self._authorship.as_owner(actor, self._public_case(case_id).author)
        command = FollowCase(case_id=case_id, by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def unfollow(
        self, case_id: CaseId, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        actor = self._authorship.in_case(actor, case_id)
        command = UnfollowCase(by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def share(
        self, case_id: CaseId, network: ShareNetwork, actor: Actor, context: CommandContext
    ) -> Receipt[Engagement]:
        actor = self._authorship.as_owner(actor, self._public_case(case_id).author)
        command = ShareCase(case_id=case_id, network=network, by=actor, at=self._clock())
        return self._execute(case_id, actor, command, context)

    def _execute(
        self, case_id: CaseId, actor: Actor, command: EngagementCommand, context: CommandContext
    ) -> Receipt[Engagement]:
        engagement_id = keyed_id(self._key, "engagement", case_id, actor.member_id)
        return self._engagements.execute(engagement_id, command, context)

    def _public_case(self, case_id: CaseId) -> Case:
        case = self._cases.load(case_id).state
        if case.status is CaseStatus.ERASED:
            raise DomainError("erased", "This case was erased.")
        if not case.is_public:
            raise DomainError("not-found", "There is no such public case.")
        return case
