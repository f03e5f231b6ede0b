"""Fold the open deliveries from the log of webhooks, which is the only place that stores them."""

from threading import Lock
from typing import Any, get_args

from application.ports.codec import EventCodec
from application.ports.history import History
from domain.webhooks.delivery import (
    DeliveryEvent,
    DeliveryStatus,
    WebhookDelivery,
    delivery_decider,
)

LOG = "webhooks"
COMMITS_A_READ = 1000
OPEN = (DeliveryStatus.WAITING, DeliveryStatus.PARKED)


class OpenDeliveries:
    """The open deliveries. It reads only new events each time, and is thread-safe."""

    def __init__(self, history: History, codec: EventCodec) -> None:
        self._history = history
        self._codec = codec
        self._lock = Lock()
        self._position = 0
        self._open: dict[str, WebhookDelivery] = {}

    def deliveries(self) -> list[WebhookDelivery]:
        """Return the deliveries that wait or are parked, the oldest first."""
        with self._lock:
            while events := self._history.read(LOG, self._position, COMMITS_A_READ):
                for event in events:
                    self._note(self._codec.decode(event))
                    self._position = event.position
            return list(self._open.values())

    def _note(self, event: Any) -> None:
        if not isinstance(event, get_args(DeliveryEvent)):
            return
        before = self._open.pop(event.delivery_id, WebhookDelivery())
        after = delivery_decider.evolve(before, event)
        if after.status in OPEN:
            self._open[event.delivery_id] = after
