"""A kombu transport over Google Cloud Pub/Sub: a queue is one subscription per exchange's topic.

kombu's own ignores whether a message was accepted, sends one copy per queue it knows of, and keeps
its queues in class attributes. This one sends each message once, waits for the service, and reads
with streaming pull, so that a message arrives as soon as the service has it.
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
MESSAGES_A_REQUEST = 1000
BYTES_A_REQUEST = 8_000_000
"""The service takes 10 MB, attributes and framing included."""
FAREWELL_SECONDS = 2.0
SERVICE = "pubsub.googleapis.com:443"
# A new connection must not inherit the pause that an older one made after the service had gone.
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
]

untyped_bidi_rpc: Any = BidiRpc
"""google.api_core says that it is typed, but its methods are not."""


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
        """Make the exchange's topic."""
        super().exchange_declare(exchange, *args, **options)  # type: ignore[no-untyped-call] # kombu's
        with suppress(AlreadyExists):
            self._publisher.create_topic(name=self._topic(exchange), **self._once)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:  # noqa: ARG002 - kombu's signature
        path = f"projects/{self.options['project']}/subscriptions/{_id(f'{queue}.{exchange}')}"
        subscription = Subscription(
            name=path,
            topic=self._topic(exchange),
            ack_deadline_seconds=self.options["ack_deadline"],
            message_retention_duration=RETENTION,
            expiration_policy=ExpirationPolicy(),
        )
        with suppress(AlreadyExists):
            self._subscriber.create_subscription(request=subscription, **self._once)
        self._subscriptions[path] = exchange

    def _topic(self, exchange: str) -> str:
        return self._topics + _id(exchange)

    @property
    def _once(self) -> dict[str, Any]:
        """How every request is made: the caller decides whether to try again."""
        return {"retry": None, "timeout": self.options["timeout"]}

    def send(self, exchange: str, messages: Sequence[dict[str, Any]], timeout: float) -> None:
        """Publish in as few requests as the service allows."""
        for request in _requests(messages):
            self._publisher.publish(
                topic=self._topic(exchange), messages=request, retry=None, timeout=timeout
            )

    def basic_consume(self, *args: Any, **options: Any) -> None:
        """Begin to read every subscription of the queue."""
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
        """What has arrived; raises what ended a stream."""
        try:
            for taken in range(limit):
                lease = self._received.get(timeout=0 if taken else timeout)
                if isinstance(lease, StreamEnded):
                    raise lease
                yield lease
        except queue.Empty:
            return

    def acknowledge(self, place: str, ids: Sequence[str]) -> None:
        """Take the messages off the subscription."""
        self._subscriber.acknowledge(subscription=place, ack_ids=list(ids), **self._once)

    def give_back(self, place: str, ids: Sequence[str]) -> None:
        """Let the service deliver the messages again at once."""
        self._subscriber.modify_ack_deadline(
            subscription=place, ack_ids=list(ids), ack_deadline_seconds=0, **self._once
        )

    def stop_reading(self) -> Iterable[Lease]:
        """End the streams first: a message given back would come again on one of them."""
        for pull in self._pulls:
            pull.stop()
        while not self._received.empty():
            lease = self._received.get()
            if isinstance(lease, Lease):
                yield lease

    def disconnect(self) -> None:
        """Close the connection without a word; that ends the streams too."""
        self._grpc.close()


class StreamEnded(Exception):
    """The service ended a stream, as it does now and then, or it is away."""


class _Pull:
    """Reads one subscription in a thread of its own, which ends with the stream."""

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
        """End the stream politely and return when all that it brought is in the queue.

        What a cancelled stream had in hand is lent until its deadline, even if given back.
        """
        self._stream.send(None)
        self._thread.join(FAREWELL_SECONDS)

    def _read(self) -> None:
        try:
            while True:
                for received in self._stream.recv().received_messages:
                    self._received.put(self._lease(received))
        except Exception as error:  # noqa: BLE001 - the consuming thread raises it
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
    """kombu's way to the channel above."""

    Channel = Channel
    driver_type = "gcpubsub"
    driver_name = "streaming-pull"


def _connect(emulator: str | None) -> grpc.Channel:
    if emulator:
        return grpc.insecure_channel(emulator, OPTIONS)
    return PublisherGrpcTransport.create_channel(SERVICE, options=OPTIONS)


def _id(name: str) -> str:
    """Return a name as Pub/Sub allows it."""
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
