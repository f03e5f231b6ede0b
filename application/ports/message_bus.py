"""The message bus: a fast path from logs to subscribers. It may lose, repeat and reorder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.unavailable import Unavailable


class BusUnavailable(Unavailable):
    """The broker did not confirm; the messages may be published or not."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish: a CloudEvents JSON batch.

    Brokers that can order messages use ``key``. ``mac`` authenticates the sender and travels beside
    the body. One that is not ``lasting`` is of no use later: brokers may drop it after a while.
    """

    body: bytes
    key: str = ""
    mac: str = ""
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """A received message. ``attempt`` counts from 1 if the broker counts attempts; else it is 1."""

    topic: str
    body: bytes
    attempt: int = 1
    mac: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantees:
    """The differences between buses; the contract suite asserts each of them.

    ``shared``: other processes receive the messages. ``survives_broker_restart``: confirmed
    messages are still delivered after the broker was killed and restarted.
    ``keeps_for_offline_groups``: a declared group receives the messages published while it was
    offline. ``ordered``: a consumer receives the messages of a publisher in order while nothing
    fails.
    """

    shared: bool
    survives_broker_restart: bool
    keeps_for_offline_groups: bool
    ordered: bool


class BusSubscription(Protocol):
    """A running consumer of a group."""

    @property
    def connected(self) -> bool:
        """Whether it is consuming at the moment. It reconnects by itself."""
        ...

    def stop(self, timeout: float = 5.0) -> None:
        """Finish the current batch, acknowledge it, and stop. The group's queue stays."""
        ...


class MessageBus(Protocol):
    """Topics, and durable groups of subscribers. Each group gets every message at least once."""

    @property
    def guarantees(self) -> Guarantees: ...

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Publish the messages, and return when the broker has confirmed all of them.

        Raises BusUnavailable. Threads may call it concurrently, and call it again after a failure.
        """
        ...

    def declare(self, group: str, topics: Sequence[str]) -> None:
        """Make the group's durable queue, which keeps all messages published from now on.

        Raises BusUnavailable."""
        ...

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Delivery]], None]
    ) -> BusSubscription:
        """Consume the group's queue in a thread until stopped.

        ``handle`` gets one or more deliveries. They are acknowledged when it returns. If it raises,
        they are delivered again after a pause, to this or another consumer. While the broker is
        unavailable, the consumer keeps reconnecting.
        """
        ...

    def listen(self, topic: str, handle: Callable[[Sequence[Delivery]], None]) -> BusSubscription:
        """Receive the messages of a topic in a thread, from now on until stopped.

        Every listener gets every message, unless its connection is lost meanwhile. Nothing stays on
        the broker for a listener that was stopped or killed.
        """
        ...

    def close(self) -> None: ...
