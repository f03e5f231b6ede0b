"""Erase the contributions of an erased member to cases."""

from application.engine.contributions import Contributions
from application.engine.executor import CommandContext
from application.executors import CaseExecutor, PartyExecutor
from application.ports.clock import Clock
from domain.actors import SYSTEM
from domain.cases.case import case_decider
from domain.cases.case_commands import ForgetMember
from domain.cases.party import ForgetClaimant, party_decider
from domain.ids import MemberId


class ForgetInCases:
    """Erases a member's cases, and their contributions to the cases of others.

    The commands have random ids and no cause. Otherwise their events would link an anonymous case
    to the erasure of its author.
    """

    def __init__(
        self,
        contributions: Contributions,
        cases: CaseExecutor,
        parties: PartyExecutor,
        clock: Clock,
    ) -> None:
        self._contributions = contributions
        self._cases = cases
        self._parties = parties
        self._clock = clock

    def __call__(self, member_id: str) -> None:
        """Erase the contributions, if the log holds the member's erasure. It may be repeated."""
        for stream, subject in self._contributions.of_erased(member_id, "cases"):
            self._forget(stream, MemberId(subject))

    def _forget(self, stream: str, member_id: MemberId) -> None:
        category, _, key = stream.partition("-")
        at = self._clock()
        if category == case_decider.category:
            forget = ForgetMember(member_id=member_id, by=SYSTEM, at=at)
            self._cases.execute(key, forget, CommandContext())
        elif category == party_decider.category:
            forget_claimant = ForgetClaimant(member_id=member_id, by=SYSTEM, at=at)
            self._parties.execute(key, forget_claimant, CommandContext())
