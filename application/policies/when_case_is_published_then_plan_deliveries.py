"""Plan a delivery to each matching webhook when a case is published for the first time."""

from application.engine.derived_ids import derived_id
from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case import Case
from domain.cases.case_events import CasePublished
from domain.webhooks.delivery import DeliveryId, PlanDelivery
from domain.webhooks.webhook import REGISTRY, WebhookAdded


class WhenCaseIsPublishedThenPlanDeliveries(KlarityPolicy):
    name = "when-case-is-published-then-plan-deliveries"
    service = "webhooks"

    def react(self, event: CasePublished, cause: Cause) -> None:
        match event:
            case CasePublished(is_restored=False):
                # The case as it was at the event, so that a repetition plans the same deliveries.
                case = self.executors.cases.load(event.case_id, upto=cause.event.version).state
                for webhook in self.executors.webhooks.load(REGISTRY).state.webhooks:
                    if webhook.at <= cause.at and _matches(webhook, case):
                        self._plan(webhook, event, cause)
            case CasePublished():
                pass

    def _plan(self, webhook: WebhookAdded, event: CasePublished, cause: Cause) -> None:
        delivery_id = DeliveryId(derived_id("delivery", webhook.webhook_id, cause.event.id))
        command = PlanDelivery(
            delivery_id=delivery_id,
            webhook_id=webhook.webhook_id,
            case_id=event.case_id,
            published_at=event.at,
            by=SYSTEM,
            at=cause.at,
        )
        self.executors.deliveries.execute(delivery_id, command, cause.context(webhook.webhook_id))


def _matches(webhook: WebhookAdded, case: Case) -> bool:
    tagged = not webhook.tag or webhook.tag in case.tags
    return tagged and webhook.category in ("", case.details.category)
