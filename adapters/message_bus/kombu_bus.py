"""What the buses on kombu share: publishing with confirmation, and consuming with reconnection.

One connection serves one thread at a time. After any error it is discarded: a late confirmation
must not count for a later message, and its unacknowledged messages have to be delivered again.
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
from uuid import uuid4

from kombu.connection import Connection
from kombu.entity import Exchange, Queue, binding
from kombu.messaging import Consumer

from adapters.message_bus.backoff import pauses
from adapters.message_bus.headers import DELIVERY_COUNT, MAC, PERSISTENT, TRANSIENT
from application.ports.message_bus import BusUnavailable, Delivery, Guarantees, Message

CONTENT_TYPE = "application/cloudevents-batch+json"
POLL_SECONDS = 1.0
"""How long a consumer waits for messages before it checks whether to stop."""
LONGEST_IDLE_SECONDS = 20.0
"""Publishing connections idle for longer are replaced: the broker may have closed them."""

logger = logging.getLogger(__name__)

Handler = Callable[[Sequence[Delivery]], None]


class ConfirmingChannel(Protocol):
    """The methods that Klarity's transports add to kombu's channels."""

    def prepare_message(self, body: bytes, **options: object) -> Any: ...

    def basic_publish(self, message: Any, exchange: str, routing_key: str) -> object: ...

    def confirm(self, timeout: float) -> None:
        """Wait until the broker has confirmed all published messages. Raises after ``timeout``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The names of topics and groups on the broker, and the arguments of its queues."""

    prefix: str
    queue_arguments: Mapping[str, object] = field(default_factory=dict)
    listener_arguments: Mapping[str, object] = field(default_factory=dict)

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

    def listener(self, topic: str) -> Queue:
        """Return a queue that the broker deletes when its consumer has gone."""
        return Queue(
            f"{self.prefix}.listener.{uuid4().hex}",
            bindings=[binding(self.exchange(topic))],
            durable=False,
            auto_delete=True,
            queue_arguments=dict(self.listener_arguments),
        )


class KombuBus:
    """A message bus on any kombu transport whose channels confirm.

    ``prefetch`` is the greatest number of messages that a consumer holds unacknowledged.
    ``timeout`` limits one exchange with the broker, in seconds.
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
        # By process id: a forked child must not use the connections of its parent.
        self._idle: dict[int, deque[_Publisher]] = defaultdict(deque)
        self._subscriptions: list[KombuSubscription] = []
        self._closed = False

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Send the messages together, and return when the broker has confirmed all of them."""
        if messages:
            with self._publisher() as publisher:
                publisher.publish(topic, messages)

    def declare(self, group: str, topics: Sequence[str]) -> None:
        """Make the group's queue and bind it. Topics declared earlier stay bound."""
        with self._publisher() as publisher:
            publisher.declare(self._topology.queue(group, topics))

    def subscribe(self, group: str, topics: Sequence[str], handle: Handler) -> KombuSubscription:
        """Consume the group's queue in a thread until stopped."""
        return self._consume(group, self._topology.queue(group, topics), topics, handle)

    def listen(self, topic: str, handle: Handler) -> KombuSubscription:
        """Consume a queue that lives as long as its consumer."""
        return self._consume("listener", self._topology.listener(topic), [topic], handle)

    def _consume(
        self, name: str, queue: Queue, topics: Sequence[str], handle: Handler
    ) -> KombuSubscription:
        subscription = KombuSubscription(
            self._connect,
            name=name,
            queue=queue,
            topics={self._topology.exchange_name(topic): topic for topic in topics},
            handle=handle,
            prefetch=self._prefetch,
        )
        self._subscriptions = [one for one in self._subscriptions if one.running]
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """Stop every consumer and disconnect. Nothing can be published afterwards."""
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
    """One publishing connection, and the topics that it has declared."""

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
            properties={"delivery_mode": PERSISTENT if message.lasting else TRANSIENT},
        )
        self._channel.basic_publish(prepared, exchange=exchange, routing_key="")

    def declare(self, queue: Queue) -> None:
        queue.bind(self._channel).declare()

    def leave(self) -> None:
        _give_back(self._connection)

    def discard(self) -> None:
        _throw_away(self._connection)


class HandlerFailed(Exception):
    """The handler raised an exception, so its messages go back to the broker."""


class KombuSubscription:
    """One consumer of a queue: a thread with a connection, until it is stopped.

    ``topics`` maps the names of exchanges to topics.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        name: str,
        queue: Queue,
        topics: Mapping[str, str],
        handle: Handler,
        prefetch: int,
    ) -> None:
        self._connect = connect
        self._queue = queue
        self._topics = topics
        self._group = name
        self._handle = handle
        self._prefetch = prefetch
        self._pauses = pauses()
        self._away = False
        self._connected = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"bus-{name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether its thread is alive."""
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        """Whether it is consuming at the moment."""
        return self._connected

    def leave(self) -> None:
        """Ask the thread to stop, without waiting."""
        self._stopping.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Finish the current batch, acknowledge it and stop. Waits at most ``timeout`` seconds."""
        self.leave()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._consume_on(self._connect())
            except HandlerFailed:
                logger.warning("%s: a handler failed; its messages are redelivered", self._group)
            except Exception as error:  # noqa: BLE001 - clients raise exceptions of any type
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
        """Return the delivery, or None if the group no longer subscribes to its topic."""
        topic = self._topics.get(message.delivery_info["exchange"])
        if topic is None:
            return None
        return Delivery(
            topic, _bytes(message.body), _attempt(message), str(message.headers.get(MAC, ""))
        )

    def _report_away(self, error: Exception) -> None:
        if not self._away:
            logger.warning("%s: the broker is unavailable (%s)", self._group, type(error).__name__)
        self._away = True

    def _report_back(self) -> None:
        if self._away:
            logger.info("%s: the broker is available again", self._group)
        self._away = False
        self._connected = True


def _bytes(body: bytes | str) -> bytes:
    """Return the body as bytes: the client decodes it if a foreign sender labels it as text."""
    return body.encode() if isinstance(body, str) else body


def _attempt(message: Any) -> int:
    """Return the attempt, from 1. A foreign sender can put anything into the header."""
    before = message.headers.get(DELIVERY_COUNT, 0)
    return 1 + before if isinstance(before, int) else 1


def _receive(connection: Connection, received: deque[Any], limit: int) -> None:
    """Wait a moment for a message, then take all that have arrived."""
    with suppress(TimeoutError):
        connection.drain_events(timeout=POLL_SECONDS)
        while len(received) < limit:
            connection.drain_events(timeout=0)


def _give_back(connection: Connection) -> None:
    """Disconnect regularly, so that unacknowledged messages are redelivered at once."""
    with suppress(Exception):
        connection.release()


def _throw_away(connection: Connection) -> None:
    """Drop the connection without talking to the broker, which may not answer."""
    with suppress(Exception):
        connection.collect()
