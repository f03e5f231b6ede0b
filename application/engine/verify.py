"""Verify logs: recompute the chains, check the seals, compare the columns with the bodies."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from application.engine.log_seals import LogSeals, chained, next_running_hash
from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec
from application.ports.event_store import NOTHING, EventStore, Head, SealedHead, StoredCommit
from application.ports.unavailable import Unavailable

COMMITS_A_READ = 1000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A difference from what was appended: in a stream, or in the log as a whole."""

    stream: str
    version: int
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The faults of a log, its last position, and its running hash there.

    Store position and running hash outside of the database, for the next verification.
    """

    faults: list[Fault]
    position: int
    running: bytes


def verify_log(
    store: EventStore,
    codec: EventCodec,
    seals: LogSeals,
    *,
    earlier: Mapping[int, bytes] | None = None,
    progress: Progress = lambda *_: None,
) -> Verified:
    """Find all faults of a log.

    ``earlier`` holds the running hashes of earlier verifications, by their last position.
    ``progress`` is called with the number of verified events and of all events.
    """
    return _Verification(store, codec, seals, earlier or {}).run(progress)


def verify_checkpoints(
    checkpoints: Mapping[str, Checkpoint], stores: Mapping[str, EventStore]
) -> list[Fault]:
    """Find checkpoints after the end of a log: the log was longer once.

    Load the checkpoints before calling this, because the logs grow meanwhile.
    """
    ends = {log: store.last_position() for log, store in stores.items()}
    return [
        Fault(name, position, f"its position is after the end of {log}: events were removed")
        for name, checkpoint in checkpoints.items()
        for log, position in checkpoint.positions.items()
        if position > ends.get(log, position)
    ]


def faults_of_columns(codec: EventCodec, log: str, commit: StoredCommit) -> Iterator[str]:
    """Compare the columns of a commit with its body, which holds the same values."""
    try:
        meta = codec.meta(commit)
        size = len(codec.events(log, commit))
    except Exception:  # noqa: BLE001 - a forged commit may raise anything
        yield "its body cannot be read"
        return
    pairs = {
        "its stream is": (commit.stream, meta.stream),
        "its version is": (commit.first, meta.first),
        "its number of events is": (commit.size, size),
        "its command id is": (commit.command_id, meta.command_id),
    }
    for what, (beside, inside) in pairs.items():
        if beside != inside:
            yield f"{what} not what its body says"


class _Verification:
    """One walk through a log."""

    def __init__(
        self,
        store: EventStore,
        codec: EventCodec,
        seals: LogSeals,
        earlier: Mapping[int, bytes],
    ) -> None:
        self._store = store
        self._codec = codec
        self._seals = seals
        self._earlier = earlier
        self._heads: dict[str, Head] = {}
        self._faults: list[Fault] = []
        self._position = 0
        self._running = seals.start(store.log).running
        self._running_at = {0: self._running}

    def run(self, progress: Progress) -> Verified:
        total, sealed = self._store.last_position(), self._store.sealed_head()
        awaited = {*self._earlier, sealed.position if sealed else 0}
        for commit in self._commits():
            if not self._check(commit):
                break
            if commit.position in awaited:
                self._running_at[commit.position] = self._running
            progress(self._position, max(total, self._position))
        self._check_end(total)
        self._check_sealed_head(sealed)
        for position, running in self._earlier.items():
            self._check_running_hash(position, running, "was verified")
        for stray in self._store.strays():
            self._note(stray.stream, stray.first, "it has no place in the order of the log")
        return Verified(self._faults, self._position, self._running)

    def _commits(self) -> Iterator[StoredCommit]:
        """Yield the commits of the log. One that cannot be read is a fault, and the end."""
        limit = COMMITS_A_READ
        while True:
            try:
                commits = self._store.read_log(self._position, limit)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a forged commit may raise anything
                if limit == 1:
                    what = f"what follows cannot be read ({type(error).__name__})"
                    self._note(self._store.log, self._position, what)
                    return
                limit = 1
                continue
            if not commits:
                return
            yield from commits

    def _check(self, commit: StoredCommit) -> bool:
        """Note the faults of a commit. Returns whether the walk can continue after it."""
        try:
            for what in self._faults_of(commit, self._heads.get(commit.stream, NOTHING)):
                self._note(commit.stream, commit.first, what)
            self._running = next_running_hash(self._running, commit)
        except Exception as error:  # noqa: BLE001 - a forged commit may raise anything
            what = f"it cannot be read ({type(error).__name__}), nor is what follows it in the log"
            self._note(commit.stream, commit.first, what)
            return False
        self._heads[commit.stream] = commit.head
        self._position = commit.position
        return True

    def _faults_of(self, commit: StoredCommit, head: Head) -> Iterator[str]:
        if chained(head, commit.stream, commit.body) != commit.hash:
            yield "its bytes or its hash were changed, or it does not belong there"
        if not self._seals.is_genuine(self._store.log, commit):
            yield "it was not written with this instance's secret, or was changed since"
        if commit.first != head.version + 1:
            yield "versions are missing or repeated before it"
        if commit.position != self._position + commit.size:
            yield "positions are missing or repeated before it"
        yield from faults_of_columns(self._codec, self._store.log, commit)

    def _check_end(self, total: int) -> None:
        if self._position < total:
            self._note(self._store.log, self._position, "events are missing after it")
        if self._store.last_position() < self._position:
            self._note(self._store.log, self._position, "the log's counter was set back")

    def _check_sealed_head(self, head: SealedHead | None) -> None:
        if head is None:
            self._note(self._store.log, 0, "its sealed head was removed")
        elif not self._seals.is_genuine_head(self._store.log, head):
            self._note(self._store.log, head.position, "its sealed head was changed")
        else:
            self._check_running_hash(head.position, head.running, "was sealed")

    def _check_running_hash(self, position: int, running: bytes, when: str) -> None:
        if position > self._position:
            self._note(self._store.log, position, f"its end was cut off since it {when}")
        elif self._running_at.get(position) != running:
            self._note(self._store.log, position, f"the log up to there is not what {when}")

    def _note(self, stream: str, version: int, what: str) -> None:
        self._faults.append(Fault(stream, version, what))
