"""Parked events in MongoDB."""

from dataclasses import replace

import msgspec
from pymongo.database import Database

from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable
from application.ports.parked import ParkedEvent

ORDER = {"_id.subscriber": 1, "log": 1, "position": 1}


class MongoParkedEvents:
    """Parked events in a collection, their bodies as JSON. They are few, so nothing is indexed."""

    def __init__(self, database: Database[Document]) -> None:
        self._parked = database["parked_events"]
        self._decoder = msgspec.json.Decoder(ParkedEvent)

    def park(self, event: ParkedEvent) -> None:
        key = _key(event.subscriber, event.event.id)
        stored = {
            "_id": key,
            "log": event.event.log,
            "position": event.event.position,
            "verdict": event.verdict,
            "body": msgspec.json.encode(event),
        }
        with unavailable_as(StoreUnavailable):
            self._parked.replace_one({"_id": key}, stored, upsert=True)

    def list(self, subscriber: str | None = None) -> list[ParkedEvent]:
        wanted = {} if subscriber is None else {"_id.subscriber": subscriber}
        with unavailable_as(StoreUnavailable):
            found = self._parked.find(wanted).sort(ORDER).to_list()
        return [replace(self._decoder.decode(one["body"]), verdict=one["verdict"]) for one in found]

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        change = {"$set": {"verdict": verdict}}
        with unavailable_as(StoreUnavailable):
            done = self._parked.update_one({"_id": _key(subscriber, event_id)}, change)
        return done.matched_count == 1

    def remove(self, subscriber: str, event_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._parked.delete_one({"_id": _key(subscriber, event_id)})


def _key(subscriber: str, event_id: str) -> Document:
    return {"subscriber": subscriber, "event": event_id}
