"""A bus that authenticates its messages: only those of this instance are delivered."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hmac import compare_digest, digest

from application.ports.message_bus import (
    BusSubscription,
    Delivery,
    Guarantees,
    Message,
    MessageBus,
)

logger = logging.getLogger(__name__)

Handler = Callable[[Sequence[Delivery]], None]


class AuthenticatedBus:
    """Adds a MAC to published messages, and drops received ones without a valid MAC.

    The MAC is HMAC-SHA256 over the topic, a zero byte and the body. The body is the whole batch
    with the log, positions and order of its events, so a changed batch, or one on another topic,
    is invalid. ``refused`` counts dropped messages by topic. Subscribers fetch the events of a
    dropped message from history.
    """

    def __init__(self, bus: MessageBus, key: bytes) -> None:
        self._bus = bus
        self._key = key
        self.refused: Counter[str] = Counter()

    @property
    def guarantees(self) -> Guarantees:
        return self._bus.guarantees

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Publish the messages, each with its MAC."""
        signed = [replace(message, mac=self._mac(topic, message.body)) for message in messages]
        self._bus.publish(topic, signed)

    def declare(self, group: str, topics: Sequence[str]) -> None:
        """Make the group's durable queue."""
        self._bus.declare(group, topics)

    def subscribe(self, group: str, topics: Sequence[str], handle: Handler) -> BusSubscription:
        """Consume the group's queue. ``handle`` gets authentic messages only."""
        return self._bus.subscribe(group, topics, partial(self._pass_on, group, handle))

    def listen(self, topic: str, handle: Handler) -> BusSubscription:
        """Receive the messages of a topic from now on. ``handle`` gets authentic messages only."""
        return self._bus.listen(topic, partial(self._pass_on, f"a listener to {topic}", handle))

    def close(self) -> None:
        self._bus.close()

    def _pass_on(self, group: str, handle: Handler, deliveries: Sequence[Delivery]) -> None:
        genuine: list[Delivery] = []
        refused: list[Delivery] = []
        for delivery in deliveries:
            (genuine if self._is_genuine(delivery) else refused).append(delivery)
        if refused:
            self._report(group, refused)
        if genuine:
            handle(genuine)

    def _is_genuine(self, delivery: Delivery) -> bool:
        expected = self._mac(delivery.topic, delivery.body)
        return compare_digest(expected.encode(), delivery.mac.encode(errors="replace"))

    def _report(self, group: str, refused: Sequence[Delivery]) -> None:
        """Count and log the messages without their content."""
        self.refused.update(delivery.topic for delivery in refused)
        logger.error("%s: dropped %d messages that this instance did not send", group, len(refused))

    def _mac(self, topic: str, body: bytes) -> str:
        return digest(self._key, topic.encode() + b"\0" + body, "sha256").hex()
