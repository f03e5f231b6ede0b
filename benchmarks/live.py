"""From the log over each bus into a read model on MongoDB: how much, and how soon.

How much: a log of supports of cases is published by the relay and folded into ``popular-cases``, in
one process; the floor is the broker's fastest client publishing, confirmed, and then consuming the
same messages. How soon: a member supports a case a hundred times a second, and it is measured when
the read model shows it; the floor is a durable insert and a round trip over the bus.
Run with ``python -m benchmarks.live``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from statistics import median
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from adapters.checkpoints.mongo import MongoCheckpoints
from adapters.codec.cloudevents import CloudEventsWire
from adapters.codec.json import JsonCodec
from adapters.codec.personal import PersonalCipher
from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.history.in_place import InPlaceHistory
from adapters.key_vault.memory import MemoryKeyVault
from adapters.leases.mongo import MongoLeases
from adapters.message_bus.pubsub import PubSubBus
from adapters.message_bus.rabbitmq import RabbitMqBus
from adapters.message_bus.redis import RedisBus
from adapters.mongo import Document, connect
from adapters.parked.memory import MemoryParkedEvents
from adapters.read_models.mongo import MongoReadModels
from application.engine.answers import Answers
from application.engine.builds import begin_build, open_build
from application.engine.derived_ids import derived_id
from application.engine.executor import CommandContext
from application.engine.projections import Projections
from application.engine.projector import Projector
from application.engine.relay import COMMITS_A_STEP, EVENTS_A_MESSAGE, Relay, packs
from application.engine.runtime import Runtime
from application.engine.subscription import Subscription
from application.executors import make_executors
from application.ports.message_bus import Delivery, Message, MessageBus
from application.queries.popular_cases import PopularCase, PopularCases
from application.system import CONTEXTS
from benchmarks.bus import PROJECT, Client, GooglePubSub, PyAmqp, RedisPy
from benchmarks.measure import SEALS, Figure, medians, print_table
from benchmarks.scan import append
from domain.actors import Actor
from domain.cases.case_details import CaseCategory
from domain.cases.engagement import CaseSupported, EngagementFacts, SupportCase
from domain.catalog import EVENTS
from domain.decider import Informed
from domain.ids import CaseId, MemberId
from tests.servers import Mongo, PubSub, RabbitMQ, Redis, Server, wait_until

SUPPORTS = 10_000
CASES = 500
ROUNDS = 3
MESSAGES_A_BATCH = COMMITS_A_STEP // EVENTS_A_MESSAGE
THROUGHPUT_TARGET = 0.5

COMMANDS, A_SECOND = 600, 100
LATENCY_TARGET = 4.0
PATIENCE = 120.0

BusOf = Callable[[str, str], MessageBus]


def emulated(url: str, prefix: str) -> MessageBus:
    return PubSubBus(PROJECT, prefix, emulator=url)


BUSES: list[tuple[str, type[Server], BusOf, Callable[[str], Client]]] = [
    ("RabbitMQ", RabbitMQ, RabbitMqBus, PyAmqp),
    ("Redis", Redis, RedisBus, RedisPy),
    ("the Pub/Sub emulator", PubSub, emulated, GooglePubSub),
]


def main() -> None:
    throughput, latency = [], []
    with Mongo() as mongo:
        for name, server, bus, client in BUSES:
            with server() as broker:
                throughput.append(how_much(name, mongo.url, broker.url, bus, client(broker.url)))
                latency.append(how_soon(name, mongo.url, broker.url, bus))
    print_table(f"{SUPPORTS:,} events from log to read model", "events/s", throughput)
    print_table(f"From acknowledged to visible, {A_SECOND} commands/s, p50", "us", latency)


class Deployment:
    """A database and a bus with names of their own, and what lies between log and read model."""

    def __init__(self, database: Database[Document], tail: MongoTail, bus: MessageBus) -> None:
        self.database = database
        self.bus = bus
        self.codec = JsonCodec(EVENTS, PersonalCipher(MemoryKeyVault(), bytes(32)))
        self.wire = CloudEventsWire()
        self.stores = {log: MongoEventStore(log, database, tail, SEALS) for log in CONTEXTS}
        self.history = InPlaceHistory(self.stores, self.codec)
        self.parked = MemoryParkedEvents()
        self.models = MongoReadModels(database)
        self.service = PopularCases()
        self.model = open_build(self.service, self.models, begin_build(self.service, self.models))
        self.model.commit(
            {f"case-{n}": popular_case(f"case-{n}") for n in range(CASES)},
            self.model.checkpoint().next(),
        )

    def relay(self) -> Relay:
        checkpoints = MongoCheckpoints(self.database)
        return Relay(self.stores["cases"], self.codec, self.wire, self.bus, checkpoints)

    def shown(self) -> int:
        """The position up to which the read model shows the log."""
        return self.model.checkpoint().at("cases")


@contextmanager
def deployment(mongo_url: str, broker_url: str, bus_of: BusOf) -> Iterator[Deployment]:
    name = f"live-{uuid4().hex[:8]}"
    database = connect(mongo_url, name)
    bus = bus_of(broker_url, name)
    with closing(database.client), closing(MongoTail(database)) as tail, closing(bus):
        yield Deployment(database, tail, bus)
        database.client.drop_database(name)


def how_much(name: str, mongo_url: str, broker_url: str, bus_of: BusOf, client: Client) -> Figure:
    bodies: list[bytes] = []

    def live() -> float:
        with deployment(mongo_url, broker_url, bus_of) as made:
            fill(made)
            bodies[:] = bodies or messages(made)
            return live_rate(made)

    rates = medians(ROUNDS, {"live": live, "floor": lambda: client_rate(client, bodies)})
    return Figure(what=name, rate=rates["live"], floor=rates["floor"], target=THROUGHPUT_TARGET)


def fill(made: Deployment) -> None:
    def support(member: int) -> None:
        supports = [
            CaseSupported(
                case_id=CaseId(f"case-{case}"),
                at=datetime.now(UTC),
            )
            for case in range(CASES)
        ]
        append(made.stores["cases"], made.codec, f"engagement-{member}", supports)

    with ThreadPoolExecutor(32) as pool:
        deque(pool.map(support, range(SUPPORTS // CASES)), maxlen=0)


def messages(made: Deployment) -> list[bytes]:
    """What the relay will publish."""
    events = made.history.read("cases", 0, SUPPORTS)
    return [made.wire.pack(pack) for pack in packs(events)]


def live_rate(made: Deployment) -> float:
    relay, projector = made.relay(), Projector(made.service, made.model, made.codec, made.history)
    subscription = Subscription(projector, made.history, made.wire, made.parked)
    made.bus.declare(subscription.name, subscription.topics)
    consumer = made.bus.subscribe(subscription.name, subscription.topics, subscription.deliver)
    start = time.perf_counter()
    while relay.step():
        pass
    assert wait_until(lambda: made.shown() == SUPPORTS, PATIENCE)
    taken = time.perf_counter() - start
    consumer.stop()
    return SUPPORTS / taken


def client_rate(client: Client, bodies: Sequence[bytes]) -> float:
    topic = f"floor-{uuid4().hex[:8]}"
    client.declare(topic)
    start = time.perf_counter()
    for at in range(0, len(bodies), MESSAGES_A_BATCH):
        client.publish(topic, bodies[at : at + MESSAGES_A_BATCH])
    client.consume(topic, len(bodies))
    return SUPPORTS / (time.perf_counter() - start)


def how_soon(name: str, mongo_url: str, broker_url: str, bus_of: BusOf) -> Figure:
    with deployment(mongo_url, broker_url, bus_of) as made:
        floor = insert_seconds(made) + trip_seconds(made)
        seen = visible_seconds(made)
    return Figure(what=name, rate=seen * 1e6, floor=floor * 1e6, target=LATENCY_TARGET, most=True)


def insert_seconds(made: Deployment) -> float:
    raw = made.database["raw"]
    return median(paced(lambda number: raw.insert_one({"_id": number, "body": bytes(400)})))


def trip_seconds(made: Deployment) -> float:
    """From before the confirmed publishing of a message to its consumer."""
    arrived = Event()

    def handle(_: Sequence[Delivery]) -> None:
        arrived.set()

    def trip(_: int) -> None:
        arrived.clear()
        made.bus.publish("trip", [Message(bytes(400))])
        assert arrived.wait(PATIENCE)

    made.bus.declare("trip", ["trip"])
    consumer = made.bus.subscribe("trip", ["trip"], handle)
    trip(0)
    taken = median(paced(trip))
    consumer.stop()
    return taken


def visible_seconds(made: Deployment) -> float:
    """From a command's acknowledgement to the moment when the read model has it."""
    executors = make_executors(made.stores, made.codec, lambda: datetime.now(UTC))

    def support(number: int) -> None:
        command = SupportCase(
            case_id=CaseId(f"case-{number % CASES}"),
            by=Actor(member_id=MemberId("anna"), pseudonym="Anna", roles=frozenset()),
            at=datetime.now(UTC),
        )
        support = Informed(command, EngagementFacts(author=MemberId("ben")))
        executors.engagements.execute(f"{number}", support, CommandContext(new=True))

    with running(made):
        support(COMMANDS)
        assert wait_until(lambda: made.shown() == 1, PATIENCE)
        seen: list[float] = []
        watching = Thread(target=watch, args=[made, seen])
        watching.start()
        acknowledged: list[float] = []
        paced(support, acknowledged)
        watching.join()
    return median(max(0.0, shown - done) for done, shown in zip(acknowledged, seen, strict=True))


