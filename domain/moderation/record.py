"""A member's record as one who flags: how often moderators came to the same judgement."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.decider import Decider, must_be_system
from domain.ids import Actor

# Before anything is known of a member, a flag is taken to be right one time in four, as firmly as
# if four had been seen: the prior is Beta(1, 3).
RIGHT_BEFORE, SEEN_BEFORE = 1, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFlag:
    record_id: str
    upheld: bool
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagCounted:
    record_id: str
    upheld: bool
    at: datetime


RecordCommand = CountFlag
RecordEvent = FlagCounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    upheld: int = 0
    settled: int = 0

    @property
    def weight(self) -> float:
        """How probably the member's next flag is right, in (0, 1).

        It is the mean of the posterior of a beta-binomial model: (1 + upheld) / (4 + settled).
        """
        return (RIGHT_BEFORE + self.upheld) / (SEEN_BEFORE + self.settled)


def decide(command: RecordCommand, state: Record) -> list[RecordEvent]:  # noqa: ARG001 - a record takes whatever comes
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case CountFlag():
            must_be_system(command.by, "Only the system does this.")
            counted = FlagCounted(record_id=command.record_id, upheld=command.upheld, at=command.at)
            return [counted]
        case _:
            assert_never(command)


def evolve(state: Record, event: RecordEvent) -> Record:
    return replace(state, upheld=state.upheld + event.upheld, settled=state.settled + 1)


record_decider: Decider[RecordCommand, Record, RecordEvent] = Decider(
    category="record", initial=Record(), decide=decide, evolve=evolve
)
