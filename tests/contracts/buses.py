"""What the tests of buses share: how each is opened, and a subscriber that remembers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

from adapters.message_bus.pubsub import PubSubBus
from adapters.message_bus.rabbitmq import RabbitMqBus
from adapters.message_bus.redis import RedisBus
from application.ports.message_bus import Delivery, Message, MessageBus

PATIENCE = 120.0
"""Seconds until a test gives up; none of them waits that long when all is well."""

# Each takes the server's url and a prefix. The limits are short, so that faults are noticed soon.
BROKERS: Mapping[str, Callable[[str, str], MessageBus]] = {
    "rabbitmq": lambda url, prefix: RabbitMqBus(url, prefix, timeout=2),
    "redis": lambda url, prefix: RedisBus(url, prefix, timeout=2, visibility_seconds=2),
    "pubsub": lambda url, prefix: PubSubBus(
        "klarity-tests", prefix, emulator=url, timeout=2, ack_deadline=10
    ),
}


class Inbox:
    """A handler that remembers every delivery, and fails as often as it is told."""

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
