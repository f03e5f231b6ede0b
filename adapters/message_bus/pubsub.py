"""The bus on Google Cloud Pub/Sub, through a kombu transport of our own."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

from kombu.connection import Connection

from adapters.message_bus.kombu_bus import KombuBus, Topology
from adapters.message_bus.pubsub_transport import Transport
from application.ports.message_bus import Guarantees


class PubSubBus(KombuBus):
    """Takes a project, and the host and port of an emulator where it is not the real service.

    Without ``emulator`` the environment variable PUBSUB_EMULATOR_HOST decides, as with every
    client of Google's. The emulator keeps everything in memory, so it does not survive a restart;
    the service does. ``ack_deadline``: after so many seconds (10 to 600) messages of a consumer
    that was killed go to another; make it longer than any handler takes.
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
    def from_url(cls, url: str, prefix: str = "klarity", emulator: str | None = None) -> PubSubBus:
        """Return the bus of ``gcpubsub://projects/<project>[?emulator=host:port]``, with usual limits."""
        found = urlsplit(url)
        named = parse_qs(found.query).get("emulator", [None])[0]
        return cls(found.path.strip("/"), prefix, emulator or named)
