"""MongoDB numbers events when somebody reads the log: what waits shows although nobody relays."""

from pymongo.database import Database

from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.history.in_place import InPlaceHistory
from adapters.mongo import Document
from application.engine.waiting import Waiting
from application.ports.event_store import NOTHING, NewCommit
from tests.contracts.test_event_store import SEALS
from tests.world import World


def test_events_wait_that_no_relay_has_read(mongo_database: Database[Document]) -> None:
    world = World()
    world.report(world.member())
    commit = world.stores["cases"].read_log(0, 1)[0]
    tail = MongoTail(mongo_database)
    store = MongoEventStore("cases", mongo_database, tail, SEALS)
    try:
        store.append(
            NewCommit(
                stream=commit.stream,
                head=NOTHING,
                size=commit.size,
                stamp=commit.stamp,
                command_id=commit.command_id,
                body=commit.body,
            )
        )
        assert store.last_position() == 0
        world.clock.wind(seconds=90)
        waiting = Waiting(InPlaceHistory({"cases": store}, world.codec), world.clock)
        assert waiting.end("cases") == commit.size
        assert waiting.age("cases", 0) >= 90
    finally:
        store.close()
        tail.close()
