"""The bus: a fast path from logs to subscribers. It may repeat and reorder; see delivery/."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.unavailable import Unavailable


class BusUnavailable(Unavailable):
    """The broker did not confirm: the messages may or may not have been published."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: a CloudEvents JSON batch. ``key`` orders messages where a broker can.

    ``mac`` proves where it comes from, and travels beside the body.
    """

    body: bytes
    key: str = ""
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a subscriber gets. ``attempt`` counts from 1 where the broker counts, else is 1."""

    topic: str
    body: bytes
    attempt: int = 1
    mac: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantees:
    """Where buses differ; the contract suite asserts each of them.

    ``shared``: other processes see what is published. ``survives_broker_restart``: what was
    confirmed is still delivered after the broker was killed and started again.
    ``keeps_for_offline_groups``: a group that was declared once gets what it missed.
    ``ordered``: one consumer sees the messages of one publisher in order, as long as nothing fails.
    """

    shared: bool
    survives_broker_restart: bool
    keeps_for_offline_groups: bool
    ordered: bool


class BusSubscription(Protocol):
    """One running consumer of a group."""

    @property
    def connected(self) -> bool:
        """Whether it is consuming just now (it reconnects by itself)."""
        ...

    def stop(self, timeout: float = 5.0) -> None:
        """Finish the batch in hand, acknowledge it, and leave; the group's queue stays."""
        ...


class MessageBus(Protocol):
    """Topics, and durable groups of subscribers, each of which gets every message at least once."""

    @property
    def guarantees(self) -> Guarantees: ...

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Return when the broker has confirmed all of them, else raise BusUnavailable.

        Safe to call from many threads, and again after a failure.
        """
        ...

    def declare(self, group: str, topics: Sequence[str]) -> None:
        """Make the group's durable queue, so that from now on nothing published is missed.

        Raises BusUnavailable."""
        ...

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Delivery]], None]
    ) -> BusSubscription:
        """Consume the group's queue in a thread of its own until stopped.

        ``handle`` gets one or more deliveries at a time. They are acknowledged when it returns;
        when it raises, they are delivered again (with a pause), to this or another consumer.
        While the broker is away it reconnects for ever.
        """
        ...

    def close(self) -> None: ...
