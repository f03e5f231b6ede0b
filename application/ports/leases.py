"""Who of several processes does a thing that one alone should do."""

from typing import Protocol


class Leases(Protocol):
    """Named leases that run out by themselves. A lease saves work; what must never happen twice
    is fenced by checkpoints, for a holder may be paused past its lease's end without noticing."""

    def acquire(self, name: str, holder: str, seconds: float) -> bool:
        """Take the lease, or prolong it where ``holder`` has it; False where another has it."""
        ...

    def release(self, name: str, holder: str) -> None:
        """Give the lease back, if ``holder`` has it."""
        ...

    def holder(self, name: str) -> str | None:
        """Who has the lease just now."""
        ...
