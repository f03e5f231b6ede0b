"""A bus within one process: a queue in memory per group."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import uuid4

from adapters.message_bus.backoff import pauses
from adapters.tls import Tls
from application.ports.message_bus import BusUnavailable, Delivery, Guarantees, Message

logger = logging.getLogger(__name__)


class MemoryMessageBus:
    """A bus with microseconds of latency, whose messages are lost when the process ends.

    A group keeps at most ``capacity`` messages and drops the oldest, so it may have no consumer. A
    handler gets at most ``prefetch`` deliveries at a time.
    """

    guarantees = Guarantees(
        shared=False, survives_broker_restart=False, keeps_for_offline_groups=True, ordered=True
    )

    def __init__(self, capacity: int = 100_000, prefetch: int = 100) -> None:
        self._capacity = capacity
        self._prefetch = prefetch
        self._lock = threading.Lock()
        self._groups: dict[str, _Group] = {}
        self._subscriptions: list[_Subscription] = []
        self._closed = False

    @classmethod
    def from_url(cls, _url: str, _prefix: str, _tls: Tls) -> MemoryMessageBus:
        """Return a new bus of this process. Its address, ``memory://``, has no further parts."""
        return cls()

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Put the messages into the queue of every group of the topic: all or none."""
        deliveries = [Delivery(topic, message.body, mac=message.mac) for message in messages]
        with self._lock:
            self._refuse_if_closed()
            for group in self._groups.values():
                if topic in group.topics:
                    group.queue.extend(deliveries)
                    group.news.notify_all()

    def declare(self, group: str, topics: Sequence[str]) -> None:
        """Make the group's queue. A later declaration replaces its topics."""
        with self._lock:
            self._refuse_if_closed()
            self._declared(group).topics = frozenset(topics)

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Delivery]], None]
    ) -> _Subscription:
        """Consume the group's queue in a thread until stopped."""
        self.declare(group, topics)
        with self._lock:
            subscription = _Subscription(self._declared(group), handle, self._prefetch)
            self._subscriptions.append(subscription)
        return subscription

    def listen(self, topic: str, handle: Callable[[Sequence[Delivery]], None]) -> _Subscription:
        """Consume a queue of its own in a thread until stopped."""
        group = f"listener-{uuid4().hex}"
        subscription = self.subscribe(group, [topic], handle)
        subscription.on_stop = partial(self._groups.pop, group, None)
        return subscription

    def close(self) -> None:
        """Stop every consumer. Nothing can be published afterwards."""
        with self._lock:
            self._closed = True
            subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            subscription.stop()

    def _declared(self, name: str) -> _Group:
        if name not in self._groups:
            queue = deque[Delivery](maxlen=self._capacity)
            self._groups[name] = _Group(queue, threading.Condition(self._lock))
        return self._groups[name]

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise BusUnavailable("the bus is closed")


@dataclass(slots=True)
class _Group:
    queue: deque[Delivery]
    news: threading.Condition
    topics: frozenset[str] = frozenset()

    def take(self, limit: int, stopping: threading.Event) -> list[Delivery]:
        """Wait for deliveries. Returns an empty list when the consumer stops."""
        with self.news:
            self.news.wait_for(lambda: self.queue or stopping.is_set())
            if stopping.is_set():
                return []
            return [self.queue.popleft() for _ in range(min(limit, len(self.queue)))]

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        again = [replace(delivery, attempt=delivery.attempt + 1) for delivery in deliveries]
        with self.news:
            self.queue.extendleft(reversed(again))
            self.news.notify_all()


class _Subscription:
    def __init__(
        self, group: _Group, handle: Callable[[Sequence[Delivery]], None], prefetch: int
    ) -> None:
        self._group = group
        self._handle = handle
        self._prefetch = prefetch
        self.on_stop: Callable[[], object] = lambda: None
        self._stopping = threading.Event()
        self._pauses = pauses()
        self._thread = threading.Thread(target=self._consume, name="bus-consumer", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether it is consuming at the moment."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def stop(self, timeout: float = 5.0) -> None:
        """Finish the current batch and stop. The group's queue stays."""
        self._stopping.set()
        with self._group.news:
            self._group.news.notify_all()
            self.on_stop()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _consume(self) -> None:
        while deliveries := self._group.take(self._prefetch, self._stopping):
            try:
                self._handle(deliveries)
            except Exception:  # noqa: BLE001 - any exception of a handler means redelivery
                self._retry_later(deliveries)
            else:
                self._pauses = pauses()

    def _retry_later(self, deliveries: Sequence[Delivery]) -> None:
        logger.warning("a handler failed; its messages are redelivered")
        self._group.put_back(deliveries)
        self._stopping.wait(next(self._pauses))
