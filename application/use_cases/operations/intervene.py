"""Begin the interventions of operators, and carry out those on parked events."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from application.engine.derived_ids import new_command_id
from application.engine.executor import CommandContext
from application.engine.query_service import QueryService
from application.engine.rebuild import RebuildRefused, Rebuilds
from application.executors import InterventionExecutor
from application.ports.clock import Clock
from application.ports.parked import ParkedEvent, ParkedEvents, service_of
from application.ports.rebuilds import Then
from application.ports.unavailable import Unavailable
from domain.actors import SYSTEM, Actor
from domain.operations.intervention import (
    Action,
    BeginIntervention,
    FinishIntervention,
    InterventionBegun,
    InterventionFinished,
    InterventionId,
    Target,
)

ON_PARKED = (Action.RETRY, Action.DROP, Action.TAKE_BACK)
ON_READ_MODELS = (
    Action.REBUILD,
    Action.REBUILD_AND_SWAP,
    Action.COMPARE,
    Action.THROTTLE,
    Action.CANCEL,
    Action.SWAP,
    Action.ROLL_BACK,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Who intervenes, under which name and why. ``by`` is the system if nobody signed in."""

    operator: str
    reason: str
    by: Actor = SYSTEM


def target_of(parked: ParkedEvent) -> Target:
    """Return the parked event as a target, as it is now."""
    return Target(subscriber=parked.subscriber, event_id=parked.event.id, tries=parked.tries)


class CarryOut:
    """Carries out interventions on parked events and read models. It may be repeated."""

    def __init__(
        self,
        interventions: InterventionExecutor,
        parked: ParkedEvents,
        rebuilds: Rebuilds,
        services: Sequence[QueryService[Any]],
        clock: Clock,
    ) -> None:
        self._interventions = interventions
        self._parked = parked
        self._rebuilds = rebuilds
        self._services = {service.name: service for service in services}
        self._clock = clock

    def __call__(self, intervention_id: str, context: CommandContext) -> None:
        """Change the targets and record the result, unless that is done."""
        state = self._interventions.load(intervention_id).state
        if state.result or not state.begun:
            return
        if state.begun.action in ON_PARKED:
            done, failed = self._settle(state.begun), ""
        elif state.begun.action in ON_READ_MODELS:
            done, failed = self._rebuild(state.begun)
        else:
            return
        finish = FinishIntervention(done=done, failed=failed, by=SYSTEM, at=self._clock())
        self._interventions.execute(intervention_id, finish, context)

    def _rebuild(self, begun: InterventionBegun) -> tuple[int, str]:
        """Ask for what concerns a read model. Returns how often it was done, or why not."""
        service, wish = self._services[begun.subject], str(begun.intervention_id)
        speed = begun.events_a_second
        try:
            match begun.action:
                case Action.REBUILD:
                    self._rebuilds.begin(service, then=Then.HOLD, events_a_second=speed, wish=wish)
                case Action.REBUILD_AND_SWAP:
                    self._rebuilds.begin(service, then=Then.SWAP, events_a_second=speed, wish=wish)
                case Action.COMPARE:
                    self._rebuilds.compare(service, events_a_second=speed, wish=wish)
                case Action.THROTTLE:
                    self._rebuilds.throttle(service, speed, wish=wish)
                case Action.CANCEL:
                    self._rebuilds.cancel(service, wish=wish)
                case Action.SWAP:
                    self._rebuilds.swap(service, wish=wish)
                case _:
                    self._rebuilds.roll_back(service, wish=wish)
        except RebuildRefused as refused:
            return 0, str(refused)
        return 1, ""

    def _settle(self, begun: InterventionBegun) -> int:
        """Return how many targets were changed. A target that was tried meanwhile is left alone:
        the operator decided on an earlier failure, or this is a repetition."""
        tries = {
            (each.subscriber, each.event.id): each.tries
            for subscriber in {target.subscriber for target in begun.targets}
            for each in self._parked.list(subscriber)
        }
        return sum(
            self._settle_one(begun.action, target)
            for target in begun.targets
            if begun.action is not Action.RETRY
            or tries.get((target.subscriber, target.event_id)) == target.tries
        )

    def _settle_one(self, action: Action, target: Target) -> bool:
        if action is Action.TAKE_BACK:
            return self._parked.take_back(service_of(target.subscriber), target.event_id)
        return self._parked.decide(target.subscriber, target.event_id, action.value)


class Intervene:
    """Stores an intervention before it takes effect."""

    def __init__(
        self, interventions: InterventionExecutor, carry_out: CarryOut, clock: Clock
    ) -> None:
        self._interventions = interventions
        self._carry_out = carry_out
        self._clock = clock

    def begin(
        self,
        action: Action,
        subject: str,
        why: Explanation,
        targets: Sequence[Target] = (),
        events_a_second: float = 0.0,
    ) -> InterventionId:
        """Store who does what and why. Raises DomainError without a name or a reason."""
        intervention_id = InterventionId(new_command_id())
        command = BeginIntervention(
            intervention_id=intervention_id,
            action=action,
            subject=subject,
            targets=tuple(targets),
            events_a_second=events_a_second,
            operator=why.operator.strip(),
            reason=why.reason.strip(),
            by=why.by,
            at=self._clock(),
        )
        self._interventions.execute(intervention_id, command, CommandContext(new=True))
        return intervention_id

    def settle(self, action: Action, targets: Sequence[Target], why: Explanation) -> InterventionId:
        """Decide on parked events at once. If that fails, a policy does it soon."""
        subject = ", ".join(sorted({service_of(target.subscriber) for target in targets}))
        return self.do(action, subject, why, targets)

    def do(
        self,
        action: Action,
        subject: str,
        why: Explanation,
        targets: Sequence[Target] = (),
        events_a_second: float = 0.0,
    ) -> InterventionId:
        """Store it and carry it out at once. If that fails, a policy does it soon."""
        intervention_id = self.begin(action, subject, why, targets, events_a_second)
        with suppress(Unavailable):
            self._carry_out(intervention_id, CommandContext())
        return intervention_id

    def result(self, intervention_id: InterventionId) -> InterventionFinished | None:
        """Return what came of it, or None if it is still to be carried out."""
        return self._interventions.load(intervention_id).state.result
