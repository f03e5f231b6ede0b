"""The log of one context: its source of truth and its outbox."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.ports.unavailable import Unavailable

GENESIS = bytes(32)


class StreamConflict(Exception):
    """Somebody else appended to the stream first; nothing was written."""


class AlreadyDone(Exception):
    """A commit with this command id is in the log already; nothing was written."""

    def __init__(self, commit: "StoredCommit") -> None:
        super().__init__(commit.command_id)
        self.commit = commit


class StoreUnavailable(Unavailable):
    """The store cannot be reached just now, or did not confirm in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a stream ends: what its next commit builds upon. It comes from ``load``."""

    version: int = 0
    hash: bytes = GENESIS
    stamp: int = 0


NOTHING = Head()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """All events of one command, to be appended as one.

    ``size`` is how many events ``body`` (their encoded form, opaque to the store) holds. ``stamp``
    is in microseconds since 1970 and greater than that of ``head``.
    """

    stream: str
    head: Head
    size: int
    stamp: int
    command_id: str
    body: bytes


@dataclass(slots=True, kw_only=True)
class StoredCommit:
    """A commit as the log holds it.

    ``first`` is the version in its stream of its first event (from 1). ``position`` is that of its
    *last* event in the log (from 1), or 0 where it is not numbered yet.
    ``hash`` is ``sha256(before + body)``, where ``before`` is the hash of the stream's commit
    before, or ``sha256(stream)``. ``seal`` vouches for all of it but the position.
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
        """The version of its last event."""
        return self.first + self.size - 1

    @property
    def head(self) -> Head:
        return Head(version=self.last, hash=self.hash, stamp=self.stamp)


@dataclass(frozen=True, slots=True)
class SealedHead:
    """How far a log was sealed: its running hash over positions and commits, and a seal on that."""

    position: int
    running: bytes
    seal: bytes


class EventStore(Protocol):
    """One log: streams of commits, and all of them in one gapless order."""

    @property
    def log(self) -> str:
        """The log's name."""
        ...

    def append(self, commit: NewCommit) -> StoredCommit:
        """Store the commit durably after the stream's head.

        Raises StreamConflict, AlreadyDone or StoreUnavailable; after the last one the commit may
        or may not be stored, and the same command id tells which when it is tried again.
        """
        ...

    def load(
        self, stream: str, *, upto: int | None = None, until: datetime | None = None
    ) -> list[StoredCommit]:
        """Return the stream's commits, oldest first: all, those that begin at or below version ``upto``,
        or those stamped at or before ``until``. Empty where there is no such stream."""
        ...

    def read_log(self, after: int, limit: int) -> list[StoredCommit]:
        """Return the numbered commits whose last event stands after the position, in log order.

        At most ``limit`` commits. Positions have no gaps, follow the order within each stream, and
        never change; a commit that was not numbered yet is numbered by this call.
        """
        ...

    def find_command(self, command_id: str) -> StoredCommit | None:
        """Return the commit that the command led to."""
        ...

    def position_of(self, stream: str, version: int) -> int | None:
        """Return the log position of an event, numbering it if need be; None where there is none."""
        ...

    def last_position(self) -> int:
        """Return the position of the newest numbered event; 0 for an empty log."""
        ...

    def sealed_head(self) -> SealedHead | None:
        """Return the newest sealed head. There always is one; None shows that it was taken away."""
        ...

    def seal(self, head: SealedHead) -> None:
        """Durably replace the sealed head, if this one is further on."""
        ...

    def strays(self) -> list[StoredCommit]:
        """Commits that ``read_log`` will never show: somebody else has written them or moved
        them."""
        ...

    def on_append(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` soon after anything is appended, by any process. Returns how to stop.

        ``wake`` must be quick. It may be called too often, and after a fault too rarely: poll too.
        """
        ...

    def close(self) -> None:
        """Let go of threads, files and connections."""
        ...
