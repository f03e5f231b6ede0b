"""Webhooks: each matching public case is delivered until it is received, without its author."""

import json
from collections.abc import Mapping
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from standardwebhooks import Webhook

from application.engine.executor import CommandContext
from application.engine.policy import Cause
from application.policies.when_case_is_published_then_plan_deliveries import (
    WhenCaseIsPublishedThenPlanDeliveries,
)
from application.ports.codec import RecordedEvent
from application.ports.history import History
from application.ports.webhook_caller import CallFailed
from application.use_cases.webhooks.courier import Courier
from application.use_cases.webhooks.manage import Webhooks
from application.use_cases.webhooks.open_deliveries import OpenDeliveries
from domain.cases.case_commands import CaseFacts, ReportCase, WithdrawCase
from domain.cases.case_details import CaseCategory, CaseDetails
from domain.decider import Informed
from domain.ids import CaseId
from domain.webhooks.delivery import MOST_TRIES, DeliveryStatus
from tests.contracts.racing import race
from tests.world import World, refused

KEY = bytes(32)
URL = "https://news.example/hook"


class Receiver:
    """Keeps the calls that it gets; it fails them while it is broken."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, str], bytes]] = []
        self.broken = False

    def call(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.calls.append((url, headers, body))
        if self.broken:
            raise CallFailed("status 500")

    def may_call(self, url: str) -> bool:
        return "127.0.0.1" not in url

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.calls]


class Newsroom:
    """An operator with webhooks, and the receiver behind them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.receiver = Receiver()
        self.webhooks = Webhooks(
            world.executors, self.book(), self.receiver, KEY, world.clock, insecure=False
        )
        self.courier = self.new_courier()

    def book(self) -> OpenDeliveries:
        return OpenDeliveries(self.world.history, self.world.codec)

    def new_courier(self, **more: Any) -> Courier:
        return Courier(
            executors=self.world.executors,
            open_deliveries=self.book(),
            caller=self.receiver,
            key=KEY,
            link_to="https://klarity.example/v1/cases/{}".format,
            clock=self.world.clock,
            **more,
        )

    def deliver(self) -> int:
        """Let the courier do all that is due; how many calls that took."""
        before = len(self.receiver.calls)
        self.world.clock.wind(milliseconds=1)
        while self.courier.step():
            pass
        return len(self.receiver.calls) - before


@pytest.fixture
def newsroom(world: World) -> Newsroom:
    return Newsroom(world)


def later(world: World) -> None:
    world.clock.wind(hours=5)


def test_a_new_public_case_is_delivered_signed_and_without_its_author(
    world: World, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id, secret = newsroom.webhooks.add(URL)
    later(world)
    anna = world.member()
    world.public_case(anna, tags=("police",))
    assert newsroom.deliver() == 1
    ((url, headers, body),) = newsroom.receiver.calls
    assert url == URL
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda *_: world.clock())
    Webhook(secret).verify(body.decode(), dict(headers))
    told = json.loads(body)
    assert told["type"] == "case.published"
    assert told["data"] == {
        "case_id": "c1",
        "title": "A permit for a bribe",
        "category": "other",
        "tags": ["police"],
        "link": "https://klarity.example/v1/cases/c1",
    }
    assert anna.member_id not in body.decode()
    assert anna.pseudonym not in body.decode()
    assert newsroom.deliver() == 0
    assert newsroom.webhooks.deliveries() == []
    assert [each.webhook_id for each in newsroom.webhooks.list()] == [webhook_id]


def test_the_log_of_webhooks_holds_no_secret_and_no_text_of_cases(
    world: World, newsroom: Newsroom
) -> None:
    _, secret = newsroom.webhooks.add(URL)
    later(world)
    world.public_case(world.member())
    newsroom.deliver()
    log = b"".join(event.data for event in world.history.read("webhooks", 0, 100))
    assert URL.encode() in log
    assert secret.removeprefix("whsec_").encode() not in log
    assert b"permit" not in log


def test_only_cases_that_match_the_filter_of_a_webhook_are_delivered(
    world: World, newsroom: Newsroom
) -> None:
    newsroom.webhooks.add("https://tag.example", tag="police")
    newsroom.webhooks.add("https://category.example", category="fraud")
    later(world)
    anna = world.member()
    world.public_case(anna, tags=("police",))
    details = CaseDetails(title="Fraud", story="They lied.", category=CaseCategory.FRAUD)
    report = ReportCase(
        case_id=CaseId("c2"),
        details=details,
        evidence=(world.evidence(anna, "e2"),),
        by=anna,
        at=world.clock(),
    )
    world.executors.cases.execute("c2", Informed(report, CaseFacts()), CommandContext())
    world.settle()
    newsroom.deliver()
    heard = {(url, json.loads(body)["data"]["case_id"]) for url, _, body in newsroom.receiver.calls}
    assert heard == {("https://tag.example", "c1"), ("https://category.example", "c2")}


def test_older_cases_are_not_delivered_to_a_new_webhook(world: World, newsroom: Newsroom) -> None:
    world.report(anna := world.member(), world.evidence(anna))
    later(world)
    newsroom.webhooks.add(URL)
    world.clock.wind(hours=-1)
    world.settle()
    assert newsroom.deliver() == 0


