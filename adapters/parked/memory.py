"""Parked events in this process."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from application.ports.parked import AT_ONCE, ParkedEvent

NEVER = datetime.max.replace(tzinfo=UTC)


class MemoryParkedEvents:
    """Parked events in a dict."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: dict[tuple[str, str], ParkedEvent] = {}
        self._dropped: set[tuple[str, str]] = set()

    def park(self, *events: ParkedEvent) -> None:
        with self._lock:
            self._events.update({(each.subscriber, each.event.id): each for each in events})

    def list(self, subscriber: str | None = None) -> Sequence[ParkedEvent]:
        return self._those(lambda it: subscriber in (None, it.subscriber))

    def due(self, subscriber: str, at: datetime, limit: int) -> Sequence[ParkedEvent]:
        found = self._those(lambda it: it.subscriber == subscriber and _retry_at(it) <= at)
        return sorted(found, key=_retry_at)[:limit]

    def of_stream(self, subscriber: str, log: str, stream: str) -> Sequence[ParkedEvent]:
        place = (subscriber, log, stream)
        return self._those(lambda it: (it.subscriber, it.event.log, it.event.stream) == place)

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        with self._lock:
            event = self._events.get((subscriber, event_id))
            if event is None:
                return False
            decided = replace(event, verdict=verdict, retry_at=AT_ONCE)
            self._events[subscriber, event_id] = decided
            if verdict == "drop":
                self._dropped.add((event.service, event_id))
            else:
                self._dropped.discard((event.service, event_id))
            return True

    def dropped(self, service: str) -> frozenset[str]:
        with self._lock:
            return frozenset(event_id for its, event_id in self._dropped if its == service)

    def take_back(self, service: str, event_id: str) -> bool:
        with self._lock:
            was_dropped = (service, event_id) in self._dropped
            self._dropped.discard((service, event_id))
            return was_dropped

    def remove(self, subscriber: str, *event_ids: str) -> None:
        with self._lock:
            for event_id in event_ids:
                self._events.pop((subscriber, event_id), None)

    def _those(self, wanted: Callable[[ParkedEvent], bool]) -> Sequence[ParkedEvent]:
        with self._lock:
            found = [event for event in self._events.values() if wanted(event)]
        return sorted(found, key=lambda it: (it.subscriber, it.event.log, it.event.position))


def _retry_at(parked: ParkedEvent) -> datetime:
    return NEVER if parked.retry_at is None else parked.retry_at
