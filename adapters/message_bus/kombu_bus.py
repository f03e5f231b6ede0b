"""What the buses behind kombu share: publishing, confirmed, and consuming, reconnecting for ever.

One connection serves one thread at a time. After any error it is thrown away: a late confirmation
must not count for a later message, and whatever it had in hand shall be delivered again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from kombu.connection import Connection
from kombu.entity import Exchange, Queue, binding
from kombu.messaging import Consumer

from adapters.message_bus.backoff import pauses
from adapters.message_bus.headers import DELIVERY_COUNT, MAC
from application.ports.message_bus import BusUnavailable, Delivery, Guarantees, Message

CONTENT_TYPE = "application/cloudevents-batch+json"
PERSISTENT = 2
POLL_SECONDS = 1.0
"""How long a consumer waits for messages before it looks whether it shall stop."""
LONGEST_IDLE_SECONDS = 20.0
"""Older publishing connections are replaced: the broker may have given them up by now."""

logger = logging.getLogger(__name__)

Handler = Callable[[Sequence[Delivery]], None]


class ConfirmingChannel(Protocol):
    """What our transports add to kombu's channels."""

    def prepare_message(self, body: bytes, **options: object) -> Any: ...

    def basic_publish(self, message: Any, exchange: str, routing_key: str) -> object: ...

    def confirm(self, timeout: float) -> None:
        """Return when the broker has all that was published, else raise after so many seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """How topics and groups are called on the broker, and what its queues are."""

    prefix: str
    queue_arguments: Mapping[str, object] = field(default_factory=dict)

    def exchange(self, topic: str) -> Exchange:
        return Exchange(self.exchange_name(topic), type="fanout", durable=True)

    def exchange_name(self, topic: str) -> str:
        return f"{self.prefix}.{topic}"

    def queue(self, group: str, topics: Sequence[str]) -> Queue:
        return Queue(
            f"{self.prefix}.{group}",
            bindings=[binding(self.exchange(topic)) for topic in topics],
            durable=True,
            queue_arguments=dict(self.queue_arguments),
        )


class KombuBus:
    """A message bus on any kombu transport whose channels confirm.

    ``prefetch``: how many messages a consumer holds at most. ``timeout``: seconds that one exchange
    with the broker may take.
    """

    guarantees: Guarantees

    def __init__(
        self,
        connection: Callable[[], Connection],
        topology: Topology,
        *,
        prefetch: int,
        timeout: float,
    ) -> None:
        self._new_connection = connection
        self._topology = topology
        self._prefetch = prefetch
        self._timeout = timeout
        # By process: a child that was forked must not speak through its parent's connections.
        self._idle: dict[int, deque[_Publisher]] = defaultdict(deque)
        self._subscriptions: list[KombuSubscription] = []
        self._closed = False

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Send the messages in one go and return when the broker has confirmed all of them."""
        if messages:
            with self._publisher() as publisher:
                publisher.publish(topic, messages)

    def declare(self, group: str, topics: Sequence[str]) -> None:
        """Make the group's queue and bind it; topics of earlier declarations stay bound."""
        with self._publisher() as publisher:
            publisher.declare(self._topology.queue(group, topics))

    def subscribe(self, group: str, topics: Sequence[str], handle: Handler) -> KombuSubscription:
        """Consume the group's queue in a thread of its own until stopped."""
        subscription = KombuSubscription(
            self._connect,
            topology=self._topology,
            group=group,
            topics=topics,
            handle=handle,
            prefetch=self._prefetch,
        )
        self._subscriptions = [one for one in self._subscriptions if one.running]
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """Stop every consumer and leave the broker; nothing can be published from now on."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.leave()
        for subscription in self._subscriptions:
            subscription.stop()
        self._discard_idle(_Publisher.leave)

    def _connect(self) -> Connection:
        connection = self._new_connection()
        connection.ensure_connection(max_retries=max(0, len(connection.alt) - 1))
        return connection

    @contextmanager
    def _publisher(self) -> Iterator[_Publisher]:
        self._refuse_if_closed()
        publisher: _Publisher | None = None
        try:
            publisher = self._idle_publisher() or _Publisher(
                self._connect(), self._topology, self._timeout
            )
            yield publisher
        except Exception as error:
            if publisher:
                publisher.discard()
            self._discard_idle(_Publisher.discard)
            raise BusUnavailable(f"the broker did not confirm: {type(error).__name__}") from error
        publisher.used_at = time.monotonic()
        self._idle[os.getpid()].append(publisher)
        if self._closed:
            self._discard_idle(_Publisher.leave)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise BusUnavailable("the bus is closed")

    def _idle_publisher(self) -> _Publisher | None:
        idle = self._idle[os.getpid()]
        while idle:
            with suppress(IndexError):
                publisher = idle.pop()
                if time.monotonic() - publisher.used_at < LONGEST_IDLE_SECONDS:
                    return publisher
                publisher.discard()
        return None

    def _discard_idle(self, end: Callable[[_Publisher], None]) -> None:
        idle = self._idle[os.getpid()]
        with suppress(IndexError):
            while True:
                end(idle.pop())


class _Publisher:
    """One connection that publishes, and what it has declared."""

    def __init__(self, connection: Connection, topology: Topology, timeout: float) -> None:
        self._connection = connection
        self._channel = connection.channel()
        self._topology = topology
        self._timeout = timeout
        self._declared: set[str] = set()
        self.used_at = 0.0

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        exchange = self._topology.exchange(topic)
        if topic not in self._declared:
            exchange.declare(channel=self._channel)
            self._declared.add(topic)
        for message in messages:
            self._send(exchange.name, message)
        self._channel.confirm(self._timeout)

    def _send(self, exchange: str, message: Message) -> None:
        prepared = self._channel.prepare_message(
            message.body,
            content_type=CONTENT_TYPE,
            headers={MAC: message.mac},
            properties={"delivery_mode": PERSISTENT},
        )
        self._channel.basic_publish(prepared, exchange=exchange, routing_key="")

    def declare(self, queue: Queue) -> None:
        queue.bind(self._channel).declare()

    def leave(self) -> None:
        _give_back(self._connection)

    def discard(self) -> None:
        _throw_away(self._connection)


class HandlerFailed(Exception):
    """The handler raised: its messages go back to the broker."""


class KombuSubscription:
    """One consumer of a group: a thread with a connection, as long as it is not stopped."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        topology: Topology,
        group: str,
        topics: Sequence[str],
        handle: Handler,
        prefetch: int,
    ) -> None:
        self._connect = connect
        self._queue = topology.queue(group, topics)
        self._topics = {topology.exchange_name(topic): topic for topic in topics}
        self._group = group
        self._handle = handle
        self._prefetch = prefetch
        self._pauses = pauses()
        self._away = False
        self._connected = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"bus-{group}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        """Whether it is consuming just now."""
        return self._connected

    def leave(self) -> None:
        """Tell it to stop and do not wait."""
        self._stopping.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Finish the batch in hand, acknowledge it and leave; wait ``timeout`` seconds for that."""
        self.leave()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._consume_on(self._connect())
            except HandlerFailed:
                logger.warning("%s: a handler failed, its messages come again", self._group)
            except Exception as error:  # noqa: BLE001 - clients raise whatever they like
                self._report_away(error)
            self._stopping.wait(next(self._pauses))

    def _consume_on(self, connection: Connection) -> None:
        try:
            self._consume(connection)
        except HandlerFailed:
            _give_back(connection)
            raise
        except Exception:
            _throw_away(connection)
            raise
        else:
            _give_back(connection)
        finally:
            self._connected = False

    def _consume(self, connection: Connection) -> None:
        received: deque[Any] = deque()
        consumer = Consumer(
            connection.channel(),
            queues=[self._queue],
            on_message=received.append,
            prefetch_count=self._prefetch,
        )
        consumer.consume()
        self._report_back()
        while not self._stopping.is_set():
            _receive(connection, received, self._prefetch)
            self._handle_all(received)
            connection.heartbeat_check()

    def _handle_all(self, received: deque[Any]) -> None:
        messages = list(received)
        received.clear()
        if deliveries := [one for message in messages if (one := self._delivery(message))]:
            try:
                self._handle(deliveries)
            except Exception as error:
                raise HandlerFailed from error
        if messages:
            messages[-1].ack(multiple=True)
        self._pauses = pauses()

    def _delivery(self, message: Any) -> Delivery | None:
        """None for a message of a topic that the group no longer listens to."""
        topic = self._topics.get(message.delivery_info["exchange"])
        if topic is None:
            return None
        return Delivery(
            topic, _bytes(message.body), _attempt(message), str(message.headers.get(MAC, ""))
        )

    def _report_away(self, error: Exception) -> None:
        if not self._away:
            logger.warning("%s: the broker is away (%s)", self._group, type(error).__name__)
        self._away = True

    def _report_back(self) -> None:
        if self._away:
            logger.info("%s: the broker is back", self._group)
        self._away = False
        self._connected = True


def _bytes(body: bytes | str) -> bytes:
    """Return the body as it travelled: clients decode what a stranger labels as text."""
    return body.encode() if isinstance(body, str) else body


def _attempt(message: Any) -> int:
    """Count from 1; a stranger may put anything into the broker's header."""
    before = message.headers.get(DELIVERY_COUNT, 0)
    return 1 + before if isinstance(before, int) else 1


def _receive(connection: Connection, received: deque[Any], limit: int) -> None:
    """Wait a moment for a message, then take those that are here already."""
    with suppress(TimeoutError):
        connection.drain_events(timeout=POLL_SECONDS)
        while len(received) < limit:
            connection.drain_events(timeout=0)


def _give_back(connection: Connection) -> None:
    """Leave in peace: what is not acknowledged is delivered again at once."""
    with suppress(Exception):
        connection.release()


def _throw_away(connection: Connection) -> None:
    """Leave without a word, for the broker may not listen."""
    with suppress(Exception):
        connection.collect()
