"""Events that a subscriber could not handle, kept with what went wrong until someone decides."""

from dataclasses import dataclass
from typing import Protocol

from application.ports.codec import RecordedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedEvent:
    """``verdict`` is what someone decided: "" (nothing yet), "retry" or "drop"."""

    subscriber: str
    event: RecordedEvent
    error: str
    parked_at: str
    verdict: str = ""


class ParkedEvents(Protocol):
    def park(self, event: ParkedEvent) -> None:
        """Keep the event durably; parking it again replaces it."""
        ...

    def list(self, subscriber: str | None = None) -> list[ParkedEvent]:
        """The parked events of one or all subscribers, by subscriber, log and position."""
        ...

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        """Say what shall become of it; False where no such event is parked."""
        ...

    def remove(self, subscriber: str, event_id: str) -> None: ...
