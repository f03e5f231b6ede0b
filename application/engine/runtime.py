"""Run the relays, projections and policies of some services, beside the requests."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from application.engine.answers import Answers
from application.engine.feed import QueryFeed
from application.engine.log_sealer import LogSealer
from application.engine.loop import Loop, process_name
from application.engine.parking import RETRY_PAUSES
from application.engine.policy import EVENTS_A_BATCH, PolicySubscriber
from application.engine.pool import PARKED_SECONDS, PARKED_TRIES, PooledPolicySubscriber
from application.engine.projections import Projections
from application.engine.query_service import QueryService
from application.engine.relay import Relay
from application.engine.subscription import Subscription
from application.ports.codec import Wire
from application.ports.event_store import EventStore
from application.ports.history import History
from application.ports.leases import Leases
from application.ports.message_bus import BusSubscription, MessageBus
from application.ports.parked import ParkedEvents

log = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
IDLE_WITHOUT_BUS_SECONDS = 0.5
STOP_SECONDS = 10.0
CHORE_SECONDS = 60.0
# A pool has tried an event several times before it parks it.
PAUSES_OF_A_POOL = (PARKED_SECONDS,) * PARKED_TRIES


@dataclass(slots=True)
class Running:
    """A loop with its kind and name, and what monitoring reads of it.

    ``progress`` returns the position of the last event that is handled, by log, whichever process
    handled it; nothing for a loop that handles no log in order.
    """

    kind: str
    name: str
    loop: Loop
    lag: Callable[[], int]
    progress: Callable[[], Mapping[str, int]] = dict
    handled: Callable[[], Mapping[str, int]] = dict
    unreadable: Callable[[], Mapping[str, str]] = dict
    positions: Callable[[], Mapping[str, int]] = dict
    connected: Callable[[], bool | None] = lambda: None
    pool: PooledPolicySubscriber | None = None
    stop: list[Callable[[], None]] = field(default_factory=list)


class Runtime:
    """Starts and stops the loops of one process."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        history: History,
        wire: Wire,
        parked: ParkedEvents,
        leases: Leases,
        projections: Projections,
        model_leases: Leases,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._bus = bus
        self._history = history
        self._wire = wire
        self._parked = parked
        self._leases = leases
        self._projections = projections
        self._model_leases = model_leases
        self._idle = idle_seconds
        self.holder = process_name()
        self.running: list[Running] = []

    def add_relay(self, relay: Relay, store: EventStore) -> None:
        """Publish a log."""
        loop = self._loop(
            relay.name, relay.step, self._leases, on_lead=relay.begin, on_leave=relay.leave
        )
        stop_listening = store.on_append(loop.wake)
        running = Running(
            "relay", relay.name, loop, relay.lag, relay.progress, stop=[stop_listening]
        )
        running.positions = relay.positions
        self.running.append(running)

    def add_sealer(self, sealer: LogSealer) -> None:
        """Seal the head of a log every few seconds."""
        loop = self._loop(sealer.name, sealer.step, self._leases, on_leave=sealer.leave)
        self.running.append(Running("sealer", sealer.name, loop, sealer.lag, sealer.progress))

    def add_policy(self, subscriber: PolicySubscriber) -> None:
        """Run a policy."""
        pool = subscriber if isinstance(subscriber, PooledPolicySubscriber) else None
        subscription = self._policy_subscription(
            subscriber, PAUSES_OF_A_POOL if pool else RETRY_PAUSES
        )

        def unreadable() -> Mapping[str, str]:
            return {**subscription.unreadable(), **subscriber.unreadable()}

        running = self._subscribe(
            "policy", subscription, subscription.poll, self._leases, outdated=unreadable
        )
        running.unreadable = unreadable
        subscriber.may_continue = running.loop.may_continue
        if pool:
            running.pool = pool
            pool.checkpoint_changed = subscription.reset
            running.stop.append(partial(pool.stop, wait=False))

    def add_query(self, service: QueryService[Any], answers: Answers[Any]) -> None:
        """Project events into a query service's read model, which serves once it has caught up."""
        feed = QueryFeed(service, projections=self._projections, leases=self._model_leases)
        loop = self._subscribe("query", feed, feed.step, self._model_leases, lease=feed.lease).loop

        def wake() -> None:
            feed.make_due()
            loop.wake()

        answers.wake = wake

    def add_worker(
        self, name: str, step: Callable[[], bool], lag: Callable[[], int], store: EventStore
    ) -> None:
        """Call ``step`` in one of the processes, at once after events are appended to the log."""
        loop = self._loop(name, step, self._leases)
        stop_listening = store.on_append(loop.wake)
        self.running.append(Running("worker", name, loop, lag, stop=[stop_listening]))

    def add_chore(self, name: str, chore: Callable[[], None]) -> None:
        """Do something every minute, in one of the processes."""

        done_at = -CHORE_SECONDS

        def step() -> bool:
            nonlocal done_at
            if time.monotonic() - done_at >= CHORE_SECONDS:
                done_at = time.monotonic()
                chore()
            return False

        loop = self._loop(name, step, self._leases)
        self.running.append(Running("chore", name, loop, lambda: 0))

    def unreadable(self) -> dict[str, Mapping[str, str]]:
        """Return by name of the loop and topic the event that only a newer program can read."""
        return {
            running.name: unreadable
            for running in self.running
            if (unreadable := running.unreadable())
        }

    def start(self) -> None:
        for running in self.running:
            running.loop.start()

    def stop(self) -> None:
        """Finish the current steps and release the leases. All loops share STOP_SECONDS."""
        for running in self.running:
            running.loop.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for running in self.running:
            running.loop.join(max(0.0, deadline - time.monotonic()))
            for stop in running.stop:
                stop()

    def _policy_subscription(
        self, subscriber: PolicySubscriber, retry_pauses: Sequence[float]
    ) -> Subscription:
        return Subscription(
            subscriber,
            self._history,
            self._wire,
            self._parked,
            at_once=EVENTS_A_BATCH,
            retry_pauses=retry_pauses,
        )

    def _subscribe(
        self,
        kind: str,
        feed: "Subscription | QueryFeed",
        step: Callable[[], bool],
        leases: Leases,
        lease: str = "",
        **hooks: Callable[[], object],
    ) -> Running:
        link = _BusLink(self._bus, feed)

        def step_by_bus_or_history() -> bool:
            if link.is_down:
                feed.make_due()
            return step()

        loop = self._loop(
            lease or feed.name,
            step_by_bus_or_history,
            leases,
            link,
            on_lead=link.open,
            on_leave=link.leave,
            **hooks,
        )
        running = Running(
            kind,
            feed.name,
            loop,
            lag=lambda: sum(feed.lag().values()),
            progress=feed.progress,
            handled=lambda: feed.handled,
            unreadable=feed.unreadable,
            positions=feed.positions,
            connected=lambda: link.connected,
            stop=[link.close],
        )
        self.running.append(running)
        return running

    def _loop(
        self,
        name: str,
        step: Callable[[], bool],
        leases: Leases,
        link: "_BusLink | None" = None,
        **hooks: Callable[[], Any],
    ) -> Loop:
        def idle_seconds() -> float:
            return (
                min(self._idle, IDLE_WITHOUT_BUS_SECONDS) if link and link.is_down else self._idle
            )

        return Loop(name, step, leases, self.holder, idle_seconds=idle_seconds, **hooks)


class _BusLink:
    """Subscribes to the bus while the loop leads."""

    def __init__(self, bus: MessageBus, feed: "Subscription | QueryFeed") -> None:
        self._bus = bus
        self._feed = feed
        self._consumer: BusSubscription | None = None

    @property
    def connected(self) -> bool | None:
        """Whether it is connected to the bus; None while the loop does not lead."""
        consumer = self._consumer
        return None if consumer is None else consumer.connected

    @property
    def is_down(self) -> bool:
        """Whether the connection to the bus is lost, so that events have to come from history."""
        return self.connected is False

    def open(self) -> None:
        self._feed.begin()
        self._consumer = self._bus.subscribe(self._feed.name, self._feed.topics, self._feed.deliver)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.stop()
            self._consumer = None

    def leave(self) -> None:
        self.close()
        self._feed.save_checkpoint()
