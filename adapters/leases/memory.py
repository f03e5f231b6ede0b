"""Leases among the threads of one process."""

import time
from collections.abc import Callable
from threading import Lock


class MemoryLeases:
    """Leases in a dict. ``clock`` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._leases: dict[str, tuple[str, float]] = {}

    def acquire(self, name: str, holder: str, seconds: float) -> bool:
        with self._lock:
            if self.holder(name) not in (None, holder):
                return False
            self._leases[name] = (holder, self._clock() + seconds)
            return True

    def release(self, name: str, holder: str) -> None:
        with self._lock:
            if self.holder(name) == holder:
                del self._leases[name]

    def holder(self, name: str) -> str | None:
        holder, until = self._leases.get(name, (None, 0.0))
        return holder if self._clock() < until else None
