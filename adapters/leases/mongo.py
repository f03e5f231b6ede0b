"""Leases in MongoDB, timed by the server's clock."""

from collections.abc import Mapping
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo import Document, unavailable_as
from application.ports.event_store import StoreUnavailable
from application.ports.leases import LeaseRecord


class MongoLeases:
    """Leases in a collection. The clocks of the holders do not matter.

    A lease that would run for longer than twice its duration has ended: the server's clock was set
    back, and a living holder would have renewed it. Once would be too early. ``$$NOW`` is the time
    at which a command arrived, so a command that waits for the write of a later one finds a lease
    that runs for longer than its duration.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._leases = database["leases"]

    def acquire(self, name: str, holder: str, seconds: float) -> bool:
        with unavailable_as(StoreUnavailable):
            try:
                lease = self._leases.find_one_and_update(
                    {"_id": name},
                    _take_if_free(holder, round(seconds * 1000)),
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:
                # Another process created the lease at the same moment.
                return False
        return lease is not None and lease["holder"] == holder

    def release(self, name: str, holder: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._leases.update_one({"_id": name, "holder": holder}, _END)

    def holder(self, name: str) -> str | None:
        running = {"_id": name, "$expr": {"$not": _HAS_ENDED}}
        with unavailable_as(StoreUnavailable):
            lease = self._leases.find_one(running)
        return lease["holder"] if lease else None

    def list(self) -> dict[str, LeaseRecord]:
        with unavailable_as(StoreUnavailable):
            return {
                lease["_id"]: LeaseRecord(
                    holder=None if lease["ended"] else lease["holder"],
                    number=lease["number"],
                    held_seconds=lease["held"] / 1000,
                )
                for lease in self._leases.aggregate([{"$project": _SHOWN}])
            }


_LEFT = {"$subtract": ["$until", "$$NOW"]}
# A missing lease has no end, and a missing value sorts before every time.
_HAS_ENDED: Mapping[str, Any] = {
    "$or": [{"$lte": ["$until", "$$NOW"]}, {"$gt": [_LEFT, {"$multiply": [2, "$milliseconds"]}]}]
}

# The document stays, because its number must go on growing.
_END = [{"$set": {"until": "$$NOW"}}]
# A lease that an older program took has neither a number nor a beginning.
_SHOWN: Mapping[str, Any] = {
    "holder": True,
    "ended": _HAS_ENDED,
    "number": {"$ifNull": ["$number", 1]},
    "held": {"$subtract": ["$$NOW", {"$ifNull": ["$since", "$$NOW"]}]},
}


def _take_if_free(holder: str, milliseconds: int) -> list[Mapping[str, Any]]:
    mine = {"$eq": ["$holder", {"$literal": holder}]}
    end = {"$add": ["$$NOW", milliseconds]}
    return [
        {"$set": {"ended": _HAS_ENDED, "free": {"$or": [mine, _HAS_ENDED]}}},
        {
            "$set": {
                "number": {"$add": [{"$ifNull": ["$number", 0]}, {"$cond": ["$ended", 1, 0]}]},
                "since": {"$cond": ["$ended", "$$NOW", "$since"]},
                "holder": {"$cond": ["$free", {"$literal": holder}, "$holder"]},
                "until": {"$cond": ["$free", end, "$until"]},
                "milliseconds": {"$cond": ["$free", milliseconds, "$milliseconds"]},
            }
        },
        {"$unset": ["ended", "free"]},
    ]
