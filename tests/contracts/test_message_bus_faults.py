"""Buses when their broker or consumers are killed, or hang."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis

from application.ports.message_bus import BusUnavailable, Delivery, Message, MessageBus
from tests import servers
from tests.contracts.buses import BROKERS, PATIENCE, Inbox, messages, numbered, unique
from tests.servers import RabbitMQ, Redis, Server, wait_until

pytestmark = pytest.mark.system

# RabbitMQ 3 keeps the Raft term of a new queue in memory for up to three seconds: killed in that
# time, it comes back with a queue that never elects a leader. Groups live longer than that.
SETTLING_SECONDS = 10.0
# Of a bus that shall notice soon that nobody answers, in seconds.
HASTY = 2


@pytest.fixture(scope="module", params=servers.BROKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(kind: str) -> Iterator[Server]:
    """A private server, running again after each test."""
    with servers.BROKERS[kind]() as server:
        yield server


@pytest.fixture
def bus(kind: str, server: Server) -> Iterator[MessageBus]:
    bus = BROKERS[kind](server.url, unique("klarity"), lent=2)
    yield bus
    bus.close()


@pytest.fixture
def settle(server: Server) -> Callable[[], None]:
    """Call it when a group was declared, before killing the broker."""

    def wait() -> None:
        match server:
            case RabbitMQ():
                time.sleep(SETTLING_SECONDS)
            case Redis():
                assert wait_until(lambda: not syncs(server), PATIENCE)

    return wait


def syncs(server: Redis) -> bool:
    """Whether Redis syncs its file, during which it confirms what it has not written yet."""
    with redis.Redis(host=servers.HOST, port=server.port) as client:
        return bool(client.info("persistence")["aof_pending_bio_fsync"])


def retry(call: Callable[[], object]) -> None:
    """Again, until the broker is back."""

    def done() -> bool:
        try:
            call()
        except BusUnavailable:
            return False
        return True

    assert wait_until(done, PATIENCE)


def publish_until_confirmed(bus: MessageBus, topic: str, bodies: Sequence[bytes]) -> None:
    retry(lambda: bus.publish(topic, messages(bodies)))


def test_confirmed_messages_survive_a_killed_broker_if_the_bus_guarantees_it(
    bus: MessageBus, server: Server, settle: Callable[[], None]
) -> None:
    topic, group, inbox = unique("cases"), unique("group"), Inbox()
    bus.declare(group, [topic])
    settle()
    publish_until_confirmed(bus, topic, numbered(50, "confirmed"))
    server.kill()
    server.start()
    subscription = bus.subscribe(group, [topic], inbox)
    assert wait_until(lambda: subscription.connected, PATIENCE)
    publish_until_confirmed(bus, topic, [b"new"])
    inbox.wait_for([b"new"])
    if bus.guarantees.survives_broker_restart:
        inbox.wait_for(numbered(50, "confirmed"))
    else:
        assert inbox.bodies == [b"new"]


def test_consumers_and_publishers_continue_after_a_broker_was_killed_under_load(
    bus: MessageBus,
    server: Server,
    settle: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    topic, group, inbox = unique("cases"), unique("group"), Inbox()
    bus.declare(group, [topic])
    settle()
    caplog.set_level(logging.INFO)
    subscription = bus.subscribe(group, [topic], inbox)
    load = numbered(200, "load")

    def publish_load() -> None:
        for body in load:
            publish_until_confirmed(bus, topic, [body])

    publisher = threading.Thread(target=publish_load)
    publisher.start()
    inbox.wait_until(lambda: len(inbox.bodies) > 20)
    server.kill()
    assert wait_until(lambda: not subscription.connected, PATIENCE)
    server.start()
    publisher.join()
    assert wait_until(lambda: subscription.connected, PATIENCE)
    publish_until_confirmed(bus, topic, [b"after"])
    inbox.wait_for([b"after"])
    if bus.guarantees.survives_broker_restart:
        inbox.wait_for(load)
    assert (
        caplog.text.count("broker is unavailable")
        == caplog.text.count("broker is available again")
        == 1
    )
    assert str(server.port) not in caplog.text


def test_publishing_fails_while_the_broker_hangs(kind: str, server: Server) -> None:
    topic, group, inbox = unique("cases"), unique("group"), Inbox()
    bus = BROKERS[kind](server.url, unique("klarity"), timeout=HASTY)
    retry(lambda: bus.declare(group, [topic]))
    bus.subscribe(group, [topic], inbox)
    publish_until_confirmed(bus, topic, [b"before"])
    server.pause()
    try:
        with pytest.raises(BusUnavailable):
            bus.publish(topic, [Message(b"perhaps")])
        with pytest.raises(BusUnavailable):
            bus.declare(unique("group"), [topic])
    finally:
        server.resume()
    publish_until_confirmed(bus, topic, [b"after"])
    inbox.wait_for([b"before", b"after"])
    bus.close()


def test_without_a_broker_publishing_fails_and_a_consumer_waits_for_it(
    kind: str, server: Server
) -> None:
    topic, group, inbox = unique("cases"), unique("group"), Inbox()
    server.kill()
    bus = BROKERS[kind](server.url, unique("klarity"), timeout=HASTY)
    subscription = bus.subscribe(group, [topic], inbox)
    with pytest.raises(BusUnavailable):
        bus.publish(topic, [Message(b"nobody listens")])
    assert not subscription.connected
    server.start()
    assert wait_until(lambda: subscription.connected, PATIENCE)
    publish_until_confirmed(bus, topic, [b"now"])
    inbox.wait_for([b"now"])
    bus.close()


def test_unacknowledged_messages_of_a_killed_consumer_are_delivered_to_another(
    kind: str, server: Server, tmp_path: Path
) -> None:
    topic, group, prefix, inbox = unique("cases"), unique("group"), unique("klarity"), Inbox()
    bus = BROKERS[kind](server.url, prefix, lent=2)
    bus.declare(group, [topic])
    bus.publish(topic, messages(numbered(300)))
    diary = tmp_path / "handled"
    process = multiprocessing.get_context("spawn").Process(
        target=consume_slowly, args=((kind, server.url, prefix), group, topic, diary)
    )
    process.start()
    assert wait_until(lambda: diary.exists() and len(handled(diary)) > 10, PATIENCE)
    process.kill()
    process.join()
    bus.subscribe(group, [topic], inbox)
    inbox.wait_until(lambda: set(numbered(300)) <= {*handled(diary), *inbox.bodies})
    bus.close()


def consume_slowly(bus: tuple[str, str, str], group: str, topic: str, diary: Path) -> None:
    """Write down each batch when it is handled, until killed."""

    def handle(deliveries: Sequence[Delivery]) -> None:
        time.sleep(0.2)
        with diary.open("ab") as lines:
            lines.write(b"".join(delivery.body + b"\n" for delivery in deliveries))

    kind, url, prefix = bus
    BROKERS[kind](url, prefix, lent=2).subscribe(group, [topic], handle)
    threading.Event().wait()


def handled(diary: Path) -> list[bytes]:
    return diary.read_bytes().splitlines()
