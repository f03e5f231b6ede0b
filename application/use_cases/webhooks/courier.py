"""The courier: tries what is due, and writes down how it went before anything else."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from application.engine.executor import CommandContext
from application.executors import Executors
from application.ports.clock import Clock
from application.ports.webhook_caller import CallFailed, WebhookCaller
from application.use_cases.webhooks.book import DeliveryBook
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

AT_A_TIME = 8
TURN_SECONDS = 4.0


class Courier:
    """Killed at any moment, it tries again what it had not written down: receivers know a
    repetition by its ``webhook-id``. One receiver that is slow keeps no other waiting for long."""

    def __init__(
        self,
        *,
        executors: Executors,
        book: DeliveryBook,
        caller: WebhookCaller,
        key: bytes,
        link_to: Callable[[str], str],
        clock: Clock,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._do = executors
        self._book = book
        self._caller = caller
        self._key = key
        self._link_to = link_to
        self._clock = clock
        self._seconds = seconds

    def step(self) -> bool:
        """Give each webhook a turn; whether there is more to do at once."""
        if not (turns := self._due()):
            return False
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="courier") as pool:
            list(pool.map(self._turn, turns.values()))
        return True

    def behind(self) -> int:
        """How many deliveries are due."""
        return sum(map(len, self._due().values()))

    def _due(self) -> Mapping[str, list[tuple[WebhookDelivery, DeliveryPlanned]]]:
        """What is due, by webhook."""
        now = self._clock()
        due: dict[str, list[tuple[WebhookDelivery, DeliveryPlanned]]] = {}
        for each in self._book.deliveries():
            if each.planned and each.is_due(now):
                due.setdefault(each.planned.webhook_id, []).append((each, each.planned))
        return due

    def _turn(self, due: Sequence[tuple[WebhookDelivery, DeliveryPlanned]]) -> None:
        until = self._seconds() + TURN_SECONDS
        for delivery, planned in due:
            self._do.deliveries.execute(
                planned.delivery_id, self._tried(delivery, planned), CommandContext()
            )
            if self._seconds() >= until:
                return

    def _tried(self, delivery: WebhookDelivery, planned: DeliveryPlanned) -> DeliveryCommand:
        """Try once; what is to be written down of it."""
        webhook = self._do.webhooks.load(REGISTRY).state.find(planned.webhook_id)
        case = self._do.cases.load(planned.case_id).state
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
        body = json.dumps(self._told(planned, case), ensure_ascii=False).encode()
        seconds = int(self._clock().timestamp())
        secret = secret_of(self._key, webhook.webhook_id)
        headers = signed_headers(secret, planned.delivery_id, seconds, body)
        self._caller.call(webhook.url, {"content-type": "application/json", **headers}, body)

    def _told(self, planned: DeliveryPlanned, case: Case) -> Mapping[str, object]:
        """What everybody may read, and nothing of who wrote it."""
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
