"""Parked events in this process."""

from dataclasses import replace
from threading import Lock

from application.ports.parked import ParkedEvent


class MemoryParkedEvents:
    """Parked events in a dict."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: dict[tuple[str, str], ParkedEvent] = {}

    def park(self, event: ParkedEvent) -> None:
        with self._lock:
            self._events[event.subscriber, event.event.id] = event

    def list(self, subscriber: str | None = None) -> list[ParkedEvent]:
        with self._lock:
            events = list(self._events.values())
        wanted = (event for event in events if subscriber in (None, event.subscriber))
        return sorted(wanted, key=lambda it: (it.subscriber, it.event.log, it.event.position))

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        with self._lock:
            event = self._events.get((subscriber, event_id))
            if event is None:
                return False
            self._events[subscriber, event_id] = replace(event, verdict=verdict)
            return True

    def remove(self, subscriber: str, event_id: str) -> None:
        with self._lock:
            self._events.pop((subscriber, event_id), None)
