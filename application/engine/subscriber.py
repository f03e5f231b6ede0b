"""What a subscription feeds: a projection into a read model, or a policy."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent
from application.ports.unavailable import Unavailable


class EventsFailed(Exception):
    """Some of the events cannot be handled. Nothing of theirs or of the others was saved.

    ``errors`` tells what went wrong, by event id.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors


class StillWorking(Unavailable):
    """A parked event is being tried again, which takes longer than anybody waits: ask later."""


def describe(error: Exception) -> str:
    """What is kept of an error with an event that failed."""
    return f"{type(error).__name__}: {error}"


class Subscriber(Protocol):
    """Handles events of some topics, and keeps how far it has come."""

    @property
    def name(self) -> str:
        """Unique in the system: it parks under it. A policy's group on the bus, its lease and its
        checkpoint have the same name."""
        ...

    @property
    def topics(self) -> Sequence[str]: ...

    def begin(self) -> None:
        """Forget what was known, in this process, of how far it has come."""
        ...

    def full(self) -> bool:
        """Whether it has so much in hand that it had better get no more just now."""
        ...

    def checkpoint(self) -> Checkpoint:
        """How far it has come, to go on from there."""
        ...

    def positions(self) -> Mapping[str, int]:
        """By log, how far it has come: for who only looks."""
        ...

    def concerns(self, event: RecordedEvent) -> bool:
        """Whether the event may matter. Where none of several does, they are not handed over."""
        ...

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        """Take the effects of the events, and save the checkpoint with them.

        Raises Fenced where another process has moved on meanwhile, Unavailable where a system
        behind it is away, StillWorking where a parked event takes a while, and EventsFailed where
        it knows which of the events cannot be handled; anything else that it raises is the fault
        of one of them.
        """
        ...
