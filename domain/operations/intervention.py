"""An intervention: what an operator did to the running system, and why.

It is stored before it takes effect. A policy then carries it out and records the result, so that
nothing is done without a trace, and what was asked is done even if the process dies meanwhile.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import NewType, assert_never

from domain.actors import Actor
from domain.decider import Decider, DomainError, must_be_system
from domain.ids import MemberId
from domain.personal import PersonalText, SealedMember
from domain.times import MINUTE

MOST_TARGETS = 500
LONGEST_NAME = 100
LONGEST_REASON = 500

InterventionId = NewType("InterventionId", str)


class Action(StrEnum):
    """What an operator does.

    The first three concern parked and dropped events, OPEN the personal fields of an event, and the
    others a read model.
    """

    RETRY = "retry"
    DROP = "drop"
    TAKE_BACK = "take-back"
    OPEN = "open"
    REBUILD = "rebuild"
    REBUILD_AND_SWAP = "rebuild-and-swap"
    THROTTLE = "throttle"
    COMPARE = "compare"
    CANCEL = "cancel"
    SWAP = "swap"
    ROLL_BACK = "roll-back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parked event of a subscriber, which had failed so many times when the operator decided."""

    subscriber: str
    event_id: str
    tries: int = 0


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginIntervention:
    """``subject`` is the service, subscriber or event that it concerns. ``by`` is the member who
    signed in, or the system if the operator has access to the machine. ``events_a_second`` is the
    speed at most of a rebuild; 0 means no limit."""

    intervention_id: InterventionId
    action: Action
    subject: str
    targets: tuple[Target, ...] = ()
    events_a_second: float = 0.0
    operator: str
    reason: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishIntervention:
    """``done`` says how many targets it changed, ``failed`` why it changed none if it should."""

    done: int = 0
    failed: str = ""
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetOperator:
    """Forget the name and the reason: the member was erased."""

    by: Actor
    at: datetime


InterventionCommand = BeginIntervention | FinishIntervention | ForgetOperator


# Events. Who intervened and why is in an event of its own, so that the others remain readable after
# the member was erased.


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionBegun:
    intervention_id: InterventionId
    action: Action
    subject: str
    targets: tuple[Target, ...] = ()
    events_a_second: float = 0.0
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionSigned:
    """``by`` is the member, or the intervention itself if the operator did not sign in: then it has
    a key of its own."""

    intervention_id: InterventionId
    by: SealedMember
    operator: PersonalText
    reason: PersonalText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionFinished:
    intervention_id: InterventionId
    done: int
    failed: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorForgotten:
    intervention_id: InterventionId
    at: datetime


InterventionEvent = (
    InterventionBegun | InterventionSigned | InterventionFinished | OperatorForgotten
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    begun: InterventionBegun | None = None
    result: InterventionFinished | None = None
    forgotten: bool = False


def decide(command: InterventionCommand, state: Intervention) -> list[InterventionEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case BeginIntervention():
            return _begin(command, state)
        case FinishIntervention():
            return _finish(command, state)
        case ForgetOperator():
            return _forget(command, state)
        case _:
            assert_never(command)


def evolve(state: Intervention, event: InterventionEvent) -> Intervention:
    """Return the state after the event."""
    match event:
        case InterventionBegun():
            return Intervention(begun=event)
        case InterventionSigned():
            return state
        case InterventionFinished():
            return replace(state, result=event)
        case OperatorForgotten():
            return replace(state, forgotten=True)
        case _:
            assert_never(event)


def _begin(command: BeginIntervention, state: Intervention) -> list[InterventionEvent]:
    if not command.by.operates:
        raise DomainError("forbidden", "Only an operator may do this.")
    if state.begun:
        return []
    _must_be_explained(command)
    begun = InterventionBegun(
        intervention_id=command.intervention_id,
        action=command.action,
        subject=command.subject,
        targets=command.targets,
        events_a_second=command.events_a_second,
        at=command.at,
    )
    return [begun, _signed(command)]


def _must_be_explained(command: BeginIntervention) -> None:
    for what, text, most in (
        ("your name", command.operator, LONGEST_NAME),
        ("a reason", command.reason, LONGEST_REASON),
    ):
        if not (text.strip() and len(text) <= most and text.isprintable()):
            raise DomainError(
                "bad-intervention", f"Give {what}: one line of at most {most} characters."
            )
    if len(command.targets) > MOST_TARGETS:
        raise DomainError(
            "bad-intervention", f"At most {MOST_TARGETS} events can be decided on at a time."
        )
    if not (isfinite(command.events_a_second) and command.events_a_second >= 0):
        raise DomainError("bad-intervention", "Give a number of events a second, 0 for no limit.")


def _signed(command: BeginIntervention) -> InterventionSigned:
    return InterventionSigned(
        intervention_id=command.intervention_id,
        by=command.by.member_id or MemberId(command.intervention_id),
        operator=command.operator,
        reason=command.reason,
        at=command.at,
    )


def _finish(command: FinishIntervention, state: Intervention) -> list[InterventionEvent]:
    must_be_system(command.by, "Only the system carries out interventions.")
    begun = _begun(state)
    if state.result:
        return []
    finished = InterventionFinished(
        intervention_id=begun.intervention_id,
        done=command.done,
        failed=command.failed,
        at=command.at,
    )
    return [finished]


def _forget(command: ForgetOperator, state: Intervention) -> list[InterventionEvent]:
    must_be_system(command.by, "Only the system forgets operators.")
    begun = _begun(state)
    if state.forgotten:
        return []
    return [OperatorForgotten(intervention_id=begun.intervention_id, at=command.at)]


def _begun(state: Intervention) -> InterventionBegun:
    if state.begun is None:
        raise DomainError("not-found", "There is no such intervention.")
    return state.begun


def _grain(_: Intervention) -> timedelta:
    return MINUTE


intervention_decider: Decider[InterventionCommand, Intervention, InterventionEvent] = Decider(
    category="intervention",
    initial=Intervention(),
    decide=decide,
    evolve=evolve,
    grain=_grain,
)
