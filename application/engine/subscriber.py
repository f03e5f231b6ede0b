"""A subscriber: the projection of a query service, or a policy."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent
from application.ports.unavailable import Unavailable

OWN_PACKAGES = ("domain", "application", "adapters")


class EventsFailed(Exception):
    """Some of the events cannot be handled. No effect of any of them was saved.

    ``errors`` holds the error messages by event id.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors


class StillWorking(Unavailable):
    """The retry of a parked event has not finished yet; call again later."""


def describe(error: Exception) -> str:
    """Return the text that is stored with a parked event: the class, and what our own errors say.

    The messages of all others may quote what people wrote. The log tells where it happened.
    """
    name, package = type(error).__name__, type(error).__module__.partition(".")[0]
    return f"{name}: {error}" if package in OWN_PACKAGES else name


def correlated(event: RecordedEvent) -> Mapping[str, str]:
    """Return what a line of the log about the event says beside its text."""
    return {"correlation_id": event.correlation_id}


class Subscriber(Protocol):
    """Handles the events of some topics, and stores its checkpoint."""

    @property
    def name(self) -> str:
        """Unique in the system. Its parked events are stored under this name; of a policy, so are
        its group on the bus, its lease and its checkpoint."""
        ...

    @property
    def topics(self) -> Sequence[str]: ...

    def begin(self) -> None:
        """Drop what this process knows of the checkpoint: another one may have moved it."""
        ...

    def is_full(self) -> bool:
        """Return whether it takes no more events at the moment."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint to continue from."""
        ...

    def positions(self) -> Mapping[str, int]:
        """Return the last position by log, for monitoring only."""
        ...

    def concerns(self, event: RecordedEvent) -> bool:
        """Return whether it has to handle the event. A batch without such an event is skipped."""
        ...

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        """Handle the events and save the checkpoint.

        Raises Fenced if another process has moved the checkpoint, Unavailable if a system that it
        needs is unavailable, StillWorking if a parked event takes longer, and EventsFailed if it
        knows which events cannot be handled. Any other exception means that one of them failed.
        """
        ...
