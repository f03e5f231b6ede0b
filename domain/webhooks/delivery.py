"""A delivery: one notification of one webhook, retried until it succeeds or is parked.

It stores no text of the case. The text is read at each try, so that content hidden or erased in the
meantime is not sent.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, assert_never

from domain.actors import Actor
from domain.decider import Decider, DomainError, exact_times, must_be_system
from domain.ids import CaseId
from domain.webhooks.webhook import WebhookId

MOST_TRIES = 6
FIRST_WAIT = timedelta(seconds=10)
GROWTH = 6

DeliveryId = NewType("DeliveryId", str)


class DeliveryStatus(StrEnum):
    WAITING = "waiting"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDelivery:
    delivery_id: DeliveryId
    webhook_id: WebhookId
    case_id: CaseId
    published_at: datetime
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFailure:
    """``tried`` is the number of earlier tries: a repeated command has the same number."""

    tried: int
    error: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSuccess:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDelivery:
    """The webhook was removed, or the case is no longer public."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDelivery:
    by: Actor
    at: datetime


DeliveryCommand = PlanDelivery | RecordFailure | RecordSuccess | CancelDelivery | RetryDelivery


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPlanned:
    delivery_id: DeliveryId
    webhook_id: WebhookId
    case_id: CaseId
    published_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    delivery_id: DeliveryId
    error: str
    next_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySucceeded:
    delivery_id: DeliveryId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryParked:
    delivery_id: DeliveryId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCancelled:
    delivery_id: DeliveryId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRetried:
    delivery_id: DeliveryId
    at: datetime


DeliveryEvent = (
    DeliveryPlanned
    | DeliveryFailed
    | DeliverySucceeded
    | DeliveryParked
    | DeliveryCancelled
    | DeliveryRetried
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    planned: DeliveryPlanned | None = None
    status: DeliveryStatus | None = None
    tried: int = 0
    error: str = ""
    next_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether to try now: before and after the wait that began with the last try.

        ``next_at`` is from the clock of the machine that tried last, ``now`` from this machine. If
        that clock was far ahead, ``now`` is before the wait began. The delivery is due then: it
        would otherwise wait until this clock gets there.
        """
        if self.status is not DeliveryStatus.WAITING or self.next_at is None:
            return False
        wait = _wait_after(self.tried - 1) if self.tried else timedelta()
        began_at = self.next_at - wait
        return now < began_at or now >= self.next_at


def decide(command: DeliveryCommand, state: WebhookDelivery) -> list[DeliveryEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    must_be_system(command.by, "Only the system records deliveries.")
    match command:
        case PlanDelivery():
            return _plan(command, state)
        case RetryDelivery():
            return _retry(command, state)
        case _ if state.status is not DeliveryStatus.WAITING or state.planned is None:
            return []
        case RecordFailure():
            return _fail(command, state, state.planned.delivery_id)
        case RecordSuccess():
            return [DeliverySucceeded(delivery_id=state.planned.delivery_id, at=command.at)]
        case CancelDelivery():
            return [DeliveryCancelled(delivery_id=state.planned.delivery_id, at=command.at)]
        case _:
            assert_never(command)


def evolve(state: WebhookDelivery, event: DeliveryEvent) -> WebhookDelivery:
    """Return the state after the event."""
    match event:
        case DeliveryPlanned():
            return WebhookDelivery(planned=event, status=DeliveryStatus.WAITING, next_at=event.at)
        case DeliveryFailed():
            tried = state.tried + 1
            return replace(state, tried=tried, error=event.error, next_at=event.next_at)
        case DeliverySucceeded():
            return replace(state, status=DeliveryStatus.SUCCEEDED)
        case DeliveryParked():
            return replace(state, status=DeliveryStatus.PARKED)
        case DeliveryCancelled():
            return replace(state, status=DeliveryStatus.CANCELLED)
        case DeliveryRetried():
            return replace(state, status=DeliveryStatus.WAITING, tried=0, next_at=event.at)
        case _:
            assert_never(event)


delivery_decider: Decider[DeliveryCommand, WebhookDelivery, DeliveryEvent] = Decider(
    category="delivery", initial=WebhookDelivery(), decide=decide, evolve=evolve, grain=exact_times
)


def _plan(command: PlanDelivery, state: WebhookDelivery) -> list[DeliveryEvent]:
    if state.planned:
        return []
    planned = DeliveryPlanned(
        delivery_id=command.delivery_id,
        webhook_id=command.webhook_id,
        case_id=command.case_id,
        published_at=command.published_at,
        at=command.at,
    )
    return [planned]


def _retry(command: RetryDelivery, state: WebhookDelivery) -> list[DeliveryEvent]:
    if state.planned is None or state.status is not DeliveryStatus.PARKED:
        raise DomainError("not-found", "There is no such parked delivery.")
    return [DeliveryRetried(delivery_id=state.planned.delivery_id, at=command.at)]


def _fail(
    command: RecordFailure, state: WebhookDelivery, delivery_id: DeliveryId
) -> list[DeliveryEvent]:
    """Plan the next try, or park the delivery after the last one.

    The waits are 10 seconds, a minute, 6 minutes, 36 minutes and 3.6 hours.
    """
    if command.tried != state.tried:
        return []
    failed = DeliveryFailed(
        delivery_id=delivery_id,
        error=command.error,
        next_at=command.at + _wait_after(state.tried),
        at=command.at,
    )
    if state.tried + 1 < MOST_TRIES:
        return [failed]
    return [failed, DeliveryParked(delivery_id=delivery_id, at=command.at)]


def _wait_after(tried: int) -> timedelta:
    """Return how long to wait after a failure that followed ``tried`` others."""
    wait: timedelta = FIRST_WAIT * GROWTH**tried
    return wait
