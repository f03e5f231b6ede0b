"""Forged messages: write access to the broker does not suffice to change a member's data."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kombu.connection import Connection
from redis import Redis

from adapters.codec.cloudevents import CloudEventsWire
from adapters.message_bus.authenticated import AuthenticatedBus
from adapters.message_bus.memory import MemoryMessageBus
from adapters.message_bus.rabbitmq import RabbitMqBus
from adapters.message_bus.redis import RedisBus
from application.engine.executor import CommandContext
from application.ports.codec import RecordedEvent
from application.ports.message_bus import Message, MessageBus
from config.process import Process
from config.settings import read_settings
from tests.contracts.buses import PATIENCE, Inbox, unique
from tests.servers import wait_until

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


class TestAnAuthenticatedBus:
    @pytest.fixture
    def plain(self) -> Iterator[MemoryMessageBus]:
        bus = MemoryMessageBus()
        yield bus
        bus.close()

    @pytest.fixture
    def bus(self, plain: MemoryMessageBus) -> AuthenticatedBus:
        return AuthenticatedBus(plain, KEY)

    @pytest.fixture
    def inbox(self, bus: AuthenticatedBus) -> Inbox:
        inbox = Inbox()
        bus.declare("group", ["cases", "members"])
        bus.subscribe("group", ["cases", "members"], inbox)
        return inbox

    def genuine(self, topic: str, body: bytes) -> Message:
        """The message as it travels."""
        plain, inbox = MemoryMessageBus(), Inbox()
        plain.declare("spy", [topic])
        AuthenticatedBus(plain, KEY).publish(topic, [Message(body)])
        plain.subscribe("spy", [topic], inbox)
        inbox.wait_for([body])
        plain.close()
        return Message(body, mac=inbox.deliveries[0].mac)

    def test_a_message_of_this_instance_is_delivered(
        self, bus: AuthenticatedBus, inbox: Inbox
    ) -> None:
        bus.publish("cases", [Message(b"one"), Message(b"two")])
        inbox.wait_for([b"one", b"two"])
        assert not bus.refused

    @pytest.mark.parametrize("change", ["no mac", "another body", "another key", "odd mac"])
    def test_a_message_of_another_instance_is_dropped(
        self,
        plain: MemoryMessageBus,
        bus: AuthenticatedBus,
        inbox: Inbox,
        change: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        message = self.genuine("cases", b"genuine")
        forged = {
            "no mac": replace(message, mac=""),
            "another body": replace(message, body=b"forged"),
            "another key": Message(b"genuine"),
            "odd mac": replace(message, mac="\ud800 ☠"),
        }[change]
        publisher = AuthenticatedBus(plain, OTHER_KEY) if change == "another key" else plain
        publisher.publish("cases", [forged])
        bus.publish("cases", [Message(b"last")])
        inbox.wait_for([b"last"])
        assert inbox.bodies == [b"last"]
        assert bus.refused == {"cases": 1}
        assert "genuine" not in caplog.text.replace("not genuine", "")
        assert "dropped 1 message" in caplog.text

    def test_a_message_replayed_on_another_topic_is_dropped(
        self, plain: MemoryMessageBus, bus: AuthenticatedBus, inbox: Inbox
    ) -> None:
        plain.publish("members", [self.genuine("cases", b"a batch")])
        bus.publish("members", [Message(b"last")])
        inbox.wait_for([b"last"])
        assert inbox.bodies == [b"last"]
        assert bus.refused == {"members": 1}


Open = Callable[[str, str], MessageBus]
KINDS: dict[str, Open] = {"redis": RedisBus.from_url, "rabbitmq": RabbitMqBus.from_url}


@dataclass
class TargetedInstance:
    """A running Klarity on a real broker, and somebody who can write there too."""

    process: Process
    stranger: MessageBus

    def member(self) -> str:
        member_id = str(uuid4())
        self.process.use_cases.accounts.register(
            member_id,
            f"Member {member_id[:8]}",
            "four plain words here",
            (),
            CommandContext(new=True),
        )
        return member_id

    def forge(self, topic: str, events: Sequence[RecordedEvent]) -> None:
        self.stranger.publish(topic, [Message(CloudEventsWire().pack(events))])

    @property
    def refused(self) -> int:
        return int(self.process.container.bus().refused.total())


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def target(
    broker: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TargetedInstance]:
    kind, url = broker
    prefix = unique("forged")
    chosen = {
        "EVENT_STORE": "memory",
        "DATA": str(tmp_path),
        "BUS_URL": url,
        "BUS_PREFIX": prefix,
        "SECRET": "a secret of the tests, long enough",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(f"KLARITY_{name}", value)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    process = Process(read_settings())
    stranger = KINDS[kind](url, prefix)
    process.start()
    yield TargetedInstance(process, stranger)
    process.close()
    stranger.close()
    root.handlers[:], root.level = handlers, level


def test_a_forged_erasure_destroys_no_key(target: TargetedInstance) -> None:
    member_id = target.member()
    history = target.process.container.history()
    (joined,) = history.stream("members", f"member-{member_id}")
    erasure = b'{"member_id":"%s","at":"2026-03-01T12:00:00Z"}' % member_id.encode()
    forged = replace(joined, type="members.MemberErased", schema=1, version=2, data=erasure)
    position = history.last_position("members")
    subscribers = [one for one in target.process.runtime.running if one.kind in ("policy", "query")]
    # Each group has declared its queue once it consumes.
    assert wait_until(lambda: all(one.loop.leading for one in subscribers), PATIENCE)
    hearing = "when-member-is-erased-then-forget-them"

    def heard() -> bool:
        target.forge("members", [replace(forged, position=position + 1)])
        return target.refused > 0

    assert wait_until(heard, PATIENCE)
    another = target.member()  # and history fills the gap that the refused message left
    (policy,) = [one for one in subscribers if one.name == hearing]
    assert wait_until(lambda: policy.lag() == 0, PATIENCE)
    assert target.process.container.vault().key(member_id)
    assert target.process.container.vault().key(another)
    metrics = target.process.internal_app.test_client().get("/metrics").text
    assert 'klarity_messages_refused_total{topic="members"}' in metrics


def test_a_foreign_message_does_not_stop_a_consumer(
    target: TargetedInstance, broker: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, url = broker
    target.member()
    subscribers = [one for one in target.process.runtime.running if one.kind in ("policy", "query")]
    assert wait_until(lambda: all(one.loop.leading for one in subscribers), PATIENCE)
    prefix = target.process.settings.bus_prefix
    assert wait_until(lambda: _spoil(kind, url, f"{prefix}.members", target), PATIENCE)
    handled = _by_bus(target.process)
    assert wait_until(lambda: bool(target.member()) and _by_bus(target.process) > handled, PATIENCE)


def _by_bus(process: Process) -> int:
    return sum(one.handled().get("bus", 0) for one in process.runtime.running)


def _spoil(kind: str, url: str, exchange: str, target: TargetedInstance) -> bool:
    """Write what no publisher of ours would; whether somebody has met it."""
    if kind == "redis":
        redis: Any = Redis.from_url(url)
        redis.xadd(exchange, {"nonsense": "☠"})
        redis.close()
    else:
        with Connection(url) as connection:
            headers = {"x-delivery-count": "many", "klarity-mac": 7}
            connection.Producer().publish(
                "☠", exchange=exchange, headers=headers, content_type="text/plain"
            )
    return target.refused > 0
