"""Everything that runs beside the requests: relays, projections and policies of some services."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from application.engine.answers import Answers
from application.engine.builds import open_build
from application.engine.feed import QueryFeed
from application.engine.loop import Loop, process_name
from application.engine.parking import RETRY_PAUSES
from application.engine.policy import EVENTS_A_BATCH
from application.engine.pool import LATER, LATER_TRIES, PooledPolicySubscriber
from application.engine.projector import Projector
from application.engine.query_service import QueryService
from application.engine.relay import Relay
from application.engine.seal import LogSealer
from application.engine.subscription import Subscription
from application.ports.codec import EventCodec, Wire
from application.ports.event_store import EventStore
from application.ports.history import History
from application.ports.leases import Leases
from application.ports.message_bus import BusSubscription, MessageBus
from application.ports.parked import ParkedEvents
from application.ports.read_models import ReadModels

log = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
IDLE_WITHOUT_BUS_SECONDS = 0.5
STOP_SECONDS = 10.0
CHORE_SECONDS = 60.0


@dataclass(slots=True)
class Running:
    """One thing that runs, and what it tells of itself."""

    kind: str
    name: str
    loop: Loop
    behind: Callable[[], int]
    handled: Callable[[], Mapping[str, int]] = dict
    waits: Callable[[], Mapping[str, str]] = dict
    pool: PooledPolicySubscriber | None = None
    stop: list[Callable[[], None]] = field(default_factory=list)


class Runtime:
    """Starts and stops the loops of one process."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        history: History,
        codec: EventCodec,
        wire: Wire,
        parked: ParkedEvents,
        leases: Leases,
        models: ReadModels,
        model_leases: Leases,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._bus = bus
        self._history = history
        self._codec = codec
        self._wire = wire
        self._parked = parked
        self._leases = leases
        self._models = models
        self._model_leases = model_leases
        self._idle = idle_seconds
        self._holder = process_name()
        self.running: list[Running] = []

    def add_relay(self, relay: Relay, store: EventStore) -> None:
        """Publish a log."""
        loop = self._loop(
            relay.name, relay.step, self._leases, entered=relay.begin, left=relay.leave
        )
        stop_listening = store.on_append(loop.wake)
        running = Running("relay", relay.name, loop, relay.behind, stop=[stop_listening])
        self.running.append(running)

    def add_sealer(self, sealer: LogSealer) -> None:
        """Seal the head of a log now and then."""
        loop = self._loop(sealer.name, sealer.step, self._leases, left=sealer.leave)
        self.running.append(Running("sealer", sealer.name, loop, sealer.behind))

    def add_policy(self, subscriber: Any) -> None:
        """Run a policy."""
        pooled = isinstance(subscriber, PooledPolicySubscriber)
        # A pool has tried several times when it parks.
        pauses = (LATER,) * LATER_TRIES if pooled else RETRY_PAUSES
        subscription = Subscription(
            subscriber,
            self._history,
            self._wire,
            self._parked,
            at_once=EVENTS_A_BATCH,
            retry_pauses=pauses,
        )

        def waits() -> Mapping[str, str]:
            return {**subscription.waits(), **subscriber.waits()}

        running = self._subscribe(
            "policy", subscription, subscription.tend, self._leases, outdated=waits
        )
        running.waits = waits
        subscriber.leads = running.loop.goes_on
        if isinstance(subscriber, PooledPolicySubscriber):
            running.pool = subscriber
            subscriber.failed = subscription.reset
            running.stop.append(partial(subscriber.stop, wait=False))

    def add_query(self, service: QueryService[Any], answers: Answers[Any]) -> None:
        """Feed a query service's read model, and let it serve once it has caught up."""
        feed = QueryFeed(
            service,
            models=self._models,
            parked=self._parked,
            leases=self._model_leases,
            open_projection=self._open_projection,
        )
        loop = self._subscribe("query", feed, feed.step, self._model_leases, lease=feed.lease).loop

        def wake() -> None:
            feed.hurry()
            loop.wake()

        answers.wake = wake

    def add_worker(
        self, name: str, step: Callable[[], bool], behind: Callable[[], int], store: EventStore
    ) -> None:
        """Do what a log tells there is to do, in one of the processes."""
        loop = self._loop(name, step, self._leases)
        stop_listening = store.on_append(loop.wake)
        self.running.append(Running("worker", name, loop, behind, stop=[stop_listening]))

    def add_chore(self, name: str, chore: Callable[[], None]) -> None:
        """Do something now and then, in one of the processes."""

        done_at = -CHORE_SECONDS

        def step() -> bool:
            nonlocal done_at
            if time.monotonic() - done_at >= CHORE_SECONDS:
                done_at = time.monotonic()
                chore()
            return False

        loop = self._loop(name, step, self._leases)
        self.running.append(Running("chore", name, loop, lambda: 0))

    def waits(self) -> dict[str, Mapping[str, str]]:
        """Who waits for a newer program, and by topic at which event."""
        return {running.name: waits for running in self.running if (waits := running.waits())}

    def start(self) -> None:
        for running in self.running:
            running.loop.start()

    def stop(self) -> None:
        """Finish what is in hand, give leases back, and leave; all loops share STOP_SECONDS."""
        for running in self.running:
            running.loop.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for running in self.running:
            running.loop.join(max(0.0, deadline - time.monotonic()))
            for stop in running.stop:
                stop()

    def _open_projection(self, service: QueryService[Any], build: int) -> Subscription:
        model = open_build(service, self._models, build)
        projector = Projector(service, model, self._codec, self._history, build)
        return Subscription(projector, self._history, self._wire, self._parked)

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
                feed.hurry()
            return step()

        loop = self._loop(
            lease or feed.name,
            step_by_bus_or_history,
            leases,
            link,
            entered=link.open,
            left=link.leave,
            **hooks,
        )
        running = Running(
            kind,
            feed.name,
            loop,
            behind=lambda: sum(feed.behind().values()),
            handled=lambda: feed.handled,
            waits=feed.waits,
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

        return Loop(name, step, leases, self._holder, idle_seconds=idle_seconds, **hooks)


class _BusLink:
    """Consumes the bus while the loop leads."""

    def __init__(self, bus: MessageBus, feed: "Subscription | QueryFeed") -> None:
        self._bus = bus
        self._feed = feed
        self._consumer: BusSubscription | None = None

    @property
    def is_down(self) -> bool:
        """Whether nothing can come by the bus just now, so that history alone brings news."""
        return self._consumer is not None and not self._consumer.connected

    def open(self) -> None:
        self._feed.begin()
        self._consumer = self._bus.subscribe(self._feed.name, self._feed.topics, self._feed.deliver)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.stop()
            self._consumer = None

    def leave(self) -> None:
        self.close()
        self._feed.note()
