"""A log in the memory of this process, for tests and trials."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from threading import Lock

from adapters.event_store.chain import sealed
from adapters.listeners import Listeners
from application.engine.log_seals import LogSeals
from application.ports.event_store import (
    NOTHING,
    AlreadyDone,
    NewCommit,
    SealedHead,
    StoredCommit,
    StreamConflict,
)

TRIAL = LogSeals(b"for trials that end with their process")


class MemoryEventStore:
    """An EventStore whose events are lost when the process ends."""

    def __init__(self, log: str, seals: LogSeals = TRIAL) -> None:
        self._log = log
        self._seals = seals
        self._head: SealedHead | None = seals.start(log)
        self._lock = Lock()
        self._commits: list[StoredCommit] = []
        self._streams: dict[str, list[StoredCommit]] = defaultdict(list)
        self._commands: dict[str, StoredCommit] = {}
        self._listeners = Listeners()

    @property
    def log(self) -> str:
        return self._log

    def append(self, commit: NewCommit) -> StoredCommit:
        with self._lock:
            stored = self._append(commit)
        self._listeners.call()
        return stored

    def load(self, stream: str, *, upto: int | None = None) -> list[StoredCommit]:
        with self._lock:
            return [
                commit
                for commit in self._streams.get(stream, ())
                if upto is None or commit.first <= upto
            ]

    def read_log(self, after: int, limit: int) -> list[StoredCommit]:
        with self._lock:
            start = bisect_right(self._commits, after, key=lambda commit: commit.position)
            return self._commits[start : start + limit]

    def find_command(self, command_id: str) -> StoredCommit | None:
        with self._lock:
            return self._commands.get(command_id)

    def position_of(self, stream: str, version: int) -> int | None:
        for commit in self.load(stream, upto=version):
            if commit.first <= version <= commit.last:
                return commit.position - (commit.last - version)
        return None

    def last_position(self) -> int:
        with self._lock:
            return self._last_position()

    def sealed_head(self) -> SealedHead | None:
        return self._head

    def seal(self, head: SealedHead) -> None:
        with self._lock:
            if self._head and self._head.position < head.position:
                self._head = head

    def strays(self) -> list[StoredCommit]:
        with self._lock:
            ordered = {id(commit) for commit in self._commits}
            return [
                commit
                for commits in self._streams.values()
                for commit in commits
                if id(commit) not in ordered or commit.position < 1
            ]

    def on_append(self, wake: Callable[[], None]) -> Callable[[], None]:
        return self._listeners.add(wake)

    def close(self) -> None:
        """Release nothing: there is nothing to release."""

    def _append(self, commit: NewCommit) -> StoredCommit:
        if done := self._commands.get(commit.command_id):
            raise AlreadyDone(done)
        before = self._streams.get(commit.stream)
        if commit.head != (before[-1].head if before else NOTHING):
            raise StreamConflict(commit.stream)
        stored = sealed(self._log, commit, self._seals, self._last_position() + commit.size)
        self._commits.append(stored)
        self._streams[commit.stream].append(stored)
        self._commands[commit.command_id] = stored
        return stored

    def _last_position(self) -> int:
        return self._commits[-1].position if self._commits else 0
