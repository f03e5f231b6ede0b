"""Choose the bus by the scheme of its URL. Only the chosen one is imported, with its client."""

from importlib import import_module

from adapters.tls import Tls
from application.ports.message_bus import MessageBus

BUSES = {
    "memory": "memory.MemoryMessageBus",
    "amqp": "rabbitmq.RabbitMqBus",
    "amqps": "rabbitmq.RabbitMqBus",
    "redis": "redis.RedisBus",
    "rediss": "redis.RedisBus",
    "pubsub": "pubsub.PubSubBus",
}
"""The module and class of each bus, by the scheme of its URL."""


def scheme_of(url: str) -> str:
    return url.partition("://")[0]


def open_bus(url: str, prefix: str, tls: Tls) -> MessageBus:
    """Return the bus at this URL. All names on the broker begin with the prefix."""
    module, name = BUSES[scheme_of(url)].split(".")
    kind = getattr(import_module(f"adapters.message_bus.{module}"), name)
    bus: MessageBus = kind.from_url(url, prefix, tls)
    return bus
