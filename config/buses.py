"""The buses. Each brings a broker's client along, so that only the chosen one is imported."""

from adapters.tls import Tls
from application.ports.message_bus import MessageBus


def rabbitmq(url: str, prefix: str, tls: Tls) -> MessageBus:
    from adapters.message_bus.rabbitmq import RabbitMqBus

    return RabbitMqBus.from_url(url, prefix, tls)


def redis(url: str, prefix: str, tls: Tls) -> MessageBus:
    from adapters.message_bus.redis import RedisBus

    return RedisBus.from_url(url, prefix, tls)


def pubsub(url: str, prefix: str) -> MessageBus:
    from adapters.message_bus.pubsub import PubSubBus

    return PubSubBus.from_url(url, prefix)
