"""Parked events in MongoDB."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
from pymongo import ReplaceOne
from pymongo.database import Database

from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable
from application.ports.parked import AT_ONCE, ParkedEvent, service_of

ORDER = {"subscriber": 1, "log": 1, "position": 1}
BY_RETRY = {"subscriber": 1, "retry_at": 1}
BY_STREAM = {"subscriber": 1, "log": 1, "stream": 1, "position": 1}


class MongoParkedEvents:
    """Parked events in a collection, their bodies as JSON, and dropped ones in a second one."""

    def __init__(self, database: Database[Document]) -> None:
        self._parked = database["parked_events"]
        self._dropped = database["dropped_events"]
        self._decoder = msgspec.json.Decoder(ParkedEvent)
        with unavailable_as(StoreUnavailable):
            for keys in (ORDER, BY_RETRY, BY_STREAM):
                self._parked.create_index(keys)

    def park(self, *events: ParkedEvent) -> None:
        writes = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in map(_stored, events)]
        with unavailable_as(StoreUnavailable):
            if writes:
                self._parked.bulk_write(writes, ordered=False)

    def list(self, subscriber: str | None = None) -> Sequence[ParkedEvent]:
        return self._found({} if subscriber is None else {"subscriber": subscriber}, ORDER)

    def due(self, subscriber: str, at: datetime, limit: int) -> Sequence[ParkedEvent]:
        wanted = {"subscriber": subscriber, "retry_at": {"$lte": at}}
        return self._found(wanted, {"retry_at": 1}, limit)

    def of_stream(self, subscriber: str, log: str, stream: str) -> Sequence[ParkedEvent]:
        wanted = {"subscriber": subscriber, "log": log, "stream": stream}
        return self._found(wanted, {"position": 1})

    def decide(self, subscriber: str, event_id: str, verdict: str) -> bool:
        key = {"_id": _key(subscriber, event_id)}
        change = {"$set": {"verdict": verdict, "retry_at": AT_ONCE}}
        with unavailable_as(StoreUnavailable):
            if self._parked.find_one(key, {"_id": 1}) is None:
                return False
            if verdict == "drop":
                self._remember_dropped(service_of(subscriber), event_id)
            else:
                self.take_back(service_of(subscriber), event_id)
            return self._parked.update_one(key, change).matched_count == 1

    def dropped(self, service: str) -> frozenset[str]:
        with unavailable_as(StoreUnavailable):
            found = self._dropped.find({"service": service}, {"event": 1}).to_list()
        return frozenset(one["event"] for one in found)

    def take_back(self, service: str, event_id: str) -> bool:
        with unavailable_as(StoreUnavailable):
            taken = self._dropped.delete_one({"_id": _dropped_key(service, event_id)})
        return taken.deleted_count == 1

    def remove(self, subscriber: str, *event_ids: str) -> None:
        keys = [_key(subscriber, event_id) for event_id in event_ids]
        with unavailable_as(StoreUnavailable):
            self._parked.delete_many({"_id": {"$in": keys}})

    def _remember_dropped(self, service: str, event_id: str) -> None:
        key = _dropped_key(service, event_id)
        dropped = {"$set": {"service": service, "event": event_id}}
        self._dropped.update_one({"_id": key}, dropped, upsert=True)

    def _found(
        self, wanted: Document, order: Mapping[str, int], limit: int = 0
    ) -> Sequence[ParkedEvent]:
        with unavailable_as(StoreUnavailable):
            found = self._parked.find(wanted, limit=limit).sort(order).to_list()
        return [
            replace(
                self._decoder.decode(one["body"]), verdict=one["verdict"], retry_at=one["retry_at"]
            )
            for one in found
        ]


def _stored(parked: ParkedEvent) -> Document:
    event = parked.event
    return {
        "_id": _key(parked.subscriber, event.id),
        "subscriber": parked.subscriber,
        "log": event.log,
        "position": event.position,
        "stream": event.stream,
        "verdict": parked.verdict,
        "retry_at": parked.retry_at,
        "body": msgspec.json.encode(parked),
    }


def _key(subscriber: str, event_id: str) -> Document:
    return {"subscriber": subscriber, "event": event_id}


def _dropped_key(service: str, event_id: str) -> Document:
    return {"service": service, "event": event_id}
