"""Decide which events of a subscriber to park, and when to retry them.

An event is parked when it fails for the first time, with the later events of its stream, so that no
other event waits for it. It is retried after growing pauses. After the last one, the operator
decides with ``klarity parked``.

A parked event is stored in a list and named in the checkpoint. The list is always written first: an
event of the list that no checkpoint names is handled again, but one that only a checkpoint names
would never be retried.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent
from application.ports.parked import ParkedEvent, ParkedEvents, service_of

RETRY_PAUSES = (1.0, 5.0, 25.0, 120.0, 600.0, 3600.0)
"""Seconds from each failure to the next try."""

STREAMS_A_RETRY = 100
EARLIER_IS_PARKED = "an earlier event of its stream is parked"

LogStream = tuple[str, str]
"""A log and one of its streams."""


class Parking:
    """The parked events of one subscriber.

    The checkpoint decides which events are parked. A crash between the two writes leaves events in
    the list that the checkpoint does not name; ``remove_settled`` removes them.
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
        self._blocked: set[LogStream] = set()
        self._dropped: frozenset[str] | None = None
        self._uncertain: dict[str, ParkedEvent] = {}

    def load(self) -> None:
        """Load the list. Call it before the checkpoint is loaded."""
        self._uncertain = {each.event.id: each for each in self._store.list(self._subscriber)}

    def refresh(self) -> None:
        """Load the dropped events again when they are next needed."""
        self._dropped = None

    def sort(
        self,
        events: Sequence[RecordedEvent],
        checkpoint: Checkpoint,
        errors: Mapping[str, str],
    ) -> tuple[list[RecordedEvent], list[ParkedEvent]]:
        """Split events into those to handle and those to park. ``errors`` is by event id.

        Events that the operator dropped are in neither.
        """
        blocked, failed = self._blocked_by(checkpoint), set[LogStream]()
        handled, parked = [], []
        for event in events:
            stream = (event.log, event.stream)
            if self._was_dropped(event):
                continue
            if stream in blocked or stream in failed:
                parked.append(self._parked(event, EARLIER_IS_PARKED))
            elif event.id in errors:
                failed.add(stream)
                parked.append(self._failed(self._parked(event, ""), errors[event.id]))
            else:
                handled.append(event)
        return handled, parked

    def park(self, events: Sequence[ParkedEvent]) -> None:
        """Add the events to the list. Call it before the checkpoint names them."""
        if events:
            self._store.park(*events)

    def remove_settled(self, checkpoint: Checkpoint) -> None:
        """Remove the events in the list at ``load`` that were handled or dropped since."""
        passed = [
            each.event.id
            for each in self._uncertain.values()
            if each.event.position <= checkpoint.at(each.event.log)
        ]
        if settled := [event_id for event_id in passed if event_id not in checkpoint.parked]:
            self._store.remove(self._subscriber, *settled)
        for event_id in passed:
            del self._uncertain[event_id]

    def due_streams(self) -> list[LogStream]:
        """Return the streams with an event to retry now."""
        due = self._store.due(self._subscriber, self._now(), STREAMS_A_RETRY)
        return list(dict.fromkeys((each.event.log, each.event.stream) for each in due))

    def of_stream(self, stream: LogStream) -> Sequence[ParkedEvent]:
        return self._store.of_stream(self._subscriber, *stream)

    def is_dropped(self, parked: ParkedEvent) -> bool:
        return parked.verdict == "drop" or self._was_dropped(parked.event)

    def release(self, parked: ParkedEvent, later: Sequence[ParkedEvent]) -> None:
        """Remove the event from the list. The next one of its stream becomes due first, so that it
        is retried even after a crash."""
        if later:
            self._store.park(replace(later[0], retry_at=self._now()))
        self._store.remove(self._subscriber, parked.event.id)

    def keep(self, parked: ParkedEvent, error: str, later: Sequence[ParkedEvent]) -> None:
        """Record another failure of the event. The later ones of its stream wait for it."""
        waiting = [replace(each, retry_at=None) for each in later if each.retry_at]
        self._store.park(self._failed(parked, error), *waiting)

    def _was_dropped(self, event: RecordedEvent) -> bool:
        if self._dropped is None:
            self._dropped = self._store.dropped(service_of(self._subscriber))
        return event.id in self._dropped

    def _parked(self, event: RecordedEvent, error: str) -> ParkedEvent:
        """Return the event with its first failure, or with the earlier ones from the list."""
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

    def _blocked_by(self, checkpoint: Checkpoint) -> set[LogStream]:
        if checkpoint.parked is not self._ids:
            self._ids = checkpoint.parked
            self._blocked = {_log_stream_of(event_id) for event_id in checkpoint.parked}
        return self._blocked


def _log_stream_of(event_id: str) -> LogStream:
    """Return the log and the stream, which an event's id begins with."""
    log, _, rest = event_id.partition("/")
    return log, rest.rpartition("@")[0]
