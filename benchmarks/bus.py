"""Publishing and consuming, confirmed and acknowledged, beside each broker's fastest client.

Events of 1 KB travel 100 to a message and 1 to a message; the floor gets the same bytes in the same
batches. Run with ``python -m benchmarks.bus``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from time import perf_counter
from typing import Any, Protocol
from urllib.parse import urlparse
from uuid import uuid4

import amqp
import grpc
import redis
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from adapters.message_bus.pubsub import PubSubBus
from adapters.message_bus.rabbitmq import RabbitMqBus
from adapters.message_bus.redis import RedisBus
from application.ports.message_bus import Delivery, Message, MessageBus
from benchmarks.measure import Figure, medians, print_table
from tests.servers import PubSub, RabbitMQ, Redis, Server

EVENT = b'{"story": "%s"}' % (b"Somebody asked for money at the counter. " * 25)
MESSAGES = {100: 300, 1: 6000}
"""How many messages are sent, by how many events are in each."""
BATCHES = {100: 10, 1: 100}
"""How many messages are published at once, by how many events are in each."""
PREFETCH = 100
ROUNDS = 3
TARGET = 0.5
PROJECT = "benchmarks"

_serial = count()


class Client(Protocol):
    """A bus, or what stands in for it at its quickest."""

    def declare(self, topic: str) -> None: ...

    def publish(self, topic: str, bodies: Sequence[bytes]) -> None: ...

    def consume(self, topic: str, messages: int) -> None:
        """Return when so many were received and acknowledged."""
        ...


class OurBus:
    """One of our adapters."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    def declare(self, topic: str) -> None:
        self._bus.declare(topic, [topic])

    def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        self._bus.publish(topic, [Message(body) for body in bodies])

    def consume(self, topic: str, messages: int) -> None:
        arrived = Countdown(messages)

        def handle(deliveries: Sequence[Delivery]) -> None:
            arrived.count(len(deliveries))

        subscription = self._bus.subscribe(topic, [topic], handle)
        arrived.wait()
        subscription.stop(timeout=0)  # It leaves in its own time.


