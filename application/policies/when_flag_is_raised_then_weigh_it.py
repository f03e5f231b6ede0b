"""Flags add up, and hide their subject when they are heavy enough."""

from application.policies.policy import Cause, Policy
from domain.ids import SYSTEM
from domain.moderation.flag import FlagRaised
from domain.moderation.subject import WeighFlag, subject_key


class WhenFlagIsRaisedThenWeighIt(Policy):
    name = "when-flag-is-raised-then-weigh-it"
    service, topics = "moderation", ("moderation",)
    hears = ("moderation.FlagRaised",)

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case FlagRaised():
                command = WeighFlag(
                    flag_id=event.flag_id,
                    rule=event.rule,
                    weight=event.weight,
                    threshold=self.means.hide_at,
                    by=SYSTEM,
                    at=cause.at,
                )
                key = subject_key(event.subject_kind, event.subject_id)
                self.do.subjects.execute(key, command, cause.context())
