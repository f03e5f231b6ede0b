"""Flags add up, and hide their subject when they are heavy enough."""

from application.policies.policy import Cause, Policy
from domain.moderation.flag import FlagRaised, weighing
from domain.moderation.subject import subject_key


class WhenFlagIsRaisedThenWeighIt(Policy):
    name = "when-flag-is-raised-then-weigh-it"
    service, topics = "moderation", ("moderation",)
    hears = ("moderation.FlagRaised",)

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case FlagRaised():
                command = weighing(event, self.means.hide_at, cause.at)
                key = subject_key(event.subject_kind, event.subject_id)
                self.do.subjects.execute(key, command, cause.context())