class PyAmqp:
    """py-amqp with confirms in batches, on the same kind of queue."""

    arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}  # noqa: RUF012 - constant

    def __init__(self, url: str) -> None:
        broker = urlparse(url)
        self._connection = amqp.Connection(
            f"{broker.hostname}:{broker.port}",
            userid="guest",
            password="guest",  # noqa: S106 - RabbitMQ's own for localhost
        )
        self._connection.connect()
        self._publisher = self._connection.channel()
        self._publisher.confirm_select()
        self._publisher.events["basic_ack"].add(self._confirm)
        self._sent = self._confirmed = 0

    def declare(self, topic: str) -> None:
        self._publisher.exchange_declare(topic, "fanout", durable=True, auto_delete=False)
        self._publisher.queue_declare(
            topic, durable=True, auto_delete=False, arguments=self.arguments
        )
        self._publisher.queue_bind(topic, topic)

    def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        outstanding = set(range(self._sent + 1, self._sent + len(bodies) + 1))
        self._outstanding = outstanding
        for body in bodies:
            self._publisher.basic_publish(amqp.Message(body, delivery_mode=2), topic)
        self._sent += len(bodies)
        while self._outstanding:
            self._connection.drain_events()

    def _confirm(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._outstanding = {one for one in self._outstanding if one > tag}
        else:
            self._outstanding.discard(tag)

    def consume(self, topic: str, messages: int) -> None:
        channel = self._connection.channel()
        channel.basic_qos(0, PREFETCH, False)
        received: list[Any] = []
        channel.basic_consume(topic, callback=received.append)
        for done in range(1, messages + 1):
            while len(received) < done:
                self._connection.drain_events()
            if done % PREFETCH == 0 or done == messages:
                channel.basic_ack(received[-1].delivery_tag, multiple=True)
        channel.close()


class RedisPy:
    """redis-py: a pipeline of XADD, and XREADGROUP with one XACK for what it brought."""

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(url, protocol=2)

    def declare(self, topic: str) -> None:
        self._redis.xgroup_create(topic, topic, id="$", mkstream=True)

    def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for body in bodies:
            pipeline.xadd(topic, {"body": body})
        pipeline.execute()

    def consume(self, topic: str, messages: int) -> None:
        left = messages
        while left:
            ((_, entries),) = self._redis.xreadgroup(topic, "me", {topic: ">"}, count=PREFETCH)
            self._redis.xack(topic, topic, *[entry for entry, _ in entries])
            left -= len(entries)


class GooglePubSub:
    """Google's client: futures in flight, and its own streaming pull."""

    def __init__(self, emulator: str) -> None:
        channel = grpc.insecure_channel(emulator, [("grpc.max_receive_message_length", -1)])
        self._publisher = pubsub_v1.PublisherClient(
            transport=PublisherGrpcTransport(channel=channel)
        )
        self._subscriber = pubsub_v1.SubscriberClient(
            transport=SubscriberGrpcTransport(channel=channel)
        )

    def declare(self, topic: str) -> None:
        path = self._publisher.topic_path(PROJECT, topic)
        self._publisher.create_topic(name=path)
        self._subscriber.create_subscription(name=self._subscription(topic), topic=path)

    def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        path = self._publisher.topic_path(PROJECT, topic)
        for future in [self._publisher.publish(path, body) for body in bodies]:
            future.result(60)

    def consume(self, topic: str, messages: int) -> None:
        arrived = Countdown(messages)

        def handle(message: Any) -> None:
            message.ack()
            arrived.count(1)

        pull = self._subscriber.subscribe(
            self._subscription(topic),
            handle,
            flow_control=pubsub_v1.types.FlowControl(max_messages=PREFETCH),
        )
        arrived.wait()
        pull.cancel()
        pull.result(60)

    def _subscription(self, topic: str) -> str:
        return str(self._subscriber.subscription_path(PROJECT, topic))


class Countdown:
    """Waits until so many have been counted."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._lock = threading.Lock()
        self._done = threading.Event()

    def count(self, number: int) -> None:
        with self._lock:
            self._left -= number
            if self._left <= 0:
                self._done.set()

    def wait(self) -> None:
        assert self._done.wait(120), f"{self._left} are missing"


def main() -> None:
    for name, server, bus, floor in BUSES:
        figures = list(bus_figures(server(), bus, floor))
        print_table(f"Events of 1 KB through {name}", "events/s", figures)


def emulated(url: str) -> MessageBus:
    return PubSubBus(PROJECT, emulator=url)


BUSES: list[tuple[str, type[Server], Callable[[str], MessageBus], Callable[[str], Client]]] = [
    ("RabbitMQ", RabbitMQ, RabbitMqBus, PyAmqp),
    ("Redis", Redis, RedisBus, RedisPy),
    ("the Pub/Sub emulator", PubSub, emulated, GooglePubSub),
]


def bus_figures(
    server: Server,
    our_bus: Callable[[str], MessageBus],
    floor: Callable[[str], Client],
) -> Iterator[Figure]:
    with server:
        bus = our_bus(server.url)
        clients = {"bus": OurBus(bus), "floor": floor(server.url)}
        for packed in MESSAGES:
            yield from packed_figures(f"{packed} to a message", packed, clients)
        bus.close()


def packed_figures(what: str, packed: int, clients: dict[str, Client]) -> Iterator[Figure]:
    trials = {name: Trial(client, packed) for name, client in clients.items()}
    published = medians(ROUNDS, {name: trial.publish for name, trial in trials.items()})
    consumed = medians(ROUNDS, {name: trial.consume for name, trial in trials.items()})
    for verb, rates in (("publish", published), ("consume", consumed)):
        yield Figure(what=f"{what}, {verb}", rate=rates["bus"], floor=rates["floor"], target=TARGET)


class Trial:
    """Publishes to a new topic each time, and consumes what it published."""

    def __init__(self, client: Client, packed: int) -> None:
        self._client = client
        self._packed = packed
        self._batch = [EVENT * packed] * BATCHES[packed]
        self._topics: list[str] = []

    def publish(self) -> float:
        """Confirmed events a second."""
        self._topics.append(topic := f"topic-{next(_serial)}-{uuid4().hex[:8]}")
        self._client.declare(topic)
        return self._rate(lambda: self._publish_all(topic))

    def consume(self) -> float:
        """Acknowledged events a second."""
        topic = self._topics.pop()
        return self._rate(lambda: self._client.consume(topic, MESSAGES[self._packed]))

    def _publish_all(self, topic: str) -> None:
        for _ in range(MESSAGES[self._packed] // len(self._batch)):
            self._client.publish(topic, self._batch)

    def _rate(self, work: Callable[[], None]) -> float:
        start = perf_counter()
        work()
        return self._packed * MESSAGES[self._packed] / (perf_counter() - start)


if __name__ == "__main__":
    main()
