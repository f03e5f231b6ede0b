"""Publish the events of a log to the bus, in order.

The relay saves its checkpoint from time to time only, because saving delays the next events. If the
process dies in between, the next relay publishes some events again, and subscribers drop them. No
event is left out.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from application.ports.checkpoints import START, Checkpoint, Checkpoints, Fenced
from application.ports.codec import EventCodec, RecordedEvent, Wire
from application.ports.event_store import EventStore
from application.ports.message_bus import Message, MessageBus
from application.ports.telemetry import NO_TELEMETRY, Telemetry

COMMITS_A_STEP = 1000
EVENTS_A_MESSAGE = 100
BYTES_A_MESSAGE = 200_000
EVENTS_A_SAVE = 1000
SECONDS_A_SAVE = 1.0


class Relay:
    """Publishes one log to the topic of the same name."""

    def __init__(
        self,
        store: EventStore,
        codec: EventCodec,
        wire: Wire,
        bus: MessageBus,
        checkpoints: Checkpoints,
        *,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._store = store
        self._codec = codec
        self._wire = wire
        self._bus = bus
        self._checkpoints = checkpoints
        self._telemetry = telemetry
        self._checkpoint: Checkpoint | None = None
        self._confirmed = True
        self._saved = 0
        self._saved_at = time.monotonic()
        self.log = store.log
        self.name = f"relay.{store.log}"

    def begin(self) -> None:
        """Continue from the stored checkpoint: another relay may have moved it."""
        self._checkpoint = None

    def step(self) -> bool:
        """Publish the next events. Returns False if there were none.

        Raises StoreUnavailable, BusUnavailable, or Fenced if another relay moved the checkpoint.
        """
        after = self._current().at(self.log)
        events = self._events(after)
        if events:
            self._publish(events)
            self._checkpoint = self._current().skipped_to(self.log, events[-1].position)
        self._save_checkpoint_if_due()
        return bool(events)

    def _publish(self, events: Sequence[RecordedEvent]) -> None:
        began = time.time_ns()
        messages = [Message(self._wire.pack(pack), key=self.log) for pack in packs(events)]
        self._confirmed = False
        self._bus.publish(self.log, messages)
        self._confirmed = True
        self._telemetry.published(self.log, events, began)

    def save_checkpoint(self) -> None:
        """Save the position of the last event that the bus has confirmed."""
        self._saved_at = time.monotonic()
        current = self._current()
        position = current.at(self.log)
        if position == self._saved:
            return
        try:
            moved = current.moved(self.log, position)
            self._checkpoints.save(self.name, moved)
        except Fenced:
            self.begin()
            raise
        self._checkpoint, self._saved = moved, position

    def leave(self) -> None:
        """Save the checkpoint, unless another relay has moved it already."""
        with suppress(Fenced):
            self.save_checkpoint()

    def lag(self) -> int:
        """Return how many events are not published yet, of those that have a position."""
        return self._store.last_position() - self.progress()[self.log]

    def progress(self) -> Mapping[str, int]:
        """Return the position of the last published event by log: there is one."""
        stored, here = self._checkpoints.load(self.name), self._checkpoint or START
        return {self.log: max(stored.at(self.log), here.at(self.log))}

    def positions(self) -> dict[str, int]:
        """Return how far this process has published the log, if it knows."""
        return dict((self._checkpoint or START).positions)

    def _save_checkpoint_if_due(self) -> None:
        published = self._current().at(self.log) - self._saved
        waited = time.monotonic() - self._saved_at
        if published >= EVENTS_A_SAVE or waited >= SECONDS_A_SAVE:
            self.save_checkpoint()

    def _current(self) -> Checkpoint:
        if self._checkpoint is None:
            self._checkpoint = self._checkpoints.load(self.name)
            self._saved = self._checkpoint.at(self.log)
        return self._checkpoint

    def _events(self, after: int) -> list[RecordedEvent]:
        # After a failure, publish one commit only to find out whether the bus is available again.
        commits = self._store.read_log(after, COMMITS_A_STEP if self._confirmed else 1)
        return [
            event
            for commit in commits
            for event in self._codec.events(self.log, commit)
            if event.position > after
        ]


def packs(events: Sequence[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    """Split the events into packs, in order. A pack fits into one message."""
    pack: list[RecordedEvent] = []
    size = 0
    for event in events:
        if pack and (len(pack) >= EVENTS_A_MESSAGE or size + len(event.data) > BYTES_A_MESSAGE):
            yield pack
            pack, size = [], 0
        pack.append(event)
        size += len(event.data)
    if pack:
        yield pack
