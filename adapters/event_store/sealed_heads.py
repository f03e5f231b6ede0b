"""The sealed heads of logs in MongoDB, one document per log."""

from pymongo.collection import Collection

from adapters.mongo import Document
from application.ports.event_store import SealedHead

_HEADS = "log_heads"


class SealedHeads:
    """The sealed head of one log. It is created with the log only, so a removed one stays missing.

    Methods raise the driver's errors.
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
        """Replace the head, unless the stored one is as far."""
        behind = {"_id": self._log, "position": {"$lt": head.position}}
        self._heads.update_one(behind, {"$set": _document(head)})


def _document(head: SealedHead) -> Document:
    return {"position": head.position, "running": head.running, "seal": head.seal}
