"""Verifying a log: every stream's chain of hashes, recomputed from the stored bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from application.ports.event_store import NOTHING, EventStore, Head, StoredCommit

COMMITS_A_READ = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a log is not what was appended to it: in a stream, or at the end of the whole log."""

    stream: str
    version: int
    what: str


def verify_log(
    store: EventStore, progress: Callable[[int, int], None] = lambda *_: None
) -> list[Fault]:
    """All faults of a log: changed bytes, missing or repeated versions, missing positions.

    ``progress`` gets how many events were verified, of how many.
    """
    heads: dict[str, Head] = {}
    faults: list[Fault] = []
    position, total = 0, store.last_position()
    while commits := store.read_log(position, COMMITS_A_READ):
        for commit in commits:
            faults += _faults(commit, heads.get(commit.stream, NOTHING), position)
            heads[commit.stream] = commit.head
            position = commit.position
        progress(position, max(total, position))
    if position < total:
        faults.append(Fault(store.log, position, "events are missing after it, at the log's end"))
    return faults


def _faults(commit: StoredCommit, head: Head, position: int) -> list[Fault]:
    checks = {
        "its bytes or its hash were changed": sha256(head.hash + commit.body).digest()
        == commit.hash,
        "versions are missing or repeated before it": commit.first == head.version + 1,
        "positions are missing before it": commit.position == position + commit.size,
    }
    return [Fault(commit.stream, commit.first, what) for what, good in checks.items() if not good]
