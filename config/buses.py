"""The buses. Only the chosen one is imported, because each needs the client of a broker."""

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
"""By the scheme of its address, the module and the class of each bus."""


def scheme_of(url: str) -> str:
    return url.partition("://")[0]


def open_bus(url: str, prefix: str, tls: Tls) -> MessageBus:
    """The bus that has this address. Everything on the broker gets a name with the prefix."""
    module, name = BUSES[scheme_of(url)].split(".")
    kind = getattr(import_module(f"adapters.message_bus.{module}"), name)
    bus: MessageBus = kind.from_url(url, prefix, tls)
    return bus