@contextmanager
def running(made: Deployment) -> Iterator[None]:
    """The relay and the query service, as a worker runs them."""
    leases = MongoLeases(made.database)
    projections = Projections(
        models=made.models,
        history=made.history,
        codec=made.codec,
        wire=made.wire,
        parked=made.parked,
        keyed=derived_id,
    )
    runtime = Runtime(
        bus=made.bus,
        history=made.history,
        wire=made.wire,
        parked=made.parked,
        leases=leases,
        projections=projections,
        model_leases=leases,
    )
    runtime.add_relay(made.relay(), made.stores["cases"])
    runtime.add_query(made.service, Answers(made.service, made.models, made.history, made.codec))
    runtime.start()
    try:
        yield
    finally:
        runtime.stop()


def watch(made: Deployment, seen: list[float]) -> None:
    """Note for each command, after the first, when the read model had it."""
    while len(seen) < COMMANDS:
        shown = made.shown() - 1
        seen += [time.perf_counter()] * (shown - len(seen))
        time.sleep(0.001)


def paced(deed: Callable[[int], Any], ends: list[float] | None = None) -> list[float]:
    """How long each of many deeds takes, so many a second; ``ends`` gets when each was done."""
    start, taken = time.perf_counter(), []
    for number in range(COMMANDS):
        time.sleep(max(0.0, start + number / A_SECOND - time.perf_counter()))
        begun = time.perf_counter()
        deed(number)
        ended = time.perf_counter()
        taken.append(ended - begun)
        if ends is not None:
            ends.append(ended)
    return taken


def popular_case(key: str) -> PopularCase:
    return PopularCase(
        case_id=key,
        title="Money asked for at the counter",
        category=CaseCategory.OTHER,
        rank=0.0,
        published_at=datetime(2026, 5, 4, tzinfo=UTC),
    )


if __name__ == "__main__":
    main()
