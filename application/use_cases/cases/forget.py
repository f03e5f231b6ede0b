"""Erasing all that an erased member contributed to cases."""

import logging
from random import SystemRandom

from application.engine.contributions import streams_of
from application.engine.erasures import is_erased_in_log
from application.engine.executor import CommandContext
from application.executors import CaseExecutor, PartyExecutor
from application.ports.clock import Clock
from application.ports.codec import EventCodec
from application.ports.history import History
from domain.actors import SYSTEM
from domain.cases.case import ForgetMember, case_decider
from domain.cases.party import ForgetClaimant, party_decider
from domain.ids import MemberId

log = logging.getLogger(__name__)

LOG = "cases"


class ForgetInCases:
    """Finds the streams that a member contributed to by reading the whole log: nothing else may
    tell which those are.

    The commands have random ids and name no cause, and the streams are taken in random order: what
    is stored must not lead from an anonymous case to the member whose erasure ended it.
    """

    def __init__(
        self,
        history: History,
        codec: EventCodec,
        cases: CaseExecutor,
        parties: PartyExecutor,
        clock: Clock,
    ) -> None:
        self._history = history
        self._codec = codec
        self._cases = cases
        self._parties = parties
        self._clock = clock

    def __call__(self, member_id: str) -> None:
        """Erase what the member contributed, if the log has their erasure. It may be repeated."""
        if not is_erased_in_log(self._history, member_id):
            log.error("kept the contributions of a member whose erasure is not in the log")
            return
        # Without a key they contribute nothing more while the log is read.
        self._codec.forget(member_id)
        streams = list(streams_of(self._history, self._codec, LOG, member_id))
        SystemRandom().shuffle(streams)
        for stream in streams:
            self._forget(stream, MemberId(member_id))

    def _forget(self, stream: str, member_id: MemberId) -> None:
        category, _, key = stream.partition("-")
        at = self._clock()
        if category == case_decider.category:
            forget = ForgetMember(member_id=member_id, by=SYSTEM, at=at)
            self._cases.execute(key, forget, CommandContext())
        elif category == party_decider.category:
            forget_claimant = ForgetClaimant(member_id=member_id, by=SYSTEM, at=at)
            self._parties.execute(key, forget_claimant, CommandContext())
