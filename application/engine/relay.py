"""The relay: publishes what is appended to a log, in order, and then notes how far it came.

It notes that now and then, so that no event waits for it. If the process dies before, the next
relay publishes some events again: subscribers drop what they have handled. Nothing is ever skipped.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from application.ports.checkpoints import START, Checkpoint, Checkpoints, Fenced
from application.ports.codec import EventCodec, RecordedEvent, Wire
from application.ports.event_store import EventStore
from application.ports.message_bus import Message, MessageBus

COMMITS_A_STEP = 1000
EVENTS_A_MESSAGE = 100
BYTES_A_MESSAGE = 200_000
EVENTS_A_NOTE = 1000
SECONDS_A_NOTE = 1.0


class Relay:
    """From one log to the topic of the same name."""

    def __init__(
        self,
        store: EventStore,
        codec: EventCodec,
        wire: Wire,
        bus: MessageBus,
        checkpoints: Checkpoints,
    ) -> None:
        self._store = store
        self._codec = codec
        self._wire = wire
        self._bus = bus
        self._checkpoints = checkpoints
        self._checkpoint: Checkpoint | None = None
        self._confirmed = True
        self._noted = 0
        self._noted_at = time.monotonic()
        self.log = store.log
        self.name = f"relay.{store.log}"

    def begin(self) -> None:
        """Go on from what is stored: another relay may have come further meanwhile."""
        self._checkpoint = None

    def step(self) -> bool:
        """Publish the next events; False when there were none.

        Raises StoreUnavailable, BusUnavailable, or Fenced where another relay was quicker."""
        after = self._current().at(self.log)
        events = self._events(after)
        if events:
            messages = [Message(self._wire.pack(pack), key=self.log) for pack in packs(events)]
            self._confirmed = False
            self._bus.publish(self.log, messages)
            self._confirmed = True
            self._checkpoint = self._current().past(self.log, events[-1].position)
        self._note_now_and_then()
        return bool(events)

    def note(self) -> None:
        """Save how far it came."""
        self._noted_at = time.monotonic()
        current = self._current()
        position = current.at(self.log)
        if position == self._noted:
            return
        try:
            moved = current.moved(self.log, position)
            self._checkpoints.save(self.name, moved)
        except Fenced:
            self.begin()
            raise
        self._checkpoint, self._noted = moved, position

    def leave(self) -> None:
        """Save how far it came, unless another relay has gone on already."""
        with suppress(Fenced):
            self.note()

    def behind(self) -> int:
        """How many numbered events are not published yet."""
        stored, here = self._checkpoints.load(self.name), self._checkpoint or START
        return self._store.last_position() - max(stored.at(self.log), here.at(self.log))

    def _note_now_and_then(self) -> None:
        published = self._current().at(self.log) - self._noted
        waited = time.monotonic() - self._noted_at
        if published >= EVENTS_A_NOTE or waited >= SECONDS_A_NOTE:
            self.note()

    def _current(self) -> Checkpoint:
        if self._checkpoint is None:
            self._checkpoint = self._checkpoints.load(self.name)
            self._noted = self._checkpoint.at(self.log)
        return self._checkpoint

    def _events(self, after: int) -> list[RecordedEvent]:
        # Whether the bus is back is asked with little.
        commits = self._store.read_log(after, COMMITS_A_STEP if self._confirmed else 1)
        return [
            event
            for commit in commits
            for event in self._codec.events(self.log, commit)
            if event.position > after
        ]


def packs(events: Sequence[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    """The events in order, in packs that make messages of a bounded size."""
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
