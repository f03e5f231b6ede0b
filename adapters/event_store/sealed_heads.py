"""The sealed heads of logs on MongoDB, one document each."""

from pymongo.collection import Collection

from adapters.mongo import Document
from application.ports.event_store import SealedHead

_HEADS = "log_heads"


class SealedHeads:
    """The head of one log. It is made with the log: one that was removed stays away.

    Errors are those of the driver.
    """

    def __init__(self, log: str, commits: Collection[Document], start: SealedHead) -> None:
        self._log = log
        self._heads = commits.database.get_collection(
            _HEADS, write_concern=commits.write_concern, read_concern=commits.read_concern
        )
        if commits.find_one({}, {"_id": 1}) is None:
            made = {"$setOnInsert": _document(start)}
            self._heads.update_one({"_id": log}, made, upsert=True)

    def find(self) -> SealedHead | None:
        found = self._heads.find_one({"_id": self._log})
        return SealedHead(found["position"], found["running"], found["seal"]) if found else None

    def move(self, head: SealedHead) -> None:
        """Move it on, unless it is as far already."""
        behind = {"_id": self._log, "position": {"$lt": head.position}}
        self._heads.update_one(behind, {"$set": _document(head)})


def _document(head: SealedHead) -> Document:
    return {"position": head.position, "running": head.running, "seal": head.seal}
