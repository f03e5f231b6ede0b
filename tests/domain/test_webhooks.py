"""The rules of webhooks and of their deliveries."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from domain.actors import SYSTEM, Actor
from domain.ids import CaseId, MemberId
from domain.webhooks.delivery import (
    MOST_TRIES,
    CancelDelivery,
    DeliveryCommand,
    DeliveryEvent,
    DeliveryFailed,
    DeliveryId,
    DeliveryParked,
    DeliveryRetried,
    DeliveryStatus,
    DeliverySucceeded,
    PlanDelivery,
    RecordFailure,
    RecordSuccess,
    RetryDelivery,
    delivery_decider,
)
from domain.webhooks.webhook import (
    MOST_WEBHOOKS,
    AddWebhook,
    RemoveWebhook,
    WebhookAdded,
    WebhookCommand,
    WebhookEvent,
    WebhookId,
    registry_decider,
)
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Actor(member_id=MemberId("anna"))
PLAN = PlanDelivery(
    delivery_id=DeliveryId("d"),
    webhook_id=WebhookId("w"),
    case_id=CaseId("c1"),
    published_at=AT,
    by=SYSTEM,
    at=AT,
)
SUCCESS = RecordSuccess(by=SYSTEM, at=AT)
CANCEL = CancelDelivery(by=SYSTEM, at=AT)
RETRY = RetryDelivery(by=SYSTEM, at=AT)


def add(name: str = "w", url: str = "https://a.example/hook?x=1", by: Actor = SYSTEM) -> AddWebhook:
    return AddWebhook(webhook_id=WebhookId(name), url=url, by=by, at=AT)


def remove(name: str = "w") -> RemoveWebhook:
    return RemoveWebhook(webhook_id=WebhookId(name), by=SYSTEM, at=AT)


def registered(*commands: WebhookCommand) -> list[WebhookEvent]:
    past: list[WebhookEvent] = []
    for command in commands:
        past += registry_decider.decide(command, registry_decider.fold(past))
    return past


def failure(tried: int) -> RecordFailure:
    return RecordFailure(tried=tried, error="status 500", by=SYSTEM, at=AT)


def delivered(*commands: DeliveryCommand) -> list[DeliveryEvent]:
    past: list[DeliveryEvent] = []
    for command in commands:
        past += delivery_decider.decide(command, delivery_decider.fold(past))
    return past


ALL_FAILURES = tuple(failure(tried) for tried in range(MOST_TRIES))


class TestRegistry:
    def test_a_webhook_is_registered_until_it_is_removed(self) -> None:
        state = registry_decider.fold(registered(add("w"), add("v"), remove("w")))
        assert [each.webhook_id for each in state.webhooks] == ["v"]
        assert isinstance(state.find(WebhookId("v")), WebhookAdded)
        assert state.find(WebhookId("w")) is None

    def test_removing_an_unknown_webhook_is_refused(self) -> None:
        with refused("not-found"):
            registered(remove())

    def test_only_the_system_adds_webhooks(self) -> None:
        with refused("forbidden"):
            registered(add(by=ANNA))

    def test_the_number_of_webhooks_is_limited(self) -> None:
        with refused("too-many-webhooks"):
            registered(*(add(str(number)) for number in range(MOST_WEBHOOKS + 1)))

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://a.example",
            "https://",
            "a.example/hook",
            "https://me:secret@a.example",
            "https://a.example:99999",
            "https://[a",
            "https://a.example/a b",
            "https://a.example/\n",
            "https://\u00e4.example/",
            "https://a.example/" + 2000 * "a",
        ],
    )
    def test_an_invalid_url_is_refused(self, url: str) -> None:
        with refused("bad-webhook-url"):
            registered(add(url=url))


class TestDelivery:
    def test_planning_a_delivery_again_emits_nothing(self) -> None:
        assert len(delivered(PLAN, PLAN)) == 1

    def test_a_successful_delivery_does_not_change(self) -> None:
        events = delivered(PLAN, SUCCESS, SUCCESS, failure(0), CANCEL)
        assert isinstance(events[-1], DeliverySucceeded)
        assert len(events) == 2

    def test_a_cancelled_delivery_stays_cancelled(self) -> None:
        events = delivered(PLAN, CANCEL, SUCCESS)
        assert delivery_decider.fold(events).status is DeliveryStatus.CANCELLED

    def test_the_pause_grows_after_each_failure(self) -> None:
        events = delivered(PLAN, *ALL_FAILURES)
        waits = [each.next_at - each.at for each in events if isinstance(each, DeliveryFailed)]
        assert waits[0] == timedelta(seconds=10)
        assert all(later == 6 * earlier for earlier, later in pairwise(waits))

    def test_a_delivery_is_parked_after_the_last_try(self) -> None:
        events = delivered(PLAN, *ALL_FAILURES)
        assert isinstance(events[-1], DeliveryParked)
        assert sum(isinstance(each, DeliveryFailed) for each in events) == MOST_TRIES
        assert delivered(PLAN, *ALL_FAILURES, failure(MOST_TRIES)) == events

    def test_a_failure_that_is_reported_twice_counts_once(self) -> None:
        assert len(delivered(PLAN, failure(0), failure(0))) == 2

    def test_a_delivery_is_due_after_its_pause_or_when_the_clock_was_turned_back(self) -> None:
        def is_due(*commands: DeliveryCommand, seconds: float) -> bool:
            state = delivery_decider.fold(delivered(*commands))
            return state.is_due(AT + timedelta(seconds=seconds))

        assert [is_due(PLAN, seconds=later) for later in (-3600, 0, 1)] == [True] * 3
        waited = [is_due(PLAN, failure(0), seconds=later) for later in (0, 9.9, 10, -3600)]
        assert waited == [False, False, True, True]
        assert not is_due(seconds=0)
        assert not is_due(PLAN, SUCCESS, seconds=0)

    def test_retrying_a_parked_delivery_starts_its_tries_again(self) -> None:
        events = delivered(PLAN, *ALL_FAILURES, RETRY)
        assert isinstance(events[-1], DeliveryRetried)
        state = delivery_decider.fold(events)
        assert (state.status, state.tried, state.next_at) == (DeliveryStatus.WAITING, 0, AT)

    @pytest.mark.parametrize("before", [(), (PLAN,), (PLAN, SUCCESS)])
    def test_retrying_a_delivery_that_is_not_parked_is_refused(
        self, before: tuple[DeliveryCommand, ...]
    ) -> None:
        with refused("not-found"):
            delivered(*before, RETRY)

    def test_only_the_system_records_deliveries(self) -> None:
        with refused("forbidden"):
            delivered(PLAN, RecordSuccess(by=ANNA, at=AT))
