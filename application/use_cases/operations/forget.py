"""Forget the names and reasons of an erased member in what they did as an operator."""

from application.engine.contributions import Contributions
from application.engine.executor import CommandContext
from application.executors import InterventionExecutor
from application.ports.clock import Clock
from domain.actors import SYSTEM
from domain.operations.intervention import ForgetOperator


class ForgetInOperations:
    """The commands have random ids and no cause, as in ForgetInDiscussions."""

    def __init__(
        self, contributions: Contributions, interventions: InterventionExecutor, clock: Clock
    ) -> None:
        self._contributions = contributions
        self._interventions = interventions
        self._clock = clock

    def __call__(self, member_id: str) -> None:
        """Forget the member, if the log holds their erasure. It may be repeated."""
        for stream, _ in self._contributions.of_erased(member_id, "operations"):
            forget = ForgetOperator(by=SYSTEM, at=self._clock())
            self._interventions.execute(stream.partition("-")[2], forget, CommandContext())
