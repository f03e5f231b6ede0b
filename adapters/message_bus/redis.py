"""The bus on Redis Streams, through a kombu transport of our own."""

from __future__ import annotations

from typing import Any

from kombu.connection import Connection

from adapters.message_bus.kombu_bus import KombuBus, Topology
from adapters.message_bus.redis_streams_transport import Transport
from adapters.tls import USUAL, Tls
from application.ports.message_bus import Guarantees


class RedisBus(KombuBus):
    """Takes ``redis://...`` or ``rediss://...``; Redis 6.2 or later, with ``appendonly yes``.

    ``keep``: about how many messages of a topic the server holds, for groups that are away; what
    a group misses for longer it fetches from history. A Redis that is killed while it syncs its
    file has not written what it confirmed meanwhile, except with ``appendfsync always``; history
    has that as well. ``visibility_seconds``: after that long, messages of a consumer that was
    killed go to another; make it longer than any handler takes.
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
        """Return the bus at this address, with the usual limits."""
        return cls(url, prefix, tls=tls)


def _tls_options(tls: Tls) -> dict[str, Any]:
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": tls.ca or None,
        "ssl_certfile": tls.certificate or None,
    }
