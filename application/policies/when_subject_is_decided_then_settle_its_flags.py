"""Settle the flags on a decided subject. Flaggers who were right gain weight, others lose it."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.moderation.flag import SettleFlag
from domain.moderation.record import CountFlag
from domain.moderation.subject import SubjectDecided


class WhenSubjectIsDecidedThenSettleItsFlags(KlarityPolicy):
    name = "when-subject-is-decided-then-settle-its-flags"
    service = "moderation"

    def react(self, event: SubjectDecided, cause: Cause) -> None:
        match event:
            case SubjectDecided():
                for flag_id in event.flags:
                    self._settle(flag_id, cause, upheld=event.upheld)

    def _settle(self, flag_id: str, cause: Cause, *, upheld: bool) -> None:
        settle = SettleFlag(upheld=upheld, by=SYSTEM, at=cause.at)
        flag = self.executors.flags.execute(flag_id, settle, cause.context(flag_id)).state
        if flag.record_id:
            count = CountFlag(
                record_id=flag.record_id, flag_id=flag_id, upheld=upheld, by=SYSTEM, at=cause.at
            )
            context = cause.context(f"{flag_id} counted")
            self.executors.records.execute(flag.record_id, count, context)
