"""The event log of one context. It is the source of truth and the outbox."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from application.ports.unavailable import Unavailable

GENESIS = bytes(32)


class StreamConflict(Exception):
    """Another commit was appended to the stream first; nothing was written."""


class AlreadyDone(Exception):
    """A commit with this command id is in the log already; nothing was written."""

    def __init__(self, commit: "StoredCommit") -> None:
        super().__init__(commit.command_id)
        self.commit = commit


class StoreUnavailable(Unavailable):
    """The store is unavailable, or did not confirm in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a stream, as ``load`` returned it. The next commit is appended to it."""

    version: int = 0
    hash: bytes = GENESIS
    stamp: int = 0


NOTHING = Head()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """The events of one command, appended atomically.

    ``body`` is the encoded events, opaque to the store; ``size`` is their number. ``stamp`` is the
    time in microseconds since 1970, greater than that of ``head``. It is beside the body, because
    the body is public.
    """

    stream: str
    head: Head
    size: int
    stamp: int
    command_id: str
    body: bytes


@dataclass(slots=True, kw_only=True)
class StoredCommit:
    """A commit in the log.

    ``first`` is the stream version of its first event (from 1). ``position`` is the log position of
    its *last* event (from 1), or 0 before it is numbered. ``hash`` is ``sha256(before + body)``,
    where ``before`` is the hash of the previous commit of the stream, or ``sha256(stream)``.
    ``seal`` authenticates everything except the position.
    """

    stream: str
    first: int
    size: int
    stamp: int
    command_id: str
    body: bytes
    hash: bytes
    position: int = 0
    seal: bytes = b""

    @property
    def last(self) -> int:
        """The stream version of its last event."""
        return self.first + self.size - 1

    @property
    def head(self) -> Head:
        return Head(version=self.last, hash=self.hash, stamp=self.stamp)


@dataclass(frozen=True, slots=True)
class SealedHead:
    """An authenticated running hash over the commits and their positions, up to ``position``."""

    position: int
    running: bytes
    seal: bytes


class EventStore(Protocol):
    """One log: commits in streams, and all of them in one order of positions without gaps."""

    @property
    def log(self) -> str:
        """The name of the log."""
        ...

    def append(self, commit: NewCommit) -> StoredCommit:
        """Append the commit durably to the stream's head.

        Raises StreamConflict, AlreadyDone or StoreUnavailable. After StoreUnavailable the commit
        may be stored or not; a retry with the same command id raises AlreadyDone if it is.
        """
        ...

    def load(self, stream: str, *, upto: int | None = None) -> list[StoredCommit]:
        """Return the stream's commits, oldest first; empty if the stream does not exist.

        ``upto`` leaves out commits that begin after that version.
        """
        ...

    def read_log(self, after: int, limit: int) -> list[StoredCommit]:
        """Return numbered commits whose last event is after the position, in log order.

        There are at most ``limit`` of them. Commits without positions are numbered first. Positions
        have no gaps, follow the order within each stream, and never change.
        """
        ...

    def find_command(self, command_id: str) -> StoredCommit | None:
        """Return the commit of the command, or None."""
        ...

    def position_of(self, stream: str, version: int) -> int | None:
        """Return the log position of an event, numbered first if needed; None if it is missing."""
        ...

    def last_position(self) -> int:
        """Return the position of the newest numbered event; 0 for an empty log."""
        ...

    def sealed_head(self) -> SealedHead | None:
        """Return the newest sealed head. A store always has one; None means that it was removed."""
        ...

    def seal(self, head: SealedHead) -> None:
        """Replace the sealed head durably, unless the stored one is further on."""
        ...

    def strays(self) -> list[StoredCommit]:
        """Return the commits that ``read_log`` never returns: written or moved by another
        program."""
        ...

    def on_append(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` soon after an append, by any process. Returns a function that ends this.

        ``wake`` must be quick. It may be called too often, and too rarely after a fault, so callers
        poll, too.
        """
        ...

    def close(self) -> None:
        """Release threads, files and connections."""
        ...
