"""Events that a subscriber could not handle, kept with what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from application.ports.codec import RecordedEvent

AT_ONCE = datetime.fromtimestamp(0, UTC)
"""The time of the next try where nobody shall wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """``verdict`` is what someone decided: "" (nothing yet), "retry" or "drop".

    ``tries`` counts how often it failed: never, where it waits for an earlier event of its stream.
    It is tried again at ``retry_at``, and not before someone decides where that is None.
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
    """Return the query service that a subscriber feeds a build of; a policy is its own.

    All builds of a read model share which events were dropped.
    """
    return subscriber.partition(".")[0]


class ParkedEvents(Protocol):
    def park(self, *events: ParkedEvent) -> None:
        """Keep the events durably; parking one again replaces it."""
        ...

    def list(self, subscriber: str | None = None) -> Sequence[ParkedEvent]:
        """Return the parked events of one or all subscribers, by subscriber, log and position."""
        ...

    def due(self, subscriber: str, at: datetime, limit: int) -> Sequence[ParkedEvent]:
        """So many of those to be tried by then, the ones that have waited longest first."""
        ...

    def of_stream(self, subscriber: str, log: str, stream: str) -> Sequence[ParkedEvent]:
        """Return the subscriber's parked events of one stream, in order."""
        ...

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        """Say what shall become of it, at once; False where no such event is parked.

        "drop" is remembered for the event's service, until somebody decides "retry" on the event.
        """
        ...

    def dropped(self, service: str) -> frozenset[str]:
        """Return the ids of events that were dropped, whether or not they are still parked."""
        ...

    def take_back(self, service: str, event_id: str) -> bool:
        """Forget that the event was dropped; False where it was not."""
        ...

    def remove(self, subscriber: str, *event_ids: str) -> None: ...
