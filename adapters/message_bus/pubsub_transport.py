"""A kombu transport for Google Cloud Pub/Sub: a queue is a subscription to each exchange's topic.

kombu's own transport ignores whether the service accepted a message, sends a copy for each queue it
knows, and keeps its queues in class attributes. This one sends a message once, waits for the
confirmation, and reads by streaming pull, so messages arrive without polling.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import grpc
from google.api_core.bidi import BidiRpc
from google.api_core.exceptions import AlreadyExists
from google.pubsub_v1 import (
    ExpirationPolicy,
    PublisherClient,
    PubsubMessage,
    ReceivedMessage,
    StreamingPullRequest,
    SubscriberClient,
    Subscription,
)
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from adapters.message_bus.headers import MAC
from adapters.message_bus.leasing import Lease, LeasingChannel, LeasingTransport

RETENTION = timedelta(days=7)
# The shortest times that the service accepts.
LISTENER_RETENTION = timedelta(minutes=10)
SHORTEST_EXPIRY = timedelta(days=1)
MESSAGES_A_REQUEST = 1000
BYTES_A_REQUEST = 8_000_000
"""The limit of the service is 10 MB, including attributes and framing."""
FAREWELL_SECONDS = 2.0
SERVICE = "pubsub.googleapis.com:443"
# Without a local pool a new connection inherits the back-off of an older one to the same service.
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
]

untyped_bidi_rpc: Any = BidiRpc
"""google.api_core claims to be typed, but the methods of this class are not."""


class Channel(LeasingChannel):
    """One connection to the service.

    Options: ``project``, ``emulator`` (host and port, or None for the real service), ``timeout``
    and ``ack_deadline`` (both in seconds).
    """

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        self._grpc = _connect(self.options["emulator"])
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._grpc))
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self._grpc))
        self._topics = f"projects/{self.options['project']}/topics/"
        self._subscriptions: dict[str, str] = {}
        self._pulls: list[_Pull] = []
        self._received: queue.SimpleQueue[Lease | StreamEnded] = queue.SimpleQueue()

    def exchange_declare(self, exchange: str = "", *args: Any, **options: Any) -> None:
        """Create the exchange's topic."""
        super().exchange_declare(exchange, *args, **options)  # type: ignore[no-untyped-call] # kombu's
        with suppress(AlreadyExists):
            self._publisher.create_topic(name=self._topic(exchange), **self._once)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:  # noqa: ARG002 - kombu's signature
        path = f"projects/{self.options['project']}/subscriptions/{_id(f'{queue}.{exchange}')}"
        subscription = Subscription(
            name=path,
            topic=self._topic(exchange),
            ack_deadline_seconds=self.options["ack_deadline"],
            message_retention_duration=LISTENER_RETENTION if self.is_listener else RETENTION,
            expiration_policy=ExpirationPolicy(ttl=SHORTEST_EXPIRY if self.is_listener else None),
        )
        with suppress(AlreadyExists):
            self._subscriber.create_subscription(request=subscription, **self._once)
        self._subscriptions[path] = exchange

    def _topic(self, exchange: str) -> str:
        return self._topics + _id(exchange)

    @property
    def _once(self) -> dict[str, Any]:
        """Options of every request: no retry by the client library, because the caller decides."""
        return {"retry": None, "timeout": self.options["timeout"]}

    def send(self, exchange: str, messages: Sequence[dict[str, Any]], timeout: float) -> None:
        """Publish the messages in as few requests as the service allows."""
        for request in _requests(messages):
            self._publisher.publish(
                topic=self._topic(exchange), messages=request, retry=None, timeout=timeout
            )

    def basic_consume(self, *args: Any, **options: Any) -> None:
        """Start to read every subscription of the queue."""
        super().basic_consume(*args, **options)
        share = max(1, self.prefetch // len(self._subscriptions))
        for path, exchange in self._subscriptions.items():
            first_request = StreamingPullRequest(
                subscription=path,
                stream_ack_deadline_seconds=self.options["ack_deadline"],
                max_outstanding_messages=share,
            )
            self._pulls.append(_Pull(self._subscriber, first_request, exchange, self._received))

    def fetch(self, limit: int, timeout: float) -> Iterator[Lease]:
        """Yield the messages that have arrived. Raises the error that ended a stream."""
        try:
            for taken in range(limit):
                lease = self._received.get(timeout=0 if taken else timeout)
                if isinstance(lease, StreamEnded):
                    raise lease
                yield lease
        except queue.Empty:
            return

    def acknowledge(self, place: str, ids: Sequence[str]) -> None:
        """Acknowledge the messages on the subscription."""
        self._subscriber.acknowledge(subscription=place, ack_ids=list(ids), **self._once)

    def give_back(self, place: str, ids: Sequence[str]) -> None:
        """Let the service redeliver the messages at once."""
        self._subscriber.modify_ack_deadline(
            subscription=place, ack_ids=list(ids), ack_deadline_seconds=0, **self._once
        )

    def stop_reading(self) -> Iterable[Lease]:
        """End the streams first, because a returned message would arrive on one of them again."""
        for pull in self._pulls:
            pull.stop()
        while not self._received.empty():
            lease = self._received.get()
            if isinstance(lease, Lease):
                yield lease

    def leave(self) -> None:
        """Delete the subscriptions of a listener. Those of a killed one expire."""
        for path in self._subscriptions if self.is_listener else ():
            self._subscriber.delete_subscription(subscription=path, **self._once)

    def disconnect(self) -> None:
        """Close the connection, which also ends the streams."""
        self._grpc.close()


class StreamEnded(Exception):
    """The service ended a stream, which it does at times, or the service is unavailable."""


class _Pull:
    """Reads one subscription in a thread, until the stream ends."""

    def __init__(
        self,
        subscriber: SubscriberClient,
        first_request: StreamingPullRequest,
        exchange: str,
        received: queue.SimpleQueue[Lease | StreamEnded],
    ) -> None:
        self._place = first_request.subscription
        self._exchange = exchange
        self._received = received
        pull = subscriber.transport.streaming_pull
        self._stream = untyped_bidi_rpc(pull, first_request)
        self._stream.open()
        self._thread = threading.Thread(target=self._read, name="bus-pull", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the stream by half-closing it. Returns when all its messages are in the queue.

        The service keeps the messages of a cancelled stream until the deadline, even if they are
        returned.
        """
        self._stream.send(None)
        self._thread.join(FAREWELL_SECONDS)

    def _read(self) -> None:
        try:
            while True:
                for received in self._stream.recv().received_messages:
                    self._received.put(self._lease(received))
        except Exception as error:  # noqa: BLE001 - raised again in the consuming thread
            self._received.put(StreamEnded(type(error).__name__))
        finally:
            self._stream.close()

    def _lease(self, received: ReceivedMessage) -> Lease:
        return Lease(
            place=self._place,
            id=received.ack_id,
            exchange=self._exchange,
            body=received.message.data,
            mac=received.message.attributes.get(MAC, ""),
            deliveries_before=max(0, received.delivery_attempt - 1),
        )


class Transport(LeasingTransport):
    """The kombu transport of the channel above."""

    Channel = Channel
    driver_type = "gcpubsub"
    driver_name = "streaming-pull"


def _connect(emulator: str | None) -> grpc.Channel:
    if emulator:
        return grpc.insecure_channel(emulator, OPTIONS)
    return PublisherGrpcTransport.create_channel(SERVICE, options=OPTIONS)


def _id(name: str) -> str:
    """Return a valid Pub/Sub id for the name."""
    return quote(name, safe="")


def _requests(messages: Iterable[dict[str, Any]]) -> Iterator[list[PubsubMessage]]:
    """Yield the messages in groups, each small enough for one request."""
    request: list[PubsubMessage] = []
    size = 0
    for message in messages:
        size += len(message["body"])
        if request and (size > BYTES_A_REQUEST or len(request) == MESSAGES_A_REQUEST):
            yield request
            request, size = [], len(message["body"])
        attributes = {"content-type": message["content-type"], MAC: message["headers"][MAC]}
        request.append(PubsubMessage(data=message["body"], attributes=attributes))
    if request:
        yield request
