"""A bus on RabbitMQ: a quorum queue per group, a single active consumer, confirms in batches."""

from __future__ import annotations

import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from kombu.connection import Connection
from kombu.transport import pyamqp

from adapters.message_bus.kombu_bus import KombuBus, Topology
from adapters.tls import USUAL, Tls
from application.ports.message_bus import Guarantees

HEARTBEAT_SECONDS = 30
# The broker must never drop a message: subscribers park poison events. RabbitMQ 4 drops a message
# after 20 deliveries by default. The value -1 means unlimited, but RabbitMQ 3 does not know it.
DELIVERY_LIMIT = 1_000_000_000
LISTENER_MILLISECONDS = 60_000
"""How long a message waits for a listener that hangs, and a queue for one that does not return."""


class RabbitMqBus(KombuBus):
    """Takes ``amqp://user:password@host:port/vhost`` or ``amqps://...``."""

    guarantees = Guarantees(
        shared=True, survives_broker_restart=True, keeps_for_offline_groups=True, ordered=True
    )

    def __init__(
        self,
        url: str,
        prefix: str = "klarity",
        *,
        tls: Tls = USUAL,
        prefetch: int = 100,
        timeout: float = 5.0,
    ) -> None:
        def connection() -> Connection:
            return Connection(
                url,
                transport=Transport,
                ssl=_tls_options(url, tls) if url.startswith("amqps:") else False,
                heartbeat=HEARTBEAT_SECONDS,
                connect_timeout=timeout,
            )

        topology = Topology(
            prefix=prefix,
            queue_arguments={
                "x-queue-type": "quorum",
                "x-single-active-consumer": True,
                "x-delivery-limit": DELIVERY_LIMIT,
            },
            listener_arguments={
                "x-message-ttl": LISTENER_MILLISECONDS,
                "x-expires": LISTENER_MILLISECONDS,
            },
        )
        super().__init__(connection, topology, prefetch=prefetch, timeout=timeout)

    @classmethod
    def from_url(cls, url: str, prefix: str = "klarity", tls: Tls = USUAL) -> RabbitMqBus:
        """Return the bus at this address, with default limits."""
        return cls(url, prefix, tls=tls)


def _tls_options(url: str, tls: Tls) -> dict[str, Any]:
    """Return options for py-amqp, which by default does not check the name in the certificate."""
    return {
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": urlsplit(url).hostname,
        "ca_certs": tls.ca or None,
        "certfile": tls.certificate or None,
    }


class NotConfirmed(Exception):
    """The broker refused a message, or did not confirm it in time."""


class Channel(pyamqp.Channel):
    """A channel that can have many unconfirmed messages at a time."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._last_tag = 0
        self._outstanding: set[int] = set()
        self._refused = False

    def basic_publish(self, *args: Any, **options: Any) -> None:
        """Send a message without waiting for its confirmation."""
        if not self._last_tag:
            self.confirm_select()
            self.events["basic_ack"].add(self._settle)
            self.events["basic_nack"].add(self._refuse)
        self._last_tag += 1
        self._outstanding.add(self._last_tag)
        super().basic_publish(*args, **options)

    def confirm(self, timeout: float) -> None:
        """Wait until the broker has confirmed every message. Raises NotConfirmed."""
        deadline = time.monotonic() + timeout
        while self._outstanding and not self._refused:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotConfirmed("in time")
            self.connection.drain_events(timeout=left)
        if self._refused:
            raise NotConfirmed("refused")

    def _settle(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._outstanding = {one for one in self._outstanding if one > tag}
        else:
            self._outstanding.discard(tag)

    def _refuse(self, _tag: int, _multiple: bool) -> None:
        self._refused = True


class LimitedConnection(pyamqp.Connection):
    """A connection with a time limit on every read and write: a hung broker keeps sockets open."""

    Channel = Channel

    def connect(self, callback: Any = None) -> None:
        """Connect, then set the time limit (seconds) of the socket."""
        super().connect(callback)
        self.transport.sock.settimeout(self.connect_timeout)


class Transport(pyamqp.Transport):
    """kombu's transport with LimitedConnection."""

    Connection = LimitedConnection
