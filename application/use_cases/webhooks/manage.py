"""Manage webhooks and their deliveries, for the operator."""

from collections.abc import Sequence
from uuid import uuid4

from application.engine.executor import CommandContext
from application.executors import Executors
from application.ports.clock import Clock
from application.ports.webhook_caller import WebhookCaller
from application.use_cases.webhooks.open_deliveries import OpenDeliveries
from application.use_cases.webhooks.signature import secret_of, written_secret
from domain.actors import SYSTEM
from domain.decider import DomainError
from domain.webhooks.delivery import RetryDelivery, WebhookDelivery
from domain.webhooks.webhook import REGISTRY, AddWebhook, RemoveWebhook, WebhookAdded, WebhookId


class Webhooks:
    """Adds, lists and removes webhooks. ``insecure`` accepts addresses without TLS, for tests."""

    def __init__(
        self,
        executors: Executors,
        open_deliveries: OpenDeliveries,
        caller: WebhookCaller,
        key: bytes,
        clock: Clock,
        *,
        insecure: bool,
    ) -> None:
        self._executors = executors
        self._open_deliveries = open_deliveries
        self._caller = caller
        self._key = key
        self._clock = clock
        self._insecure = insecure

    def add(self, url: str, tag: str = "", category: str = "") -> tuple[str, str]:
        """Add a webhook. Returns its id and its secret, which is not shown again."""
        if not self._insecure and not url.startswith("https://"):
            raise DomainError("bad-webhook-url", "The address must begin with https://.")
        if not self._caller.may_call(url):
            raise DomainError("bad-webhook-url", "The address must be on the public internet.")
        webhook_id = WebhookId(str(uuid4()))
        command = AddWebhook(
            webhook_id=webhook_id, url=url, tag=tag, category=category, by=SYSTEM, at=self._clock()
        )
        self._executors.webhooks.execute(REGISTRY, command, CommandContext())
        return webhook_id, written_secret(secret_of(self._key, webhook_id))

    def list(self) -> Sequence[WebhookAdded]:
        return self._executors.webhooks.load(REGISTRY).state.webhooks

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook, and cancel its deliveries. Raises DomainError if there is none."""
        command = RemoveWebhook(webhook_id=WebhookId(webhook_id), by=SYSTEM, at=self._clock())
        self._executors.webhooks.execute(REGISTRY, command, CommandContext())

    def deliveries(self) -> Sequence[WebhookDelivery]:
        """Return the deliveries that wait or are parked."""
        return self._open_deliveries.deliveries()

    def retry(self, delivery_id: str) -> None:
        """Retry a parked delivery at once. Raises DomainError if it is not parked."""
        command = RetryDelivery(by=SYSTEM, at=self._clock())
        self._executors.deliveries.execute(delivery_id, command, CommandContext())
