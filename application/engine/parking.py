"""The parked events of one subscriber: what to set aside, and when to try it again.

An event is parked the first time it fails, with those after it in its stream, so that nothing waits
for it. It is tried again by itself after growing pauses, and after the last when someone decides.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent
from application.ports.parked import ParkedEvent, ParkedEvents, service_of

RETRY_PAUSES = (1.0, 5.0, 25.0, 120.0, 600.0, 3600.0)
"""Seconds after each failure until the next try."""

STREAMS_A_LOOK = 100
BEHIND_ANOTHER = "an earlier event of its stream is parked"

Place = tuple[str, str]


class Parking:
    """Keeps the parked events of one subscriber; which they are is named by its checkpoint.

    A crash between the two leaves events listed that are not parked: ``clear_away`` removes them.
    """

    def __init__(
        self,
        subscriber: str,
        store: ParkedEvents,
        pauses: Sequence[float],
        now: Callable[[], datetime],
    ) -> None:
        self._subscriber = subscriber
        self._store = store
        self._pauses = pauses
        self._now = now
        self._ids: Collection[str] = frozenset()
        self._blocked: set[Place] = set()
        self._dropped: frozenset[str] | None = None
        self._uncertain: dict[str, ParkedEvent] = {}

    def load(self) -> None:
        """Read what is listed. Do so before the checkpoint is read that shall name it."""
        self._uncertain = {each.event.id: each for each in self._store.list(self._subscriber)}

    def refresh(self) -> None:
        """Somebody may have dropped events meanwhile."""
        self._dropped = None

    def sort(
        self,
        events: Sequence[RecordedEvent],
        checkpoint: Checkpoint,
        errors: Mapping[str, str],
    ) -> tuple[list[RecordedEvent], list[ParkedEvent]]:
        """Tell events to be handled from those to be parked; errors are given by event id.

        What was dropped is neither.
        """
        blocked, failed = self._blocked_by(checkpoint), set[Place]()
        handled, parked = [], []
        for event in events:
            place = (event.log, event.stream)
            if self._was_dropped(event):
                continue
            if place in blocked or place in failed:
                parked.append(self._parked(event, BEHIND_ANOTHER))
            elif event.id in errors:
                failed.add(place)
                parked.append(self._failed(self._parked(event, ""), errors[event.id]))
            else:
                handled.append(event)
        return handled, parked

    def park(self, events: Sequence[ParkedEvent]) -> None:
        """Keep the events, before a checkpoint names them."""
        if events:
            self._store.park(*events)

    def clear_away(self, checkpoint: Checkpoint) -> None:
        """Remove listed events that were handled or dropped after all, as after a new beginning."""
        passed = [
            each.event.id
            for each in self._uncertain.values()
            if each.event.position <= checkpoint.at(each.event.log)
        ]
        if gone := [event_id for event_id in passed if event_id not in checkpoint.parked]:
            self._store.remove(self._subscriber, *gone)
        for event_id in passed:
            del self._uncertain[event_id]

    def due_streams(self) -> list[Place]:
        """Where there is something to try again by now."""
        due = self._store.due(self._subscriber, self._now(), STREAMS_A_LOOK)
        return list(dict.fromkeys((each.event.log, each.event.stream) for each in due))

    def of_stream(self, place: Place) -> Sequence[ParkedEvent]:
        return self._store.of_stream(self._subscriber, *place)

    def is_dropped(self, parked: ParkedEvent) -> bool:
        return parked.verdict == "drop" or self._was_dropped(parked.event)

    def release(self, parked: ParkedEvent, behind: Sequence[ParkedEvent]) -> None:
        """List the event no more; the next behind it has its turn, even after a crash."""
        if behind:
            self._store.park(replace(behind[0], retry_at=self._now()))
        self._store.remove(self._subscriber, parked.event.id)

    def keep(self, parked: ParkedEvent, error: str, behind: Sequence[ParkedEvent]) -> None:
        """Keep an event that failed once more; those behind it wait for it."""
        waiting = [replace(each, retry_at=None) for each in behind if each.retry_at]
        self._store.park(self._failed(parked, error), *waiting)

    def _was_dropped(self, event: RecordedEvent) -> bool:
        if self._dropped is None:
            self._dropped = self._store.dropped(service_of(self._subscriber))
        return event.id in self._dropped

    def _parked(self, event: RecordedEvent, error: str) -> ParkedEvent:
        """The event parked, for the first time unless it was so when this began."""
        known = self._uncertain.get(event.id)
        return ParkedEvent(
            subscriber=self._subscriber,
            event=event,
            error=error,
            parked_at=known.parked_at if known else self._now().isoformat(),
            tries=known.tries if known else 0,
        )

    def _failed(self, parked: ParkedEvent, error: str) -> ParkedEvent:
        retry_at = None
        if parked.tries < len(self._pauses):
            retry_at = self._now() + timedelta(seconds=self._pauses[parked.tries])
        return replace(parked, error=error, verdict="", tries=parked.tries + 1, retry_at=retry_at)

    def _blocked_by(self, checkpoint: Checkpoint) -> set[Place]:
        if checkpoint.parked is not self._ids:
            self._ids = checkpoint.parked
            self._blocked = {_place_of(event_id) for event_id in checkpoint.parked}
        return self._blocked


def _place_of(event_id: str) -> Place:
    """The log and the stream that an event's id begins with."""
    log, _, rest = event_id.partition("/")
    return log, rest.rpartition("@")[0]
