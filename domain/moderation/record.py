"""The record of a member's flags: how many of them moderators upheld."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.actors import Actor
from domain.decider import Decider, must_be_system

# The prior is Beta(1, 3): the flag of a new member is right with a probability of one in four. The
# prior weighs as much as four settled flags.
PRIOR_UPHELD, PRIOR_SETTLED = 1, 4
MODERATORS_WEIGHT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFlag:
    """Count a flag that waits for moderators. Until they decide, it counts as rejected."""

    record_id: str
    flag_id: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFlag:
    """Count a flag that moderators upheld or rejected."""

    record_id: str
    flag_id: str
    upheld: bool
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagOpened:
    record_id: str
    flag_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagCounted:
    record_id: str
    flag_id: str
    upheld: bool
    at: datetime


RecordCommand = OpenFlag | CountFlag
RecordEvent = FlagOpened | FlagCounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``open`` are the flags that wait for moderators."""

    upheld: int = 0
    settled: int = 0
    open: tuple[str, ...] = ()

    @property
    def weight(self) -> float:
        """The probability that the member's next flag is right, in (0, 1).

        It is the posterior mean of a beta-binomial model, in which open flags count as rejected:
        (1 + upheld) / (4 + settled + open).
        """
        settled = self.settled + len(self.open)
        return (PRIOR_UPHELD + self.upheld) / (PRIOR_SETTLED + settled)

    def weight_of(self, flag_id: str) -> float:
        """Return the probability that this open flag is right, given all other flags."""
        return _without(self, flag_id).weight


def decide(command: RecordCommand, state: Record) -> list[RecordEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    must_be_system(command.by, "Only the system keeps records of flags.")
    record_id, flag_id, at = command.record_id, command.flag_id, command.at
    match command:
        case OpenFlag():
            opened = FlagOpened(record_id=record_id, flag_id=flag_id, at=at)
            return [] if flag_id in state.open else [opened]
        case CountFlag():
            upheld = command.upheld
            return [FlagCounted(record_id=record_id, flag_id=flag_id, upheld=upheld, at=at)]
        case _:
            assert_never(command)


def evolve(state: Record, event: RecordEvent) -> Record:
    """Return the state after the event."""
    match event:
        case FlagOpened():
            return replace(state, open=(*state.open, event.flag_id))
        case FlagCounted():
            upheld, settled = state.upheld + event.upheld, state.settled + 1
            return replace(_without(state, event.flag_id), upheld=upheld, settled=settled)
        case _:
            assert_never(event)


def _without(state: Record, flag_id: str) -> Record:
    return replace(state, open=tuple(other for other in state.open if other != flag_id))


record_decider: Decider[RecordCommand, Record, RecordEvent] = Decider(
    category="record", initial=Record(), decide=decide, evolve=evolve
)
