"""What the tests of buses share: how each bus is opened, and a subscriber that keeps messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import uuid4

from adapters.message_bus.pubsub import PubSubBus
from adapters.message_bus.rabbitmq import RabbitMqBus
from adapters.message_bus.redis import RedisBus
from application.ports.message_bus import Delivery, Message, MessageBus

PATIENCE = 120.0
"""Seconds until a test gives up; none of them waits that long when all is well."""


class Brokers(Protocol):
    """Opens a bus of one kind, given the server's url and a prefix.

    ``timeout``: seconds that one exchange with the broker may take. ``lent``: after so many, what
    a Redis consumer has not acknowledged goes to another.
    """

    def __call__(
        self, url: str, prefix: str, *, timeout: float = 60, lent: int = 20
    ) -> MessageBus: ...


def _rabbitmq(url: str, prefix: str, *, timeout: float = 60, lent: int = 20) -> MessageBus:
    return RabbitMqBus(url, prefix, timeout=timeout)


def _redis(url: str, prefix: str, *, timeout: float = 60, lent: int = 20) -> MessageBus:
    return RedisBus(url, prefix, timeout=timeout, visibility_seconds=lent)


def _pubsub(url: str, prefix: str, *, timeout: float = 60, lent: int = 20) -> MessageBus:
    return PubSubBus("klarity-tests", prefix, emulator=url, timeout=timeout, ack_deadline=10)


BROKERS: Mapping[str, Brokers] = {"rabbitmq": _rabbitmq, "redis": _redis, "pubsub": _pubsub}


class Inbox:
    """A handler that keeps every delivery, after failing a given number of times."""

    def __init__(self, failures: int = 0) -> None:
        self.deliveries: list[Delivery] = []
        self.calls = 0
        self._failures = failures
        self._news = threading.Condition()

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        with self._news:
            self.calls += 1
            self.deliveries.extend(deliveries)
            self._news.notify_all()
            if self.calls <= self._failures:
                raise ValueError("as told")

    @property
    def bodies(self) -> list[bytes]:
        """Each body once, in the order of its first delivery."""
        return list(dict.fromkeys(delivery.body for delivery in self.deliveries))

    def wait_until(self, true: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(true, PATIENCE), f"{len(self.bodies)} bodies arrived"

    def wait_for(self, bodies: Sequence[bytes]) -> None:
        self.wait_until(lambda: set(bodies) <= set(self.bodies))


def unique(name: str) -> str:
    return f"{name}-{uuid4().hex[:12]}"


def numbered(count: int, name: str = "message") -> list[bytes]:
    return [f"{name} {number}".encode() for number in range(count)]


def messages(bodies: Sequence[bytes]) -> list[Message]:
    return [Message(body) for body in bodies]
