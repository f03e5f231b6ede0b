"""Erase the texts of an erased member in moderation. Their flags and appeals still count."""

from application.engine.contributions import Contributions
from application.engine.executor import CommandContext
from application.executors import DecisionExecutor, FlagExecutor, SubjectExecutor
from application.ports.clock import Clock
from domain.actors import SYSTEM
from domain.ids import MemberId
from domain.moderation.decision import ForgetAppellant
from domain.moderation.flag import ForgetFlagger, flag_decider
from domain.moderation.subject import ForgetAuthor, subject_decider


class ForgetInModeration:
    """Forgets a member as author, flagger and appellant.

    The commands have random ids and no cause, as in ForgetInDiscussions.
    """

    def __init__(
        self,
        contributions: Contributions,
        subjects: SubjectExecutor,
        flags: FlagExecutor,
        decisions: DecisionExecutor,
        clock: Clock,
    ) -> None:
        self._contributions = contributions
        self._subjects = subjects
        self._flags = flags
        self._decisions = decisions
        self._clock = clock

    def __call__(self, member_id: str) -> None:
        """Forget the member, if the log holds their erasure. It may be repeated."""
        for stream, subject in self._contributions.of_erased(member_id, "moderation"):
            self._forget(MemberId(subject), stream)

    def _forget(self, member_id: MemberId, stream: str) -> None:
        category, _, key = stream.partition("-")
        context, at = CommandContext(), self._clock()
        match category:
            case subject_decider.category:
                self._subjects.execute(key, ForgetAuthor(by=SYSTEM, at=at), context)
            case flag_decider.category:
                self._flags.execute(key, ForgetFlagger(by=SYSTEM, at=at), context)
            case _:
                forget = ForgetAppellant(member_id=member_id, by=SYSTEM, at=at)
                self._decisions.execute(key, forget, context)
