"""Parked events: those that a subscriber failed to handle, with the error."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from application.ports.codec import RecordedEvent

AT_ONCE = datetime.fromtimestamp(0, UTC)
"""The value of ``retry_at`` for a retry without delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """An event that a subscriber could not handle.

    ``verdict`` is the operator's: "" (none yet), "retry" or "drop".

    ``tries`` counts the failures; it is 0 for an event that waits for an earlier one of its stream.
    The event is retried at ``retry_at``; None means not before a verdict.
    """

    subscriber: str
    event: RecordedEvent
    error: str
    parked_at: str
    verdict: str = ""
    tries: int = 0
    retry_at: datetime | None = None

    @property
    def service(self) -> str:
        return service_of(self.subscriber)


def service_of(subscriber: str) -> str:
    """Return the name of the query service whose build the subscriber feeds, or of the policy.

    All builds of a read model share the dropped events.
    """
    return subscriber.partition(".")[0]


class ParkedEvents(Protocol):
    """Stores the parked events of all subscribers. Methods raise StoreUnavailable."""

    def park(self, *events: ParkedEvent) -> None:
        """Store the events durably. Parking an event again replaces it."""
        ...

    def list(self, subscriber: str | None = None) -> Sequence[ParkedEvent]:
        """Return the parked events of one or all subscribers, by subscriber, log and position."""
        ...

    def due(self, subscriber: str, at: datetime, limit: int) -> Sequence[ParkedEvent]:
        """Return up to ``limit`` events whose retry is due, the longest due first."""
        ...

    def of_stream(self, subscriber: str, log: str, stream: str) -> Sequence[ParkedEvent]:
        """Return the subscriber's parked events of one stream, in order."""
        ...

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        """Record the verdict, and make the retry due. Returns False if no such event is parked.

        "drop" is remembered for the event's service until the verdict "retry" on the same event.
        """
        ...

    def dropped(self, service: str) -> frozenset[str]:
        """Return the ids of all dropped events, parked or not."""
        ...

    def take_back(self, service: str, event_id: str) -> bool:
        """Forget that the event was dropped. Returns False if it was not."""
        ...

    def remove(self, subscriber: str, *event_ids: str) -> None: ...
