"""A bus on Redis Streams, with a kombu transport from this package."""

from __future__ import annotations

from typing import Any

from kombu.connection import Connection

from adapters.message_bus.kombu_bus import KombuBus, Topology
from adapters.message_bus.redis_streams_transport import Transport
from adapters.tls import USUAL, Tls
from application.ports.message_bus import Guarantees


class RedisBus(KombuBus):
    """Takes ``redis://...`` or ``rediss://...``: Redis 6.2 or later, with ``appendonly yes``.

    ``keep`` is the approximate number of messages that a topic holds for groups that are offline.
    A group that misses more fetches them from history. A killed Redis loses messages that it
    confirmed during its last fsync, except with ``appendfsync always``; history has those, too.
    ``visibility_seconds`` is the time after which messages of a killed consumer go to another one.
    It has to be longer than any handler takes.
    """

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
        keep: int = 100_000,
        visibility_seconds: float = 60.0,
    ) -> None:
        options = {
            "url": url,
            "tls": _tls_options(tls) if url.startswith("rediss:") else {},
            "timeout": timeout,
            "keep": keep,
            "visibility_seconds": visibility_seconds,
        }

        def connection() -> Connection:
            return Connection(transport=Transport, transport_options=options)

        super().__init__(connection, Topology(prefix=prefix), prefetch=prefetch, timeout=timeout)

    @classmethod
    def from_url(cls, url: str, prefix: str = "klarity", tls: Tls = USUAL) -> RedisBus:
        """Return the bus at this address, with default limits."""
        return cls(url, prefix, tls=tls)


def _tls_options(tls: Tls) -> dict[str, Any]:
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": tls.ca or None,
        "ssl_certfile": tls.certificate or None,
    }
