"""Leases: they elect one of several processes for a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """The state of a lease, for monitoring.

    ``holder`` is None if nobody holds it now. ``number`` is the fencing number: it grows by one
    whenever a free lease is taken. ``held_seconds`` is how long the holder has had it.
    """

    holder: str | None
    number: int
    held_seconds: float


class Leases(Protocol):
    """Named leases that expire. They save work; they do not exclude that two processes act.

    A holder can be paused beyond the end of its lease, so checkpoints fence the writes."""

    def acquire(self, name: str, holder: str, seconds: float) -> bool:
        """Take the lease, or renew one's own. Returns False if another holder has it."""
        ...

    def release(self, name: str, holder: str) -> None:
        """Release the lease if ``holder`` has it."""
        ...

    def holder(self, name: str) -> str | None:
        """Return the present holder, or None."""
        ...

    def list(self) -> Mapping[str, LeaseRecord]:
        """Return every lease that was ever taken, by name."""
        ...
