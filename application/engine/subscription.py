"""The subscription: everything a log holds reaches a subscriber once and in order.

The bus says that there is news, mostly by bringing it. What it repeats is dropped by position, what
it skipped is fetched from the publisher's history, and an event that cannot be handled is parked at
once with those after it in its stream, so that the rest goes on; see ``parking``. Before an event
that a newer program wrote the topic waits for that program: nothing is passed over or parked there.

Events that do not concern the subscriber are passed over: the checkpoint moves in memory alone, and
is saved with the next that does, or when history is looked at. A crash in between costs reading
them again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from math import inf
from threading import RLock

from application.engine.parking import RETRY_PAUSES, Parking, Place
from application.engine.subscriber import EventsFailed, StillWorking, Subscriber, describe
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.codec import MalformedMessage, NewerProgram, RecordedEvent, Wire
from application.ports.history import History
from application.ports.message_bus import Delivery
from application.ports.parked import ParkedEvent, ParkedEvents
from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

COMMITS_A_READ = 20_000
BY_BUS, BY_HISTORY = "bus", "history"
RETRY_SECONDS = 0.1
SILENCE_SECONDS = 0.5
QUIET_SECONDS = 3.0
TRUST_SECONDS = 5.0


class Subscription:
    """Feeds one subscriber.

    ``at_once`` is how many events the subscriber is handed together, at most; ``retry_pauses`` are
    the seconds between the tries of a parked event.

    ``handled`` counts the events by the way they came: the bus, or history.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        history: History,
        wire: Wire,
        parked: ParkedEvents,
        *,
        at_once: int = COMMITS_A_READ,
        retry_pauses: Sequence[float] = RETRY_PAUSES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.subscriber = subscriber
        self._history = history
        self._wire = wire
        self._at_once = at_once
        self._parking = Parking(subscriber.name, parked, retry_pauses, now)
        self._lock = RLock()
        self._checkpoint: Checkpoint | None = None
        self._outdated = True
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
        """Load the checkpoint again before going on, because another process may have moved it.

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
        """Ask history for news, then try parked events whose time has come.

        Returns whether there is more to come.
        """
        return self._catch_up(self.subscriber.topics)

    def tend(self) -> bool:
        """Catch up with the topics that the bus is silent on, every few seconds.

        While it brings a topic's events it is left to bring more, and history is asked even less
        often, so that subscribers do not read every event twice.
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
            self._reload_if_outdated()
            found = [self._read_on(topic) for topic in topics]
            return not self.note() or not self._see_to_parked() or any(found)

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
        self._reload_if_outdated()
        return self._current().at(topic)

    def _reload_if_outdated(self) -> None:
        """Before something begins: in the midst of it, the checkpoint stays as it is known."""
        if self._outdated:
            self._parking.load()
            self._outdated = False
            self._forget()

    def _forget(self) -> None:
        """The checkpoint is not certain any more: what is stored is."""
        self._checkpoint = None
        self._passed_over = False
        self._parking.refresh()

    def _current(self) -> Checkpoint:
        if self._checkpoint is None:
            self._checkpoint = self.subscriber.checkpoint()
        return self._checkpoint

    def _advance(self, topic: str, events: Sequence[RecordedEvent]) -> bool:
        """Handle events that follow each other; False where somebody else has moved on, or the
        topic waits for a newer program."""
        try:
            for start in range(0, len(events), self._at_once):
                self._advance_together(topic, events[start : start + self._at_once], {})
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

    def _advance_together(
        self, topic: str, events: Sequence[RecordedEvent], errors: Mapping[str, str]
    ) -> None:
        """Handle the events at once, but for those that are known to fail: they are parked.

        Where it is not known which of them fails, handle them in halves. Between two tries the
        checkpoint may be loaded again, and somebody else may have moved it.
        """
        if self._current().at(topic) >= events[0].position:
            raise Fenced
        try:
            self._handle_or_park(topic, events, errors)
        except EventsFailed as failed:
            self._advance_together(topic, events, {**errors, **failed.errors})
        except NewerProgram:
            if len(events) == 1:
                raise
            self._advance_in_halves(topic, events, errors)
        except (Fenced, Unavailable):
            raise
        except Exception:
            if len(events) == 1:
                raise
            log.exception("%s failed on %d events; trying fewer", self.name, len(events))
            self._advance_in_halves(topic, events, errors)

    def _advance_in_halves(
        self, topic: str, events: Sequence[RecordedEvent], errors: Mapping[str, str]
    ) -> None:
        middle = len(events) // 2
        self._advance_together(topic, events[:middle], errors)
        self._advance_together(topic, events[middle:], errors)

    def _handle_or_park(
        self, topic: str, events: Sequence[RecordedEvent], errors: Mapping[str, str]
    ) -> None:
        position = events[-1].position
        concerned = [event for event in events if self.subscriber.concerns(event)]
        if not concerned:
            self._pass_over(topic, position)
            return
        current = self._current()
        handled, parked = self._parking.sort(concerned, current, errors)
        self._parking.park(parked)
        for each in parked:
            log.error("%s parked %s", self.name, each.event.id)
        moved = current.moved(topic, position)
        ids = frozenset(each.event.id for each in parked)
        self._handle(handled, replace(moved, parked=moved.parked | ids) if ids else moved)

    def _pass_over(self, topic: str, position: int) -> None:
        self._checkpoint = self._current().past(topic, position)
        self._passed_over = True

    def _handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        """Raises EventsFailed where it is known which of the events cannot be handled."""
        try:
            self.subscriber.handle(events, checkpoint)
        except NewerProgram:
            raise  # before anything was saved
        except Exception as error:
            self._forget()
            known = isinstance(error, EventsFailed | Fenced | Unavailable)
            if known or len(events) != 1:
                raise
            raise EventsFailed({events[0].id: describe(error)}) from error
        self._checkpoint = checkpoint
        self._passed_over = False

    def _see_to_parked(self) -> bool:
        """Try those again whose time has come; False where somebody else has moved on."""
        try:
            self._parking.clear_away(self._current())
            if self._current().parked:
                self._retry_for_a_moment()
        except Fenced:
            self._forget()
            return False
        return True

    def _retry_for_a_moment(self) -> None:
        """New events wait meanwhile, so what is left then waits for the next time."""
        end = time.monotonic() + RETRY_SECONDS
        for place in self._parking.due_streams():
            self._retry(place, end)
            if time.monotonic() > end:
                break

    def _retry(self, place: Place, end: float) -> None:
        """Handle the parked events of a stream in order, up to one that fails again."""
        waiting = self._parking.of_stream(place)
        self._reload_if_outdated()  # A pool names what it parks before it is listed.
        for number, parked in enumerate(waiting, start=1):
            behind = waiting[number:]
            try:
                if not self._is_settled(parked):
                    return
            except StillWorking:
                return
            except EventsFailed as failed:
                self._parking.keep(parked, failed.errors[parked.event.id], behind)
                return
            except NewerProgram:
                return  # it stays for that program
            self._parking.release(parked, behind)
            if time.monotonic() > end:
                return

    def _is_settled(self, parked: ParkedEvent) -> bool:
        """Handle the event, unless that is done, or it was parked by somebody who is further."""
        event, current = parked.event, self._current()
        if event.id not in current.parked:
            return event.position <= current.at(event.log)
        handled = [] if self._parking.is_dropped(parked) else [event]
        self._handle(handled, current.next(parked=current.parked - {event.id}))
        return True


def _following(position: int, brought: Mapping[int, RecordedEvent]) -> list[RecordedEvent]:
    """Those of the events that follow the position without a gap."""
    following: list[RecordedEvent] = []
    while event := brought.get(position + len(following) + 1):
        following.append(event)
    return following
