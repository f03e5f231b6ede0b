"""Deliver every event of some logs to one subscriber, once and in the order of the log.

The bus is fast but unreliable. Repeated events are recognised by their position and dropped.
Missing ones are read from the publisher's history. An event that cannot be handled is parked at
once, with the later events of its stream, and all others are handled; see ``parking``. At an event
that only a newer program can read, the topic stops: nothing after it is handled or parked.

Events that do not concern the subscriber are skipped. Skipping moves the checkpoint in memory; it
is saved with the next event that is handled, or after history was read. After a crash in between,
the skipped events are read again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from math import inf
from threading import RLock

from application.engine.parking import RETRY_PAUSES, LogStream, Parking
from application.engine.subscriber import (
    EventsFailed,
    StillWorking,
    Subscriber,
    correlated,
    describe,
)
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.codec import MalformedMessage, NewerProgram, RecordedEvent, Wire
from application.ports.history import History
from application.ports.message_bus import Delivery
from application.ports.parked import ParkedEvent, ParkedEvents
from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

COMMITS_A_READ = 1_000
"""Many, so that a row that they touch is read once; few, because all projections start at once."""
BY_BUS, BY_HISTORY = "bus", "history"
RETRY_SECONDS = 0.1
SILENCE_SECONDS = 0.5
"""Seconds without a delivery after which the bus counts as silent for a topic."""
SILENT_BUS_SECONDS, BUSY_BUS_SECONDS = 3.0, 5.0
"""Seconds between readings of history while the bus is silent, and while it delivers."""


class Subscription:
    """Delivers events to one subscriber.

    All events, from the bus or from history, take the same steps: ``_advance`` hands them over in
    batches, ``_advance_together`` in halves if one of them fails, ``_handle_or_park`` parks those
    with an error, and ``_handle`` lets the subscriber handle the others.

    The subscriber gets at most ``at_once`` events at a time. ``retry_pauses`` are the seconds
    between the tries of a parked event. ``handled`` counts the events by their source: the bus or
    history.
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
        self._has_skipped = False
        self._delivered_at = dict.fromkeys(subscriber.topics, -inf)
        self._read_at = dict.fromkeys(subscriber.topics, -inf)
        self._had_more = dict.fromkeys(subscriber.topics, False)
        self._unreadable: dict[str, NewerProgram] = {}
        self.handled = {BY_BUS: 0, BY_HISTORY: 0}

    @property
    def name(self) -> str:
        return self.subscriber.name

    @property
    def topics(self) -> Sequence[str]:
        return self.subscriber.topics

    def reset(self) -> None:
        """Load the checkpoint again before the next step: it has changed elsewhere.

        It never blocks, so that the threads of a pool may call it.
        """
        self._outdated = True

    def begin(self) -> None:
        """Start from the stored checkpoint, as the process that now holds the lease."""
        self.subscriber.begin()
        self.reset()
        self.make_due()

    def make_due(self) -> None:
        """Make the next poll read all topics from history, even if the bus delivers them."""
        self._read_at = dict.fromkeys(self.subscriber.topics, -inf)

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Handle messages from the bus. After Unavailable, the bus has to deliver them again."""
        events = [event for delivery in deliveries for event in self._unpack(delivery)]
        for topic, run in groupby(events, key=lambda event: event.log):
            if topic in self.subscriber.topics:
                self.accept(topic, list(run))

    def accept(self, topic: str, events: Sequence[RecordedEvent]) -> None:
        """Handle events that may be repeated, out of order or incomplete.

        Those that a full subscriber does not take are read from history later.
        """
        delivered = {event.position: event for event in events}
        with self._lock:
            last = max(delivered)
            while (position := self._position(topic)) < last and not self.subscriber.is_full():
                following = _following(position, delivered)
                if not following:
                    self._read_history(topic)
                    if self._position(topic) <= position:
                        return
                elif self._advance(topic, following):
                    self._delivered_at[topic] = time.monotonic()
                    self.handled[BY_BUS] += len(following)
                else:
                    return

    def catch_up(self, limit: int = 0) -> bool:
        """Handle new events from history, then retry parked events that are due.

        ``limit`` is the most commits of each topic, unless it is 0. Returns whether to call it
        again at once.
        """
        return self._catch_up(self.subscriber.topics, limit)

    def poll(self) -> bool:
        """Catch up with those topics that are due to be read from history.

        These are the topics that the bus has not delivered for a moment, every few seconds. A topic
        that it does deliver is read from history less often, so that events are not read twice.
        Returns whether to call it again at once.
        """
        return self._catch_up([topic for topic in self.subscriber.topics if self._is_due(topic)])

    def save_checkpoint(self) -> bool:
        """Save the position of skipped events. Returns False if another process has moved on."""
        with self._lock:
            try:
                if self._has_skipped:
                    self._handle([], self._current().next())
            except Fenced:
                self._forget()
                return False
            return True

    def lag(self) -> dict[str, int]:
        """Return by topic how many events the subscriber has not handled yet."""
        return {
            topic: max(0, self._history.last_position(topic) - position)
            for topic, position in self.progress().items()
        }

    def progress(self) -> Mapping[str, int]:
        """Return by topic the position of the last event that the subscriber has handled."""
        stored, here = self.subscriber.positions(), self._checkpoint or START
        return {
            topic: max(stored.get(topic, 0), here.at(topic)) for topic in self.subscriber.topics
        }

    def positions(self) -> dict[str, int]:
        """Return by topic how far this process has come, if it knows."""
        return dict((self._checkpoint or START).positions)

    def unreadable(self) -> Mapping[str, str]:
        """Return by topic the id of the event that only a newer program can read."""
        return {topic: newer.event.id for topic, newer in self._unreadable.copy().items()}

    def _catch_up(self, topics: Sequence[str], limit: int = 0) -> bool:
        with self._lock:
            self._reload_if_outdated()
            found = [self._read_history(topic, limit) for topic in topics]
            return not self.save_checkpoint() or not self._retry_parked() or any(found)

    def _is_due(self, topic: str) -> bool:
        """Return whether to read the topic from history now."""
        now = time.monotonic()
        unread_for = now - self._read_at[topic]
        bus_is_silent = now - self._delivered_at[topic] > SILENCE_SECONDS
        return unread_for > BUSY_BUS_SECONDS or (
            bus_is_silent and (self._had_more[topic] or unread_for > SILENT_BUS_SECONDS)
        )

    def _unpack(self, delivery: Delivery) -> list[RecordedEvent]:
        try:
            return self._wire.unpack(delivery.body)
        except MalformedMessage:
            log.error("%s dropped a message that is not a batch of events", self.name)
            return []

    def _read_history(self, topic: str, limit: int = 0) -> bool:
        """Handle the next events from history. Returns whether there may be more."""
        if self.subscriber.is_full():
            return False
        self._read_at[topic] = time.monotonic()
        limit = 1 if topic in self._unreadable else limit or COMMITS_A_READ
        events = self._history.read(topic, self._position(topic), limit)
        if events and self._advance(topic, events):
            self.handled[BY_HISTORY] += len(events)
        self._had_more[topic] = bool(events) and topic not in self._unreadable
        return self._had_more[topic]

    def _position(self, topic: str) -> int:
        """Return the position of the last event that was handled, skipped or parked."""
        self._reload_if_outdated()
        return self._current().at(topic)

    def _reload_if_outdated(self) -> None:
        """Load the checkpoint again after ``reset``. Call it only between steps."""
        if self._outdated:
            self._parking.load()
            self._outdated = False
            self._forget()

    def _forget(self) -> None:
        """Drop the checkpoint in memory, so that the stored one is loaded."""
        self._checkpoint = None
        self._has_skipped = False
        self._parking.refresh()

    def _current(self) -> Checkpoint:
        if self._checkpoint is None:
            self._checkpoint = self.subscriber.checkpoint()
        return self._checkpoint

    def _advance(self, topic: str, events: Sequence[RecordedEvent]) -> bool:
        """Handle consecutive events.

        Returns False if another process has moved on, or if the topic waits for a newer program.
        """
        try:
            for start in range(0, len(events), self._at_once):
                self._advance_together(topic, events[start : start + self._at_once], {})
        except Fenced:
            self._forget()
            return False
        except NewerProgram as newer:
            self._stop_at(topic, newer)
            return False
        self._unreadable.pop(topic, None)
        return True

    def _stop_at(self, topic: str, newer: NewerProgram) -> None:
        """Remember the event that only a newer program can read, and log it once."""
        if topic not in self._unreadable or self._unreadable[topic].event.id != newer.event.id:
            log.error("%s waits: %s", self.name, newer, extra=correlated(newer.event))
        self._unreadable[topic] = newer

    def _advance_together(
        self, topic: str, events: Sequence[RecordedEvent], errors: Mapping[str, str]
    ) -> None:
        """Handle the events together, except those with an error: these are parked.

        If an event fails and it is not known which, handle the events in halves. Raises Fenced if
        another process has handled them meanwhile.
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
            self._skip(topic, position)
            return
        current = self._current()
        handled, parked = self._parking.sort(concerned, current, errors)
        self._parking.park(parked)
        for each in parked:
            log.error("%s parked %s", self.name, each.event.id, extra=correlated(each.event))
        moved = current.moved(topic, position)
        ids = frozenset(each.event.id for each in parked)
        self._handle(handled, replace(moved, parked=moved.parked | ids) if ids else moved)

    def _skip(self, topic: str, position: int) -> None:
        self._checkpoint = self._current().skipped_to(topic, position)
        self._has_skipped = True

    def _handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        """Have the subscriber handle the events and save the checkpoint.

        Raises EventsFailed if it is known which of the events cannot be handled.
        """
        try:
            self.subscriber.handle(events, checkpoint)
        except NewerProgram:
            raise  # nothing was saved, so the checkpoint in memory is still right
        except Exception as error:
            self._forget()
            known = isinstance(error, EventsFailed | Fenced | Unavailable)
            if known or len(events) != 1:
                raise
            raise EventsFailed({events[0].id: describe(error)}) from error
        self._checkpoint = checkpoint
        self._has_skipped = False

    def _retry_parked(self) -> bool:
        """Retry parked events that are due. Returns False if another process has moved on."""
        try:
            self._parking.remove_settled(self._current())
            if self._current().parked:
                self._retry_due_streams()
        except Fenced:
            self._forget()
            return False
        return True

    def _retry_due_streams(self) -> None:
        """Retry for a moment only, because new events wait meanwhile. The rest stays due."""
        end = time.monotonic() + RETRY_SECONDS
        for stream in self._parking.due_streams():
            self._retry(stream, end)
            if time.monotonic() > end:
                break

    def _retry(self, stream: LogStream, end: float) -> None:
        """Handle the parked events of a stream in order, until one fails again."""
        waiting = self._parking.of_stream(stream)
        # A pool names an event in memory before it is in the list: load the checkpoint second.
        self._reload_if_outdated()
        for number, parked in enumerate(waiting, start=1):
            later = waiting[number:]
            try:
                if not self._settle(parked):
                    return
            except StillWorking:
                return
            except EventsFailed as failed:
                self._parking.keep(parked, failed.errors[parked.event.id], later)
                return
            except NewerProgram:
                return  # it stays parked for that program
            self._parking.release(parked, later)
            if time.monotonic() > end:
                return

    def _settle(self, parked: ParkedEvent) -> bool:
        """Handle a parked event, unless it was handled already or is to be dropped.

        Returns False if a process that has come further than this one parked it.
        """
        event, current = parked.event, self._current()
        if event.id not in current.parked:
            return event.position <= current.at(event.log)
        handled = [] if self._parking.is_dropped(parked) else [event]
        self._handle(handled, current.next(parked=current.parked - {event.id}))
        return True


def _following(position: int, delivered: Mapping[int, RecordedEvent]) -> list[RecordedEvent]:
    """Return the events that follow the position without a gap."""
    following: list[RecordedEvent] = []
    while event := delivered.get(position + len(following) + 1):
        following.append(event)
    return following
