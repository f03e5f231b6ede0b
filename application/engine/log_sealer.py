"""Seal the head of a log every few seconds, so that a removed end is detected."""

import logging
import time
from collections.abc import Mapping, Sequence

from application.engine.log_seals import LogSeals, next_running_hash
from application.ports.event_store import EventStore, SealedHead, StoredCommit

log = logging.getLogger(__name__)

COMMITS_A_STEP = 1000
SECONDS_A_SEAL = 5.0


class LogTampered(Exception):
    """A log was changed in the database. ``klarity verify`` shows what and where."""


class LogSealer:
    """Computes the running hash of one log and seals it. It does not seal a changed commit."""

    def __init__(self, store: EventStore, seals: LogSeals) -> None:
        self._store = store
        self._seals = seals
        self._seen = seals.start(store.log)
        self._sealed_at = -SECONDS_A_SEAL
        self.name = f"seal.{store.log}"

    def step(self) -> bool:
        """Seal the head, unless that was done less than SECONDS_A_SEAL ago.

        Returns whether there is more to seal. Raises StoreUnavailable or LogTampered.
        """
        if time.monotonic() - self._sealed_at < SECONDS_A_SEAL:
            return False
        more = self._seal()
        if not more:
            self._sealed_at = time.monotonic()
        return more

    def leave(self) -> None:
        """Seal the head of the log as it is now."""
        try:
            while self._seal():
                pass
        except LogTampered:
            log.exception("%s could not be sealed", self._store.log)

    def lag(self) -> int:
        """Return how many events are not sealed yet, of those that have a position."""
        return self._store.last_position() - self.progress()[self._store.log]

    def progress(self) -> Mapping[str, int]:
        """Return the position of the last sealed event by log: there is one."""
        head = self._store.sealed_head()
        return {self._store.log: head.position if head else 0}

    def _seal(self) -> bool:
        head = self._last()
        commits = self._store.read_log(head.position, COMMITS_A_STEP)
        if commits:
            self._store.seal(self._moved(head, commits))
        return len(commits) == COMMITS_A_STEP

    def _last(self) -> SealedHead:
        """Return the sealed head to continue from. Raises LogTampered if it moved back."""
        head = self._store.sealed_head()
        if head is None or not self._seals.is_genuine_head(self._store.log, head):
            raise LogTampered(f"{self._store.log}: the sealed head was changed")
        if head.position < self._seen.position or head.position > self._store.last_position():
            raise LogTampered(f"{self._store.log}: its end was cut off")
        self._seen = head
        return head

    def _moved(self, head: SealedHead, commits: Sequence[StoredCommit]) -> SealedHead:
        position, running = head.position, head.running
        for commit in commits:
            if commit.position != position + commit.size or not self._seals.is_genuine(
                self._store.log, commit
            ):
                raise LogTampered(f"{self._store.log}: the commit after {position} was forged")
            position, running = commit.position, next_running_hash(running, commit)
        return self._seals.head(self._store.log, position, running)
