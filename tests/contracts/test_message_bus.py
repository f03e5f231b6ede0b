"""What every MessageBus promises, and where its guarantees say that it differs."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from redis import Redis

from adapters.message_bus.memory import MemoryMessageBus
from adapters.message_bus.pubsub import PubSubBus
from adapters.message_bus.redis import RedisBus
from application.ports.message_bus import (
    BusSubscription,
    BusUnavailable,
    Delivery,
    Guarantees,
    Message,
    MessageBus,
)
from config.buses import BUSES
from tests import servers
from tests.contracts import buses
from tests.contracts.buses import BROKERS, Inbox, messages, numbered, unique
from tests.contracts.nothing import assert_fails_against_nothing
from tests.servers import wait_until


class MessageBusContract:
    def test_every_group_gets_every_message(self, bus: MessageBus) -> None:
        topic, inboxes = unique("cases"), [Inbox(), Inbox()]
        for inbox in inboxes:
            bus.declare(group := unique("group"), [topic])
            bus.subscribe(group, [topic], inbox)
        bus.publish(topic, messages(numbered(20)))
        for inbox in inboxes:
            inbox.wait_for(numbered(20))

    def test_an_offline_group_gets_missed_messages_if_the_bus_keeps_them(
        self, bus: MessageBus
    ) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.publish(topic, messages(numbered(5, "missed")))
        bus.subscribe(group, [topic], inbox)
        bus.publish(topic, messages(numbered(5, "seen")))
        inbox.wait_for(numbered(5, "seen"))
        if bus.guarantees.keeps_for_offline_groups:
            inbox.wait_for(numbered(5, "missed"))
        else:
            assert not set(numbered(5, "missed")) & set(inbox.bodies)

    def test_a_group_gets_no_messages_from_before_its_declaration(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.publish(topic, [Message(b"before")])
        bus.declare(group, [topic])
        bus.publish(topic, [Message(b"after")])
        bus.subscribe(group, [topic], inbox)
        inbox.wait_for([b"after"])
        assert inbox.bodies == [b"after"]

    def test_a_message_is_delivered_unchanged_with_its_headers(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.publish(topic, [Message(b"\x00\xff body", key="k", mac="ab" * 32), Message(b"bare")])
        bus.subscribe(group, [topic], inbox)
        inbox.wait_for([b"\x00\xff body", b"bare"])
        found = {(one.topic, one.body, one.mac) for one in inbox.deliveries}
        assert found == {(topic, b"\x00\xff body", "ab" * 32), (topic, b"bare", "")}

    def test_declaring_again_repeats_and_loses_no_message(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.publish(topic, messages(numbered(3)))
        bus.declare(group, [topic])
        bus.subscribe(group, [topic], inbox)
        inbox.wait_for(numbered(3))
        assert len(inbox.deliveries) == 3

    def test_messages_are_delivered_again_when_the_handler_raises(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox(failures=2)
        bus.declare(group, [topic])
        bus.publish(topic, [Message(b"again")])
        bus.subscribe(group, [topic], inbox)
        inbox.wait_until(lambda: len(inbox.deliveries) == 3)
        assert inbox.bodies == [b"again"]
        assert [one.attempt for one in inbox.deliveries] in ([1, 2, 3], [1, 1, 1])

    def test_a_handler_that_keeps_raising_is_called_rarely_and_can_be_stopped(
        self, bus: MessageBus
    ) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox(failures=1000)
        bus.declare(group, [topic])
        bus.publish(topic, [Message(b"poison")])
        subscription = bus.subscribe(group, [topic], inbox)
        inbox.wait_until(lambda: inbox.calls >= 3)
        subscription.stop(buses.PATIENCE)
        assert inbox.calls < 20
        assert not subscription.connected

    def test_a_redelivery_does_not_reach_other_groups(self, bus: MessageBus) -> None:
        topic, failing, other = unique("cases"), Inbox(failures=3), Inbox()
        for inbox in (failing, other):
            bus.declare(group := unique("group"), [topic])
            bus.subscribe(group, [topic], inbox)
        bus.publish(topic, [Message(b"once")])
        failing.wait_until(lambda: failing.calls >= 4)
        bus.publish(topic, [Message(b"last")])
        other.wait_for([b"last"])
        assert sorted(one.body for one in other.deliveries) == [b"last", b"once"]

    def test_two_consumers_of_a_group_share_its_messages(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        for _ in range(2):
            bus.subscribe(group, [topic], inbox)
        for body in numbered(50):
            bus.publish(topic, [Message(body)])
        inbox.wait_for(numbered(50))
        assert len(inbox.deliveries) == 50

    def test_concurrent_publishers_lose_no_message(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.subscribe(group, [topic], inbox)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda body: bus.publish(topic, [Message(body)]), numbered(400)))
        inbox.wait_for(numbered(400))

    @pytest.mark.parametrize(
        "body", [bytes(range(256)), b"\xff\xfe\x00", '{"name": "Žofka"}'.encode(), b" "]
    )
    def test_a_body_is_delivered_unchanged(self, bus: MessageBus, body: bytes) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.publish(topic, [Message(body)])
        bus.subscribe(group, [topic], inbox)
        inbox.wait_for([body])
        assert inbox.bodies == [body]

    def test_messages_of_one_publisher_are_delivered_in_order_if_the_bus_guarantees_it(
        self, bus: MessageBus
    ) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.subscribe(group, [topic], inbox)
        for start in range(0, 300, 30):
            bus.publish(topic, messages(numbered(300)[start : start + 30]))
        inbox.wait_for(numbered(300))
        if bus.guarantees.ordered:
            assert inbox.bodies == numbered(300)

    def test_stopping_a_consumer_finishes_its_batch(self, bus: MessageBus) -> None:
        topic, group, begun, go_on = unique("cases"), unique("group"), Event(), Event()
        finished, rest = Inbox(), Inbox()

        def slowly(deliveries: Sequence[Delivery]) -> None:
            begun.set()
            go_on.wait(buses.PATIENCE)
            finished(deliveries)

        bus.declare(group, [topic])
        bus.publish(topic, [Message(b"in hand")])
        subscription = bus.subscribe(group, [topic], slowly)
        assert begun.wait(buses.PATIENCE)
        with ThreadPoolExecutor() as threads:
            stopped = threads.submit(subscription.stop, buses.PATIENCE)
            go_on.set()
            stopped.result()
        assert finished.bodies == [b"in hand"]
        bus.publish(topic, [Message(b"later")])
        bus.subscribe(group, [topic], rest)
        rest.wait_for([b"later"])
        assert rest.bodies == [b"later"]

    def test_another_consumer_continues_after_a_stopped_one(self, bus: MessageBus) -> None:
        topic, group, first, second = unique("cases"), unique("group"), Inbox(), Inbox()
        bus.declare(group, [topic])
        subscription = bus.subscribe(group, [topic], first)
        bus.publish(topic, messages(numbered(10, "first")))
        first.wait_for(numbered(10, "first"))
        subscription.stop(buses.PATIENCE)
        bus.publish(topic, messages(numbered(10, "second")))
        bus.subscribe(group, [topic], second)
        second.wait_for(numbered(10, "second"))
        assert first.bodies == numbered(10, "first")
        assert sorted(second.bodies) == numbered(10, "second")

    def test_messages_of_a_failing_consumer_are_delivered_to_the_next(
        self, bus: MessageBus
    ) -> None:
        topic, group = unique("cases"), unique("group")
        failing, next_one = Inbox(failures=1000), Inbox()
        bus.declare(group, [topic])
        bus.publish(topic, messages(numbered(10)))
        subscription = bus.subscribe(group, [topic], failing)
        failing.wait_until(lambda: failing.calls >= 1)
        subscription.stop(buses.PATIENCE)
        bus.subscribe(group, [topic], next_one)
        next_one.wait_for(numbered(10))

    def test_a_delivery_holds_its_topic_and_other_topics_are_not_delivered(
        self, bus: MessageBus
    ) -> None:
        heard, also_heard, foreign = unique("cases"), unique("evidence"), unique("members")
        group, inbox = unique("group"), Inbox()
        bus.declare(group, [heard, also_heard])
        bus.declare(unique("group"), [foreign])
        bus.subscribe(group, [heard, also_heard], inbox)
        for topic in (foreign, heard, also_heard):
            bus.publish(topic, [Message(topic.encode())])
        inbox.wait_for([heard.encode(), also_heard.encode()])
        told = {(delivery.topic, delivery.body.decode()) for delivery in inbox.deliveries}
        assert told == {(heard, heard), (also_heard, also_heard)}

    def test_a_body_of_a_megabyte_is_delivered(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.subscribe(group, [topic], inbox)
        body = bytes(range(256)) * 4096
        bus.publish(topic, messages([body, body[::-1]]))
        inbox.wait_for([body, body[::-1]])

    def test_five_hundred_messages_can_be_published_at_once(self, bus: MessageBus) -> None:
        topic, group, inbox = unique("cases"), unique("group"), Inbox()
        bus.declare(group, [topic])
        bus.subscribe(group, [topic], inbox)
        bus.publish(topic, messages(numbered(500)))
        inbox.wait_for(numbered(500))

    def test_a_consumer_is_connected_until_it_is_stopped(self, bus: MessageBus) -> None:
        subscription = bus.subscribe(unique("group"), [unique("cases")], Inbox())
        assert wait_until(lambda: subscription.connected, buses.PATIENCE)
        subscription.stop(buses.PATIENCE)
        assert not subscription.connected

    def test_every_listener_gets_every_message_from_now_on(self, bus: MessageBus) -> None:
        topic, inboxes = unique("monitor"), [Inbox(), Inbox()]
        bus.publish(topic, [Message(b"before", lasting=False)])
        for inbox in inboxes:
            listening(bus, topic, inbox)
        bus.publish(topic, [Message(b"now", mac="ab", lasting=False), Message(b"and later")])
        for inbox in inboxes:
            inbox.wait_for([b"now", b"and later"])
            found = {(one.topic, one.body, one.mac) for one in inbox.deliveries}
            assert found == {(topic, b"now", "ab"), (topic, b"and later", "")}

    def test_a_stopped_listener_gets_nothing(self, bus: MessageBus) -> None:
        topic, stopped, other = unique("monitor"), Inbox(), Inbox()
        listener = listening(bus, topic, stopped)
        listening(bus, topic, other)
        listener.stop(buses.PATIENCE)
        bus.publish(topic, [Message(b"now", lasting=False)])
        other.wait_for([b"now"])
        assert not listener.connected
        assert not stopped.deliveries

    def test_publishing_through_a_closed_bus_is_refused(self, bus: MessageBus) -> None:
        bus.close()
        with pytest.raises(BusUnavailable):
            bus.publish(unique("cases"), [Message(b"too late")])

    def test_other_processes_receive_messages_only_if_the_bus_is_shared(
        self, bus: MessageBus, other_bus: MessageBus
    ) -> None:
        topic, group = unique("cases"), unique("group")
        inbox, other_inbox = Inbox(), Inbox()
        bus.declare(group, [topic])
        bus.subscribe(group, [topic], inbox)
        other_bus.declare(other_group := unique("group"), [topic])
        other_bus.subscribe(other_group, [topic], other_inbox)
        bus.publish(topic, [Message(b"seen")])
        inbox.wait_for([b"seen"])
        if bus.guarantees.shared:
            other_inbox.wait_for([b"seen"])
        else:
            assert not other_inbox.bodies


def listening(bus: MessageBus, topic: str, inbox: Inbox) -> BusSubscription:
    listener = bus.listen(topic, inbox)
    assert wait_until(lambda: listener.connected, buses.PATIENCE)
    return listener


class TestMessageBus(MessageBusContract):
    @pytest.fixture(params=["memory", *BROKERS])
    def open_bus(self, request: pytest.FixtureRequest) -> Callable[[], MessageBus]:
        kind, prefix = request.param, unique("klarity")
        if kind == "memory":
            return MemoryMessageBus
        url = request.getfixturevalue(f"{kind}_url")
        return lambda: BROKERS[kind](url, prefix)

    @pytest.fixture
    def bus(self, open_bus: Callable[[], MessageBus]) -> Iterator[MessageBus]:
        bus = open_bus()
        yield bus
        bus.close()

    @pytest.fixture
    def other_bus(self, open_bus: Callable[[], MessageBus]) -> Iterator[MessageBus]:
        bus = open_bus()
        yield bus
        bus.close()


def test_a_killed_listener_leaves_nothing_on_redis(redis_url: str) -> None:
    prefix = unique("klarity")
    bus, server = RedisBus(redis_url, prefix), Redis.from_url(redis_url)
    topic, dead = f"{prefix}.monitor", f"{prefix}.listener.dead"
    server.xgroup_create(topic, dead, mkstream=True)
    for body in (b"read", b"dropped", b"kept"):
        bus.publish("monitor", [Message(body, lasting=False)])
    server.xtrim(topic, 1, approximate=False)
    listening(bus, "monitor", Inbox()).stop(buses.PATIENCE)
    assert server.xinfo_groups(topic) == []
    bus.close()
    server.close()


def test_every_bus_has_its_broker_in_the_tests() -> None:
    on_brokers = {*BUSES.values()} - {BUSES["memory"]}
    assert len(BROKERS) == len(on_brokers), "add the bus to BROKERS of tests/contracts/buses.py"
    assert BROKERS.keys() == servers.BROKERS.keys(), "add its server to BROKERS of tests/servers.py"


class NoSubscription:
    connected = False

    def stop(self, timeout: float = 5.0) -> None:
        """Nothing to stop."""


class NoBus:
    """Publishes nothing, delivers nothing."""

    guarantees = Guarantees(
        shared=True, survives_broker_restart=True, keeps_for_offline_groups=True, ordered=True
    )

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Forget them."""

    def declare(self, group: str, topics: Sequence[str]) -> None:
        """Forget it."""

    def subscribe(
        self, group: str, topics: Sequence[str], handle: Callable[[Sequence[Delivery]], None]
    ) -> NoSubscription:
        return NoSubscription()

    def listen(self, topic: str, handle: Callable[[Sequence[Delivery]], None]) -> NoSubscription:
        return NoSubscription()

    def close(self) -> None:
        """Nothing to close."""


def test_every_promise_is_broken_by_a_bus_that_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(buses, "PATIENCE", 0.02)
    assert_fails_against_nothing(MessageBusContract, bus=NoBus(), other_bus=NoBus())


def test_the_guarantees_agree_with_the_documentation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    assert not MemoryMessageBus.guarantees.shared
    assert PubSubBus.from_url("pubsub://p").guarantees.survives_broker_restart
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    assert not PubSubBus.from_url("pubsub://p").guarantees.survives_broker_restart
