"""Verify a log a little at a time, again and again, while it grows."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from application.engine.log_seals import LogSeals, next_running_hash
from application.engine.verify import faults_of_columns
from application.ports.codec import EventCodec
from application.ports.event_store import EventStore, SealedHead, StoredCommit
from application.ports.unavailable import Unavailable

PAUSE = timedelta(days=1)
"""The least time from the beginning of a walk through the log to the next."""


class RollingVerification:
    """Walks through one log, waits at its end for new commits, and begins anew after a day.

    It checks the seals, positions and columns of all commits, and that their running hash is the
    one that was sealed. It does not keep the heads of streams, as ``verify_log`` does, because a
    log may have millions.
    """

    def __init__(
        self, store: EventStore, codec: EventCodec, seals: LogSeals, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._codec = codec
        self._seals = seals
        self._clock = clock
        self._earlier: dict[str, None] = {}
        self.is_complete = False
        self.checked_at: datetime | None = None
        self.sealed: int | None = None
        self._begin()

    @property
    def faults(self) -> Sequence[str]:
        """What this walk and the one before found, without the names of streams."""
        return tuple(self._earlier | self._found)

    def step(self, commits: int) -> bool:
        """Verify the next commits. Returns whether there were any. Raises StoreUnavailable."""
        self._look_at_sealed_head()
        self.checked_at = self._clock()
        if (found := self._read(commits)) is None:
            return False
        try:
            for commit in found:
                self._check(commit)
        except Exception as error:  # noqa: BLE001 - a forged commit may raise anything
            self._note(f"a commit cannot be read ({type(error).__name__})")
        if not found:
            self._end()
        return bool(found)

    def _begin(self) -> None:
        self.position = 0
        self._running = self._seals.start(self._store.log).running
        self._awaited: SealedHead | None = None
        self._found: dict[str, None] = {}
        self._began_at = self._clock()

    def _read(self, commits: int) -> Sequence[StoredCommit] | None:
        """Return the next commits, or None if one of them cannot be read."""
        try:
            return self._store.read_log(self.position, commits)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a forged commit may raise anything
            self._note(f"a commit cannot be read ({type(error).__name__})")
            return None

    def _check(self, commit: StoredCommit) -> None:
        for what in self._faults_of(commit):
            self._note(what)
        self._running = next_running_hash(self._running, commit)
        self.position = commit.position
        awaited = self._awaited
        if awaited and self.position >= awaited.position:
            self._awaited = None
            if (self.position, self._running) != (awaited.position, awaited.running):
                self._note("the log is not what was sealed")

    def _faults_of(self, commit: StoredCommit) -> Iterator[str]:
        if not self._seals.is_genuine(self._store.log, commit):
            yield "a commit was not written with this instance's secret, or was changed since"
        if commit.position != self.position + commit.size:
            yield "positions are missing or repeated"
        for what in faults_of_columns(self._codec, self._store.log, commit):
            yield f"of a commit, {what}"

    def _look_at_sealed_head(self) -> None:
        """Note a sealed head that was changed. Await it if this walk has not come so far."""
        head = self._store.sealed_head()
        if head is None:
            self._note("its sealed head was removed")
        elif not self._seals.is_genuine_head(self._store.log, head):
            self._note("its sealed head was changed")
        else:
            self.sealed = head.position
            if self._awaited is None and head.position > self.position:
                self._awaited = head

    def _end(self) -> None:
        """Finish the walk, or wait for more: the end must be as far as the sealed head."""
        if self._awaited:
            self._note("its end was cut off since it was sealed")
        self.is_complete = True
        if self._clock() - self._began_at > PAUSE:
            self._earlier = self._found
            self._begin()

    def _note(self, what: str) -> None:
        self._found[what] = None
