"""The record of a member's flags: how many of them moderators upheld, and on which days.

Flags of a member without history weigh nothing (ADR 39).
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never

from domain.actors import Actor
from domain.decider import Decider, must_be_system

# The prior is Beta(1, 3): the flag of a new member is right with a probability of one in four. The
# prior weighs as much as four settled flags.
PRIOR_UPHELD, PRIOR_SETTLED = 1, 4
MODERATORS_WEIGHT = 1.0
WITHOUT_WEIGHT = 0.0
# Moderators upheld flags of the member on so many different days. Accounts made for an attack get
# there only with flags that were right, and not at once.
DAYS_OF_HISTORY = 3


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
    """``open`` are the flags that wait for moderators. ``days`` are the days on which moderators
    upheld a flag, as many as history takes."""

    upheld: int = 0
    settled: int = 0
    open: tuple[str, ...] = ()
    days: frozenset[date] = frozenset()

    @property
    def has_history(self) -> bool:
        return len(self.days) >= DAYS_OF_HISTORY

    @property
    def weight(self) -> float:
        """The weight of the member's next flag: the probability that it is right, in (0, 1), or
        nothing without history.

        It is the posterior mean of a beta-binomial model, in which open flags count as rejected:
        (1 + upheld) / (4 + settled + open).
        """
        if not self.has_history:
            return WITHOUT_WEIGHT
        settled = self.settled + len(self.open)
        return (PRIOR_UPHELD + self.upheld) / (PRIOR_SETTLED + settled)

    def weight_of(self, flag_id: str) -> float:
        """Return the weight of this open flag, given all other flags."""
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
            return _counted(_without(state, event.flag_id), event)
        case _:
            assert_never(event)


def _counted(state: Record, event: FlagCounted) -> Record:
    counted = replace(state, settled=state.settled + 1)
    if not event.upheld:
        return counted
    days = state.days if state.has_history else state.days | {event.at.date()}
    return replace(counted, upheld=state.upheld + 1, days=days)


def _without(state: Record, flag_id: str) -> Record:
    return replace(state, open=tuple(other for other in state.open if other != flag_id))


record_decider: Decider[RecordCommand, Record, RecordEvent] = Decider(
    category="record", initial=Record(), decide=decide, evolve=evolve
)
