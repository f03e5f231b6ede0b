"""The subscription: everything a log holds reaches a subscriber once and in order.

The bus says that there is news, mostly by bringing it. What it repeats is dropped by position, what
it skipped is fetched from the publisher's history, and an event that cannot be handled is parked
with those after it in its stream, so that the rest goes on. Before an event that a newer program
wrote the topic waits for that program: nothing is passed over or parked there.

Events that do not concern the subscriber are passed over: the checkpoint moves in memory alone, and
is saved with the next that does, or when history is looked at. A crash in between costs reading
them again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from math import inf
from threading import RLock

from application.delivery.subscriber import Subscriber
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.codec import MalformedMessage, NewerProgram, RecordedEvent, Wire
from application.ports.history import History
from application.ports.message_bus import Delivery
from application.ports.parked import ParkedEvent, ParkedEvents
from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

COMMITS_A_READ = 20_000
TRIES = 4
BY_BUS, BY_HISTORY = "bus", "history"
FIRST_PAUSE = 0.05
SILENCE_SECONDS = 0.5
QUIET_SECONDS = 3.0
TRUST_SECONDS = 5.0


class Subscription:
    """Feeds one subscriber. ``pause`` sleeps between the tries of an event that fails.
    ``at_once`` is how many events the subscriber is handed together, at most.

    ``handled`` counts the events by the way they came: the bus, or history.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        history: History,
        wire: Wire,
        parked: ParkedEvents,
        *,
        pause: Callable[[float], None] = time.sleep,
        at_once: int = COMMITS_A_READ,
    ) -> None:
        self.subscriber = subscriber
        self._history = history
        self._wire = wire
        self._parked = parked
        self._pause = pause
        self._at_once = at_once
        self._lock = RLock()
        self._checkpoint: Checkpoint | None = None
        self._outdated = False
        self._unsure = True
        self._passed_over = False
        self._heard_at = dict.fromkeys(subscriber.topics, -inf)
        self._asked_at = dict.fromkeys(subscriber.topics, -inf)
        self._had_more = dict.fromkeys(subscriber.topics, False)
        self._waits: dict[str, NewerProgram] = {}
        self.handled = {BY_BUS: 0, BY_HISTORY: 0}

    @property
    def name(self) -> str:
        return self.subscriber.name

    @property
    def topics(self) -> Sequence[str]:
        return self.subscriber.topics

    def reset(self) -> None:
        """Load the checkpoint anew before going on, for somebody else may have moved it.

        It never waits, so that a pool which is being fed may call it.
        """
        self._outdated = True

    def begin(self) -> None:
        """Take the lead: go on from what is stored, whatever was known here before."""
        self.subscriber.begin()
        self.reset()
        self.hurry()

    def hurry(self) -> None:
        """Ask history the next time, however lively the bus is."""
        self._asked_at = dict.fromkeys(self.subscriber.topics, -inf)

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Take what the bus brings. Raises Unavailable: it shall bring it again."""
        events = [event for delivery in deliveries for event in self._unpack(delivery)]
        for topic, run in groupby(events, key=lambda event: event.log):
            if topic in self.subscriber.topics:
                self._accept(topic, list(run))

    def catch_up(self) -> bool:
        """Ask history for news, and see to parked events on which someone decided.

        Returns whether there is more to come.
        """
        return self._catch_up(self.subscriber.topics)

    def tend(self) -> bool:
        """Catch up with the topics that the bus is silent on, every few seconds.

        While it brings a topic's events it is left to bring more, and history is asked even less
        often, lest every subscriber read every event twice.
        """
        return self._catch_up([topic for topic in self.subscriber.topics if self._is_due(topic)])

    def note(self) -> bool:
        """Save how far events were passed over; False where somebody else has moved on."""
        with self._lock:
            try:
                if self._passed_over:
                    self._handle([], self._current().next())
            except Fenced:
                self._forget()
                return False
            return True

    def behind(self) -> dict[str, int]:
        """By topic, how many events the subscriber has not handled yet."""
        stored, here = self.subscriber.positions(), self._checkpoint or START
        return {
            topic: max(
                0, self._history.last_position(topic) - max(stored.get(topic, 0), here.at(topic))
            )
            for topic in self.subscriber.topics
        }

    def waits(self) -> Mapping[str, str]:
        """By topic that waits for a newer program, the event that it waits at."""
        return {topic: newer.event.id for topic, newer in self._waits.copy().items()}

    def _catch_up(self, topics: Sequence[str]) -> bool:
        with self._lock:
            if not self._settle_parked():
                return True
            found = [self._read_on(topic) for topic in topics]
            return not self.note() or any(found)

    def _is_due(self, topic: str) -> bool:
        """Whether to ask history about the topic."""
        now = time.monotonic()
        unasked = now - self._asked_at[topic]
        silent = now - self._heard_at[topic] > SILENCE_SECONDS
        wanted = self._had_more[topic] or unasked > QUIET_SECONDS
        return unasked > TRUST_SECONDS or (silent and wanted)

    def _unpack(self, delivery: Delivery) -> list[RecordedEvent]:
        try:
            return self._wire.unpack(delivery.body)
        except MalformedMessage:
            log.error("%s dropped a message that is no batch of events", self.name)
            return []

    def _accept(self, topic: str, events: Sequence[RecordedEvent]) -> None:
        """Take events that may be repeated, out of order, and with gaps between them.

        What finds the subscriber full, or its read model gone, is left to history.
        """
        brought = {event.position: event for event in events}
        with self._lock:
            while (position := self._position(topic)) < max(brought) and not self.subscriber.full():
                following = _following(position, brought)
                if not following:
                    self._read_on(topic)
                    if self._position(topic) <= position:
                        return
                elif self._advance(topic, following):
                    self._heard_at[topic] = time.monotonic()
                    self.handled[BY_BUS] += len(following)
                else:
                    return

    def _read_on(self, topic: str) -> bool:
        if self.subscriber.full():
            return False
        self._asked_at[topic] = time.monotonic()
        limit = 1 if topic in self._waits else COMMITS_A_READ
        events = self._history.read(topic, self._position(topic), limit)
        if events and self._advance(topic, events):
            self.handled[BY_HISTORY] += len(events)
        self._had_more[topic] = bool(events) and topic not in self._waits
        return self._had_more[topic]

    def _position(self, topic: str) -> int:
        """From where to go on in a log."""
        return self._reloaded().at(topic)

    def _reloaded(self) -> Checkpoint:
        """The checkpoint to begin something from; in the midst of it, ``_current`` is."""
        if self._outdated:
            self._outdated = False
            self._unsure = True
            self._forget()
        return self._current()

    def _forget(self) -> None:
        """The checkpoint is not certain any more: what is stored is."""
        self._checkpoint = None
        self._passed_over = False

    def _current(self) -> Checkpoint:
        if self._checkpoint is None:
            self._checkpoint = self.subscriber.checkpoint()
        return self._checkpoint

    def _advance(self, topic: str, events: Sequence[RecordedEvent]) -> bool:
        """Handle events that follow each other; False where somebody else has moved on, or the
        topic waits for a newer program."""
        try:
            for start in range(0, len(events), self._at_once):
                self._advance_together(topic, events[start : start + self._at_once])
        except Fenced:
            self._forget()
            return False
        except NewerProgram as newer:
            self._wait(topic, newer)
            return False
        self._waits.pop(topic, None)
        return True

    def _wait(self, topic: str, newer: NewerProgram) -> None:
        if topic not in self._waits or self._waits[topic].event.id != newer.event.id:
            log.error("%s waits: %s", self.name, newer)
        self._waits[topic] = newer

    def _advance_together(self, topic: str, events: Sequence[RecordedEvent]) -> None:
        """Handle the events at once, or else in halves, down to the one that cannot be.

        Between two halves the checkpoint may be loaded anew, and somebody else may have moved it.
        """
        if self._current().at(topic) >= events[0].position:
            raise Fenced
        if not any(map(self.subscriber.concerns, events)):
            self._pass_over(topic, events[-1].position)
        elif len(events) == 1:
            self._advance_one(topic, events[0])
        elif not self._handled_at_once(topic, events):
            middle = len(events) // 2
            self._advance_together(topic, events[:middle])
            self._advance_together(topic, events[middle:])

    def _pass_over(self, topic: str, position: int) -> None:
        self._checkpoint = self._current().past(topic, position)
        self._passed_over = True

    def _handled_at_once(self, topic: str, events: Sequence[RecordedEvent]) -> bool:
        blocked = self._blocked_streams(topic)
        if any(event.stream in blocked for event in events):
            return False
        try:
            self._handle(events, self._current().moved(topic, events[-1].position))
        except NewerProgram:
            return False
        except (Fenced, Unavailable):
            self._forget()
            raise
        except Exception:
            log.exception("%s failed on %d events; trying fewer", self.name, len(events))
            self._forget()
            return False
        return True

    def _advance_one(self, topic: str, event: RecordedEvent) -> None:
        if event.stream in self._blocked_streams(topic):
            self._park(event, "an earlier event of its stream is parked")
        elif error := self._try(event, self._current().moved(topic, event.position)):
            self._park(event, error)

    def _try(self, event: RecordedEvent, checkpoint: Checkpoint) -> str | None:
        """Handle one event, several times if need be; the error if it would not be handled."""
        problem = ""
        for attempt in range(TRIES):
            try:
                self._handle([event], checkpoint)
            except (Fenced, Unavailable):
                raise
            except Exception as error:  # noqa: BLE001 - a poison event may raise anything
                problem = f"{type(error).__name__}: {error}"
                self._pause(FIRST_PAUSE * 2**attempt)
            else:
                return None
        return problem

    def _handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        self.subscriber.handle(events, checkpoint)
        self._checkpoint = checkpoint
        self._passed_over = False

    def _park(self, event: RecordedEvent, error: str) -> None:
        log.error("%s parked %s", self.name, event.id)
        now = datetime.now(UTC).isoformat()
        self._parked.park(
            ParkedEvent(
                subscriber=self.name,
                event=event,
                error=error,
                parked_at=now,
                verdict=self._verdict_on(event),
            )
        )
        current = self._current()
        moved = {**current.positions, event.log: event.position}
        self._handle([], current.next(positions=moved, parked=current.parked | {event.id}))

    def _verdict_on(self, event: RecordedEvent) -> str:
        """What someone decided, if it was parked before: who keeps all in memory begins anew."""
        verdicts = {parked.event.id: parked.verdict for parked in self._parked.list(self.name)}
        return verdicts.get(event.id, "")

    def _blocked_streams(self, topic: str) -> set[str]:
        prefix = f"{topic}/"
        return {
            event_id.removeprefix(prefix).rpartition("@")[0]
            for event_id in self._current().parked
            if event_id.startswith(prefix)
        }

    def _settle_parked(self) -> bool:
        """See to the parked events; False where somebody else has moved on.

        While it is not sure that the checkpoint names all that are listed, it looks at them anyway.
        """
        try:
            if self._reloaded().parked or self._unsure:
                self._settle_all(self._parked.list(self.name))
        except Fenced:
            self._forget()
            return False
        return True

    def _settle_all(self, waiting: Sequence[ParkedEvent]) -> None:
        """Carry out what someone decided on parked events, in the order of each stream."""
        self._reloaded()  # A pool names what it parks before it is listed.
        self._unsure = True
        held: set[tuple[str, str]] = set()
        left: set[str] = set()
        for parked in waiting:
            place = (parked.event.log, parked.event.stream)
            if place in held or not self._settled(parked):
                held.add(place)
                left.add(parked.event.id)
        self._unsure = not left <= self._current().parked

    def _settled(self, parked: ParkedEvent) -> bool:
        """Whether the event is no longer parked; what a newer program wrote stays for it."""
        try:
            return self._settle(parked)
        except NewerProgram:
            return False

    def _settle(self, parked: ParkedEvent) -> bool:
        """Whether the event is no longer parked."""
        event, current = parked.event, self._current()
        if event.id in current.parked:
            if not parked.verdict:
                return False
            freed = current.next(parked=current.parked - {event.id})
            if parked.verdict == "retry" and (error := self._try(event, freed)):
                self._parked.park(
                    ParkedEvent(
                        subscriber=self.name, event=event, error=error, parked_at=parked.parked_at
                    )
                )
                return False
            if parked.verdict == "drop":
                self._handle([], freed)
        elif event.position > current.at(event.log):
            return False  # parked since by somebody else
        self._parked.remove(self.name, event.id)
        return True


def _following(position: int, brought: Mapping[int, RecordedEvent]) -> list[RecordedEvent]:
    """Those of the events that follow the position without a gap."""
    following: list[RecordedEvent] = []
    while event := brought.get(position + len(following) + 1):
        following.append(event)
    return following
