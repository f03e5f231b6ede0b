"""The record of a member's flags: how many of them moderators upheld."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.actors import Actor
from domain.decider import Decider, must_be_system

# The prior is Beta(1, 3): a new member's flag is right with a probability of one in four, and four
# flags of their own outweigh it.
RIGHT_BEFORE, SEEN_BEFORE = 1, 4
MODERATORS_WEIGHT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFlag:
    """A flag waits for moderators. Until they decide, it counts as one that they reject."""

    record_id: str
    flag_id: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFlag:
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
        """How probably the member's next flag is right, in (0, 1).

        It is the mean of the posterior of a beta-binomial model, in which those that wait count as
        seen: (1 + upheld) / (4 + settled + open).
        """
        seen = self.settled + len(self.open)
        return (RIGHT_BEFORE + self.upheld) / (SEEN_BEFORE + seen)

    def weight_of(self, flag_id: str) -> float:
        """Return how probably this flag is right, beside the others that wait."""
        return _without(self, flag_id).weight


def decide(command: RecordCommand, state: Record) -> list[RecordEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    must_be_system(command.by, "Only the system does this.")
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
