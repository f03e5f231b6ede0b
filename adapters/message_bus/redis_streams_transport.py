"""A kombu transport for Redis Streams: an exchange is a stream, a queue is a consumer group.

Redis keeps the unacknowledged messages of a consumer. Those not acknowledged within
``visibility_seconds``, and returned ones, go to the next consumer of the group that looks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from kombu.utils.uuid import uuid
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from adapters.message_bus.headers import MAC, PERSISTENT
from adapters.message_bus.leasing import Lease, LeasingChannel, LeasingTransport

CLAIM_SECONDS = 1.0
"""How often a consumer looks for expired or returned messages of others."""
LISTENER = b".listener."
"""What the names of the groups of listeners contain."""
NOBODY = "released"
"""The consumer name that holds returned messages until another consumer claims them."""
START = "0-0"
KEPT_FOR_LISTENERS = 1000
"""How many messages a topic holds whose messages are not lasting."""


class Channel(LeasingChannel):
    """One connection to Redis.

    Options: ``url``, ``tls`` (for redis-py), ``timeout`` (seconds), ``keep`` (messages per stream,
    approximately) and ``visibility_seconds``.
    """

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        # The client must not retry: a repeated XADD adds a second message. The caller decides.
        self._redis: Redis = Redis.from_url(
            self.options["url"],
            protocol=2,
            socket_timeout=self.options["timeout"],
            socket_connect_timeout=self.options["timeout"],
            retry=Retry(NoBackoff(), 0),
            single_connection_client=True,
            **self.options["tls"],
        )
        self._consumer = uuid()
        self._group = ""
        self._cursors: dict[str, str] = {}
        self._claimed_at = 0.0
        self._visibility = round(1000 * self.options["visibility_seconds"])

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:  # noqa: ARG002 - kombu's signature
        try:
            self._redis.xgroup_create(exchange, queue, id="$", mkstream=True)
        except ResponseError as refusal:
            if "BUSYGROUP" not in str(refusal):
                raise
        self._group = queue
        self._cursors[exchange] = START
        if self.is_listener:
            self._remove_killed_listeners(exchange)

    def _remove_killed_listeners(self, exchange: str) -> None:
        """Delete the groups of listeners that have missed messages which the stream dropped."""
        stream: Any = self._redis.xinfo_stream(exchange)
        groups: Any = self._redis.xinfo_groups(exchange)
        dropped = _id_of(stream["first-entry"][0]) if stream["first-entry"] else (0, 0)
        for group in groups:
            if LISTENER in group["name"] and _id_of(group["last-delivered-id"]) < dropped:
                self._redis.xgroup_destroy(exchange, group["name"])

    def send(self, exchange: str, messages: Sequence[dict[str, Any]], timeout: float) -> None:  # noqa: ARG002 - the connection has its own
        """Append the messages to the stream in one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for message in messages:
            fields: dict[Any, Any] = {"body": message["body"], MAC: message["headers"][MAC]}
            lasting = message["properties"]["delivery_mode"] == PERSISTENT
            keep = self.options["keep"] if lasting else KEPT_FOR_LISTENERS
            pipeline.xadd(exchange, fields, maxlen=keep)
        pipeline.execute()

    def fetch(self, limit: int, timeout: float) -> Iterable[Lease]:
        """Return expired or returned messages, if it is time to look for them, or else new ones."""
        share = max(1, limit // len(self._cursors))
        return self._abandoned(share) or self._new(share, timeout)

    def _new(self, limit: int, timeout: float) -> list[Lease]:
        streams: dict[Any, Any] = dict.fromkeys(self._cursors, ">")
        block = round(1000 * timeout) or None
        found: Any = self._redis.xreadgroup(
            self._group, self._consumer, streams, count=limit, block=block
        )
        return [
            self._lease(stream.decode(), id_, fields)
            for stream, entries in found
            for id_, fields in entries
        ]

    def _abandoned(self, limit: int) -> list[Lease]:
        if time.monotonic() - self._claimed_at < CLAIM_SECONDS:
            return []
        claimed = [lease for stream in self._cursors for lease in self._claim(stream, limit)]
        if not claimed:
            self._claimed_at = time.monotonic()
        return claimed

    def _claim(self, stream: str, limit: int) -> list[Lease]:
        reply: Any = self._redis.xautoclaim(
            stream, self._group, self._consumer, self._visibility, self._cursors[stream], limit
        )
        self._cursors[stream] = reply[0].decode()
        entries = [(id_, fields) for id_, fields in reply[1] if fields]
        if not entries:
            return []
        counts = self._deliveries(stream, entries[0][0], entries[-1][0])
        return [self._lease(stream, id_, fields, counts.get(id_, 1)) for id_, fields in entries]

    def _deliveries(self, stream: str, first: bytes, last: bytes) -> dict[bytes, int]:
        pending: Any = self._redis.xpending_range(
            stream, self._group, first, last, self.prefetch, self._consumer
        )
        return {one["message_id"]: one["times_delivered"] for one in pending}

    def _lease(
        self, stream: str, id_: bytes, fields: dict[bytes, bytes], deliveries: int = 1
    ) -> Lease:
        return Lease(
            place=stream,
            id=id_.decode(),
            exchange=stream,
            body=fields.get(b"body", b""),
            mac=fields.get(MAC.encode(), b"").decode(errors="replace"),
            deliveries_before=deliveries - 1,
        )

    def acknowledge(self, place: str, ids: Sequence[str]) -> None:
        """Acknowledge the messages. The stream keeps them for other groups."""
        self._redis.xack(place, self._group, *ids)

    def give_back(self, place: str, ids: Sequence[str]) -> None:
        """Make the messages look idle for long enough to be claimed."""
        self._redis.xclaim(
            place, self._group, NOBODY, 0, list(ids), idle=self._visibility, justid=True
        )

    def leave(self) -> None:
        """Delete the consumer from its groups. It holds no messages any more."""
        for stream in self._cursors:
            if self.is_listener:
                self._redis.xgroup_destroy(stream, self._group)
                continue
            self._redis.xgroup_delconsumer(stream, self._group, self._consumer)

    def disconnect(self) -> None:
        """Close the connection without talking to the server."""
        self._redis.close()


class Transport(LeasingTransport):
    """The kombu transport of the channel above."""

    Channel = Channel
    driver_type = "redis"
    driver_name = "redis-streams"


def _id_of(text: bytes) -> tuple[int, ...]:
    """Return the id of a message in the form in which ids are in order."""
    return tuple(int(part) for part in text.split(b"-"))
