"""What foreign subscribers receive, by the plain client of each broker."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import amqp
import grpc
import redis
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from application.system import CONTEXTS

MOST_AT_ONCE = 1000
SECONDS_TO_PULL = 1.0
"""After how long there is no message: the service says nothing of its own accord."""


@dataclass(frozen=True)
class Sent:
    """A message on a broker."""

    log: str
    body: bytes
    mac: str


class Wiretap(Protocol):
    """A subscriber that was there before the first message, and keeps all until it is read."""

    def read(self) -> Iterator[Sent]:
        """Yield the messages that have arrived since the last call."""
        ...

    def close(self) -> None: ...


@contextmanager
def tapped(settings: Mapping[str, str]) -> Iterator[Wiretap]:
    """Listen to the broker of these settings from now on."""
    url, prefix = settings["BUS_URL"], settings["BUS_PREFIX"]
    tap = TAPS[urlsplit(url).scheme](url, {f"{prefix}.{log}": log for log in CONTEXTS})
    try:
        yield tap
    finally:
        tap.close()


class RabbitTap:
    """A queue that is bound to the exchange of each log. It needs no open connection."""

    def __init__(self, url: str, addresses: Mapping[str, str]) -> None:
        self._where = urlsplit(url)
        self._addresses = addresses
        self._queue = f"tap.{min(addresses)}"
        with self._channel() as channel:
            channel.queue_declare(self._queue, durable=True, auto_delete=False)
            for address in addresses:
                channel.exchange_declare(address, "fanout", durable=True, auto_delete=False)
                channel.queue_bind(self._queue, address)

    def read(self) -> Iterator[Sent]:
        with self._channel() as channel:
            while message := channel.basic_get(self._queue, no_ack=True):
                log = self._addresses[message.delivery_info["exchange"]]
                yield Sent(log, message.body, message.headers["klarity-mac"])

    def close(self) -> None:
        with self._channel() as channel:
            channel.queue_delete(self._queue)

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with amqp.Connection(
            f"{self._where.hostname}:{self._where.port}",
            userid=self._where.username or "guest",
            password=self._where.password or "guest",
            virtual_host=self._where.path.removeprefix("/") or "/",
        ) as connection:
            yield connection.channel()


class RedisTap:
    """The streams of the logs, which keep what they hold."""

    def __init__(self, url: str, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._redis = redis.Redis.from_url(url)
        self._last = dict.fromkeys(addresses, b"-")

    def read(self) -> Iterator[Sent]:
        for address, log in self._addresses.items():
            entries: Any = self._redis.xrange(address, min=self._last[address])
            for entry_id, fields in entries:
                self._last[address] = b"(" + entry_id
                yield Sent(log, fields[b"body"], fields[b"klarity-mac"].decode())

    def close(self) -> None:
        self._redis.close()


class PubSubTap:
    """A subscription to the topic of each log."""

    def __init__(self, url: str, addresses: Mapping[str, str]) -> None:
        where = urlsplit(url)
        (emulator,) = parse_qs(where.query)["emulator"]
        self._grpc = grpc.insecure_channel(emulator)
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._grpc))
        self._client = SubscriberClient(transport=SubscriberGrpcTransport(channel=self._grpc))
        self._logs = {}
        for address, log in addresses.items():
            topic = f"projects/{where.netloc}/topics/{address}"
            tap = f"projects/{where.netloc}/subscriptions/tap.{address}"
            publisher.create_topic(name=topic)
            self._client.create_subscription(name=tap, topic=topic)
            self._logs[tap] = log

    def read(self) -> Iterator[Sent]:
        for tap, log in self._logs.items():
            while received := self._pull(tap):
                for each in received:
                    message = each.message
                    yield Sent(log, message.data, message.attributes["klarity-mac"])

    def _pull(self, tap: str) -> list[Any]:
        try:
            reply = self._client.pull(
                subscription=tap, max_messages=MOST_AT_ONCE, retry=None, timeout=SECONDS_TO_PULL
            )
        except DeadlineExceeded:
            return []
        received = list(reply.received_messages)
        if received:
            self._client.acknowledge(subscription=tap, ack_ids=[each.ack_id for each in received])
        return received

    def close(self) -> None:
        self._grpc.close()


TAPS: dict[str, Callable[[str, Mapping[str, str]], Wiretap]] = {
    "amqp": RabbitTap,
    "redis": RedisTap,
    "pubsub": PubSubTap,
}