def test_a_failed_delivery_is_retried_later_with_the_same_id(
    world: World, newsroom: Newsroom
) -> None:
    newsroom.webhooks.add(URL)
    later(world)
    newsroom.receiver.broken = True
    world.public_case(world.member())
    assert newsroom.deliver() == 1
    assert newsroom.courier.lag() == 0
    world.clock.wind(seconds=9)
    assert newsroom.deliver() == 0
    world.clock.wind(seconds=1)
    newsroom.receiver.broken = False
    assert newsroom.courier.lag() == 1
    assert newsroom.deliver() == 1
    assert len(set(newsroom.receiver.ids)) == 1


def test_a_delivery_that_keeps_failing_is_parked_until_the_operator_retries_it(
    world: World, newsroom: Newsroom
) -> None:
    newsroom.webhooks.add(URL)
    later(world)
    newsroom.receiver.broken = True
    world.public_case(world.member())
    for _ in range(MOST_TRIES + 2):
        newsroom.deliver()
        later(world)
    assert len(newsroom.receiver.calls) == MOST_TRIES
    (parked,) = newsroom.webhooks.deliveries()
    assert (parked.status, parked.error) == (DeliveryStatus.PARKED, "status 500")
    newsroom.receiver.broken = False
    assert parked.planned
    newsroom.webhooks.retry(parked.planned.delivery_id)
    assert newsroom.deliver() == 1
    assert newsroom.webhooks.deliveries() == []


def test_a_courier_killed_before_it_recorded_a_delivery_repeats_it_with_the_same_id(
    world: World, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.webhooks.add(URL)
    later(world)
    world.public_case(world.member())
    later(world)
    with monkeypatch.context() as killed:
        killed.setattr(world.executors.deliveries, "execute", die)
        with pytest.raises(KeyboardInterrupt):
            newsroom.courier.step()
    newsroom.courier = newsroom.new_courier()
    assert newsroom.deliver() == 1
    assert len(newsroom.receiver.ids) == 2
    assert len(set(newsroom.receiver.ids)) == 1


def die(*_: object) -> None:
    raise KeyboardInterrupt


def test_handling_a_publication_again_plans_no_further_delivery(
    world: World, newsroom: Newsroom
) -> None:
    newsroom.webhooks.add(URL)
    later(world)
    world.public_case(world.member())
    before = world.stores["webhooks"].last_position()
    name = WhenCaseIsPublishedThenPlanDeliveries.name
    (subscription,) = [each for each in world.policies if each.name == name]
    world.checkpoints.delete(name)
    subscription.reset()
    world.settle()
    assert world.stores["webhooks"].last_position() == before
    policy: Any = subscription.subscriber
    policy.policy.react(object(), Cause(name, world.history.read("cases", 0, 1)[0]))


def test_a_case_withdrawn_before_its_delivery_is_not_delivered(
    world: World, newsroom: Newsroom
) -> None:
    newsroom.webhooks.add(URL)
    later(world)
    anna = world.member()
    case = world.public_case(anna)
    world.executors.cases.execute(case, WithdrawCase(by=anna, at=world.clock()), CommandContext())
    assert newsroom.deliver() == 0
    assert newsroom.webhooks.deliveries() == []


def test_a_webhook_that_was_removed_is_not_called(world: World, newsroom: Newsroom) -> None:
    webhook_id, _ = newsroom.webhooks.add(URL)
    later(world)
    world.public_case(world.member())
    newsroom.webhooks.remove(webhook_id)
    assert newsroom.deliver() == 0
    with refused("not-found"):
        newsroom.webhooks.remove(webhook_id)


def test_one_step_makes_one_call_to_a_slow_receiver(world: World, newsroom: Newsroom) -> None:
    newsroom.webhooks.add(URL)
    later(world)
    anna = world.member()
    for number in range(3):
        world.public_case(anna, case_id=f"c{number}")
    later(world)
    ticks = iter(range(0, 1000, 10))
    newsroom.courier = newsroom.new_courier(seconds=lambda: next(ticks))
    assert newsroom.courier.step()
    assert len(newsroom.receiver.calls) == 1
    assert newsroom.deliver() == 2


def test_an_address_without_tls_is_refused_outside_of_tests(
    world: World, newsroom: Newsroom
) -> None:
    with refused("bad-webhook-url"):
        newsroom.webhooks.add("http://news.example")
    tests = Webhooks(
        world.executors, newsroom.book(), newsroom.receiver, KEY, world.clock, insecure=True
    )
    assert tests.add("http://news.example")


def test_an_address_that_is_not_public_is_refused(newsroom: Newsroom) -> None:
    with refused("bad-webhook-url"):
        newsroom.webhooks.add("https://127.0.0.1/hook")
    assert list(newsroom.webhooks.list()) == []


def test_two_concurrent_readers_of_open_deliveries_count_a_failure_once(
    world: World, newsroom: Newsroom
) -> None:
    newsroom.webhooks.add(URL)
    later(world)
    world.public_case(world.member())
    history = BothAtOnce(world.history)
    book = OpenDeliveries(history, world.codec)
    book.deliveries()
    newsroom.receiver.broken = True
    newsroom.deliver()
    history.asked = Barrier(2)
    first, second = race(2, lambda _: [each.tried for each in book.deliveries()])
    assert first == second == [1]


class BothAtOnce:
    """A history that answers when both have asked, or when only one seems to."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.asked = Barrier(1)

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        found = self._history.read(log, after, limit)
        with suppress(BrokenBarrierError):
            self.asked.wait(0.2)
        return found

    def stream(self, log: str, stream: str) -> list[RecordedEvent]:
        return self._history.stream(log, stream)

    def last_position(self, log: str) -> int:
        return self._history.last_position(log)

    def position_of(self, log: str, stream: str, version: int) -> int | None:
        return self._history.position_of(log, stream, version)
