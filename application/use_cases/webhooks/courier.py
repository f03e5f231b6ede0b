"""Send due webhook deliveries, and record the result of each at once."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from application.engine.executor import CommandContext
from application.executors import Executors
from application.ports.clock import Clock
from application.ports.webhook_caller import CallFailed, WebhookCaller
from application.use_cases.webhooks.open_deliveries import OpenDeliveries
from application.use_cases.webhooks.signature import secret_of, signed_headers
from domain.actors import SYSTEM
from domain.cases.case import Case
from domain.webhooks.delivery import (
    CancelDelivery,
    DeliveryCommand,
    DeliveryPlanned,
    RecordFailure,
    RecordSuccess,
    WebhookDelivery,
)
from domain.webhooks.webhook import REGISTRY, WebhookAdded

CALLS_AT_A_TIME = 8
TURN_SECONDS = 4.0


class Courier:
    """Sends deliveries in turns of TURN_SECONDS per webhook, so that a slow receiver does not delay
    others for long.

    After a crash, a delivery whose result was not recorded is sent again. Receivers recognise a
    repetition by its ``webhook-id``.
    """

    def __init__(
        self,
        *,
        executors: Executors,
        open_deliveries: OpenDeliveries,
        caller: WebhookCaller,
        key: bytes,
        link_to: Callable[[str], str],
        clock: Clock,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executors = executors
        self._open_deliveries = open_deliveries
        self._caller = caller
        self._key = key
        self._link_to = link_to
        self._clock = clock
        self._seconds = seconds

    def step(self) -> bool:
        """Give each webhook a turn. Returns whether to call it again at once."""
        if not (turns := self._due()):
            return False
        with ThreadPoolExecutor(CALLS_AT_A_TIME, thread_name_prefix="courier") as pool:
            list(pool.map(self._turn, turns.values()))
        return True

    def lag(self) -> int:
        """Return how many deliveries are due."""
        return sum(map(len, self._due().values()))

    def _due(self) -> Mapping[str, list[tuple[WebhookDelivery, DeliveryPlanned]]]:
        """Return the due deliveries by webhook."""
        now = self._clock()
        due: dict[str, list[tuple[WebhookDelivery, DeliveryPlanned]]] = {}
        for each in self._open_deliveries.deliveries():
            if each.planned and each.is_due(now):
                due.setdefault(each.planned.webhook_id, []).append((each, each.planned))
        return due

    def _turn(self, due: Sequence[tuple[WebhookDelivery, DeliveryPlanned]]) -> None:
        until = self._seconds() + TURN_SECONDS
        for delivery, planned in due:
            self._executors.deliveries.execute(
                planned.delivery_id, self._attempt(delivery, planned), CommandContext()
            )
            if self._seconds() >= until:
                return

    def _attempt(self, delivery: WebhookDelivery, planned: DeliveryPlanned) -> DeliveryCommand:
        """Send the delivery once, and return the command that records the result."""
        webhook = self._executors.webhooks.load(REGISTRY).state.find(planned.webhook_id)
        case = self._executors.cases.load(planned.case_id).state
        if webhook is None or not case.is_public:
            return CancelDelivery(by=SYSTEM, at=self._clock())
        try:
            self._call(webhook, planned, case)
        except CallFailed as failed:
            return RecordFailure(
                tried=delivery.tried, error=str(failed), by=SYSTEM, at=self._clock()
            )
        return RecordSuccess(by=SYSTEM, at=self._clock())

    def _call(self, webhook: WebhookAdded, planned: DeliveryPlanned, case: Case) -> None:
        body = json.dumps(self._content(planned, case), ensure_ascii=False).encode()
        seconds = int(self._clock().timestamp())
        secret = secret_of(self._key, webhook.webhook_id)
        headers = signed_headers(secret, planned.delivery_id, seconds, body)
        self._caller.call(webhook.url, {"content-type": "application/json", **headers}, body)

    def _content(self, planned: DeliveryPlanned, case: Case) -> Mapping[str, object]:
        """Return the content: public data of the case, without its author."""
        return {
            "type": "case.published",
            "timestamp": planned.published_at.isoformat(),
            "data": {
                "case_id": case.case_id,
                "title": case.details.title,
                "category": case.details.category.value,
                "tags": list(case.tags),
                "link": self._link_to(case.case_id),
            },
        }
