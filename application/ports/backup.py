"""Backups of all stores but read models, which are made again from the logs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

DESTROYED = "records/destroyed"
"""The name of the piece that lists the subjects of destroyed keys, as JSON."""
KEYS = "keys/"
"""How the names of pieces begin that open the others: the vault, its epochs, the secret."""


class BackupRefused(Exception):
    """A backup cannot be made, or not be restored here. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class BackupPiece:
    """A named part of a backup. Its chunks are read once, and have ``size`` bytes in all."""

    name: str
    size: int
    chunks: Iterator[bytes]

    @property
    def is_key(self) -> bool:
        return self.name.startswith(KEYS)


class InstanceStores(Protocol):
    """The stores of one kind that hold events, keys, credentials and the state of subscribers.

    From ``begin`` to ``end``, no process of the instance can start. Methods raise BackupRefused.
    """

    @property
    def kind(self) -> str:
        """The kind of the stores. A backup is restored into the same kind."""
        ...

    def snapshot(self) -> AbstractContextManager[Iterator[BackupPiece]]:
        """Yield all pieces as they were at one moment, while others go on writing."""
        ...

    def occupied(self) -> str:
        """Return what is stored here already, or an empty text."""
        ...

    def begin(self) -> None:
        """Mark the stores as not restored yet, durably, and then empty them."""
        ...

    def put(self, piece: BackupPiece) -> None:
        """Store a piece of a snapshot durably."""
        ...

    def is_restoring(self) -> bool:
        """Return whether a restore was begun and not ended."""
        ...

    def destroyed_since(self) -> set[str]:
        """Return the subjects whose key was destroyed after the records that were put last were
        copied: the keys are newer, if an older backup was restored."""
        ...

    def end(self) -> None:
        """Remove the mark."""
        ...


class NewBackup(Protocol):
    """A backup that is being written."""

    def add(self, piece: BackupPiece) -> None: ...

    def spool(self) -> IO[bytes]:
        """Return an empty file where the backup is written. It is deleted when it is closed."""
        ...


class StoredBackup(Protocol):
    """A backup that was written. Methods raise BackupRefused if it is incomplete or was changed."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """The kind of the stores it was made of."""
        ...

    def pieces(self) -> Iterator[BackupPiece]:
        """Yield the pieces: the keys first. Raises after the last one at the latest."""
        ...
