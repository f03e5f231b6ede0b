"""Leases: they elect one of several processes for a task."""

from typing import Protocol


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
