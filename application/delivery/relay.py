"""The relay: publishes what is appended to a log, in order, then remembers how far it came.

If the process dies between the two, the next relay publishes some events again: subscribers drop
what they have handled. Nothing is ever skipped.
"""

from collections.abc import Iterator, Sequence

from application.ports.checkpoints import Checkpoints
from application.ports.codec import EventCodec, RecordedEvent, Wire
from application.ports.event_store import EventStore
from application.ports.message_bus import Message, MessageBus

COMMITS_A_STEP = 1000
EVENTS_A_MESSAGE = 100
BYTES_A_MESSAGE = 200_000


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
        self.log = store.log
        self.name = f"relay.{store.log}"

    def step(self) -> bool:
        """Publish the next events; False when there were none.

        Raises StoreUnavailable, BusUnavailable, or Fenced where another relay was quicker."""
        checkpoint = self._checkpoints.load(self.name)
        after = checkpoint.at(self.log)
        commits = self._store.read_log(after, COMMITS_A_STEP)
        events = [
            event
            for commit in commits
            for event in self._codec.events(self.log, commit)
            if event.position > after
        ]
        if not events:
            return False
        messages = [Message(self._wire.pack(pack), key=self.log) for pack in packs(events)]
        self._bus.publish(self.log, messages)
        self._checkpoints.save(self.name, checkpoint.moved(self.log, events[-1].position))
        return True

    def behind(self) -> int:
        """How many numbered events are not published yet."""
        return self._store.last_position() - self._checkpoints.load(self.name).at(self.log)


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
