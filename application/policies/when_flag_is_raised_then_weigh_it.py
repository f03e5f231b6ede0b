"""Add the weight of a flag to its subject, which is hidden at a threshold."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.decider import Informed
from domain.moderation.flag import FlagRaised, weighing
from domain.moderation.record import MODERATORS_WEIGHT, OpenFlag
from domain.moderation.subject import SubjectFacts, subject_key


class WhenFlagIsRaisedThenWeighIt(KlarityPolicy):
    name = "when-flag-is-raised-then-weigh-it"
    service = "moderation"

    def react(self, event: FlagRaised, cause: Cause) -> None:
        match event:
            case FlagRaised():
                weight, threshold = self._weight(event, cause), self.dependencies.hide_at
                facts = SubjectFacts(weight=weight, threshold=threshold)
                command = Informed(weighing(event, cause.at), facts)
                key = subject_key(event.subject_kind, event.subject_id)
                self.executors.subjects.execute(key, command, cause.context())

    def _weight(self, event: FlagRaised, cause: Cause) -> float:
        """Return the flag's weight: what the member's record says by now, but no more than when the
        flag was raised; without a record, the weight of then."""
        flag_id = event.flag_id
        record_id = self.executors.flags.load(flag_id, upto=cause.event.version).state.record_id
        if not record_id:
            return event.weight
        command = OpenFlag(record_id=record_id, flag_id=flag_id, by=SYSTEM, at=cause.at)
        record = self.executors.records.execute(record_id, command, cause.context("opened")).state
        moderators = event.weight >= MODERATORS_WEIGHT
        return event.weight if moderators else min(event.weight, record.weight_of(flag_id))
