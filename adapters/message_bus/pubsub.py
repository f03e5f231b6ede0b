"""A bus on Google Cloud Pub/Sub, with a kombu transport from this package."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

from kombu.connection import Connection

from adapters.message_bus.kombu_bus import KombuBus, Topology
from adapters.message_bus.pubsub_transport import Transport
from adapters.tls import USUAL, Tls
from application.ports.message_bus import Guarantees


class PubSubBus(KombuBus):
    """Takes a project, and for an emulator its host and port.

    Without ``emulator`` the environment variable PUBSUB_EMULATOR_HOST decides, as for Google's own
    clients. An emulator keeps everything in memory, so messages do not survive its restart.
    ``ack_deadline`` is the time in seconds (10 to 600) after which messages of a killed consumer go
    to another one. It has to be longer than any handler takes.
    """

    def __init__(
        self,
        project: str,
        prefix: str = "klarity",
        emulator: str | None = None,
        *,
        prefetch: int = 100,
        timeout: float = 5.0,
        ack_deadline: int = 60,
    ) -> None:
        emulator = emulator or os.environ.get("PUBSUB_EMULATOR_HOST")
        options = {
            "project": project,
            "emulator": emulator,
            "timeout": timeout,
            "ack_deadline": ack_deadline,
        }

        def connection() -> Connection:
            return Connection(transport=Transport, transport_options=options)

        super().__init__(connection, Topology(prefix=prefix), prefetch=prefetch, timeout=timeout)
        self.guarantees = Guarantees(
            shared=True,
            survives_broker_restart=emulator is None,
            keeps_for_offline_groups=True,
            ordered=False,
        )

    @classmethod
    def from_url(cls, url: str, prefix: str = "klarity", _tls: Tls = USUAL) -> PubSubBus:
        """Return the bus of ``pubsub://<project>[?emulator=host:port]``, with the usual limits.

        Google's client has its own TLS.
        """
        found = urlsplit(url)
        emulator = parse_qs(found.query).get("emulator", [None])[0]
        return cls(found.netloc, prefix, emulator)
