"""kombu channels for brokers that lease messages: unacknowledged ones are redelivered after a time.

kombu's own virtual channels keep unacknowledged messages in memory and publish them again to return
them. A killed consumer therefore loses them, and every other queue gets a copy. Here the broker
keeps them. A body is sent as it is, without base64 and without an envelope.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from kombu.transport import virtual

from adapters.message_bus.headers import DELIVERY_COUNT, MAC


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An unacknowledged message. The broker identifies it by ``place`` and ``id``."""

    place: str
    id: str
    exchange: str
    body: bytes
    mac: str = ""
    deliveries_before: int = 0


class LeasingChannel(virtual.Channel):
    """A channel with one consumer. It sends, acknowledges and returns messages in batches.

    Published messages wait until ``confirm``. ``options`` are the connection's transport options.
    """

    supports_fanout = True
    do_restore = False

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)  # type: ignore[no-untyped-call] # kombu's
        self.options: Mapping[str, Any] = connection.client.transport_options
        self.prefetch = 1
        self.is_listener = False
        self._tags = count(1)
        self._in_hand: dict[int, Lease] = {}
        self._outgoing: dict[str, list[dict[str, Any]]] = {}
        self._callback: Callable[[virtual.Message], object] | None = None

    @abstractmethod
    def send(self, exchange: str, messages: Sequence[dict[str, Any]], timeout: float) -> None:
        """Send the messages. Returns when the broker has confirmed all of them, or raises."""

    @abstractmethod
    def fetch(self, limit: int, timeout: float) -> Iterable[Lease]:
        """Return at most ``limit`` messages, waiting at most ``timeout`` seconds for the first."""

    @abstractmethod
    def acknowledge(self, place: str, ids: Sequence[str]) -> None:
        """Acknowledge the messages."""

    @abstractmethod
    def give_back(self, place: str, ids: Sequence[str]) -> None:
        """Return the messages to the broker, which redelivers them at once."""

    def stop_reading(self) -> Iterable[Lease]:
        """Stop delivery. Returns the messages that arrived but were not fetched yet."""
        return ()

    def leave(self) -> None:
        """Unregister this consumer, which holds no messages any more."""

    @abstractmethod
    def disconnect(self) -> None:
        """Close the connection without talking to the broker."""

    def _new_queue(self, queue: str, auto_delete: bool = False, **_: Any) -> None:  # noqa: ARG002 - kombu's signature
        """Remember whether the queue lives only as long as this channel."""
        self.is_listener = auto_delete

    def basic_publish(self, message: Any, exchange: str, routing_key: str, **_: Any) -> None:  # noqa: ARG002 - kombu's signature
        """Keep the message for the next ``confirm``."""
        self._outgoing.setdefault(exchange, []).append(message)

    def confirm(self, timeout: float) -> None:
        """Send the published messages. Raises the client's errors."""
        outgoing, self._outgoing = self._outgoing, {}
        for exchange, messages in outgoing.items():
            self.send(exchange, messages, timeout)

    def basic_consume(
        self,
        queue: str,  # noqa: ARG002 - kombu's signature
        no_ack: bool,  # noqa: ARG002 - kombu's signature
        callback: Callable[[virtual.Message], object],
        consumer_tag: str,
        **_: Any,
    ) -> None:
        """Pass the messages of every bound exchange to the callback."""
        self._consumers.add(consumer_tag)
        self._callback = callback

    def basic_qos(
        self,
        prefetch_size: int = 0,  # noqa: ARG002 - kombu's signature
        prefetch_count: int = 0,
        *_: Any,
        **__: Any,
    ) -> None:
        """Set how many unacknowledged messages the consumer may hold."""
        self.prefetch = prefetch_count

    def basic_cancel(self, consumer_tag: str) -> None:
        """Take no more messages."""
        self._consumers.discard(consumer_tag)
        self._callback = None

    def deliver(self, timeout: float) -> bool:
        """Deliver the messages that are there. Returns whether there were any."""
        room = self.prefetch - len(self._in_hand)
        if self._callback is None or room <= 0:
            return False
        leases = list(self.fetch(room, timeout))
        for lease in leases:
            self._callback(self._message(lease))
        return bool(leases)

    def _message(self, lease: Lease) -> virtual.Message:
        tag = next(self._tags)
        self._in_hand[tag] = lease
        properties = {"delivery_tag": tag, "delivery_info": {"exchange": lease.exchange}}
        headers = {DELIVERY_COUNT: lease.deliveries_before, MAC: lease.mac}
        payload = {"body": lease.body, "headers": headers, "properties": properties}
        return virtual.Message(payload, channel=self)

    def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None:
        """Acknowledge a message, or all held messages up to it."""
        tags = list(self._in_hand)
        done = tags[: tags.index(delivery_tag) + 1] if multiple else [delivery_tag]
        for place, ids in _by_place([self._in_hand[tag] for tag in done]).items():
            self.acknowledge(place, ids)
        for tag in done:
            del self._in_hand[tag]

    def close(self) -> None:
        """Return unacknowledged messages to the broker, then disconnect."""
        if not self.closed:
            try:
                leases = [*self._in_hand.values(), *self.stop_reading()]
                for place, ids in _by_place(leases).items():
                    self.give_back(place, ids)
                self.leave()
            finally:
                super().close()  # type: ignore[no-untyped-call] # kombu's
                self.disconnect()


class LeasingTransport(virtual.Transport):
    """A transport whose channels block while they wait for messages, so nothing is polled."""

    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["fanout"]))

    def drain_events(self, connection: Any, timeout: float = 0, **_: Any) -> None:  # noqa: ARG002 - kombu's signature
        """Deliver the messages that are there. Raises TimeoutError if there are none."""
        if not any(channel.deliver(timeout) for channel in self.channels):
            raise TimeoutError

    def _collect(self, connection: Any) -> None:  # noqa: ARG002 - kombu's signature
        for channel in self.channels:
            channel.disconnect()


def _by_place(leases: Iterable[Lease]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for lease in leases:
        places.setdefault(lease.place, []).append(lease.id)
    return places
