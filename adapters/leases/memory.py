"""Leases among the threads of one process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from application.ports.leases import LeaseRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    holder: str
    number: int
    since: float
    until: float


class MemoryLeases:
    """Leases in a dict. ``clock`` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._leases: dict[str, _Taken] = {}

    def acquire(self, name: str, holder: str, seconds: float) -> bool:
        with self._lock:
            now, taken = self._clock(), self._leases.get(name)
            if taken is None or now >= taken.until:
                number = taken.number + 1 if taken else 1
                taken = _Taken(holder=holder, number=number, since=now, until=now)
            if taken.holder != holder:
                return False
            self._leases[name] = replace(taken, until=now + seconds)
            return True

    def release(self, name: str, holder: str) -> None:
        with self._lock:
            if self.holder(name) == holder:
                self._leases[name] = replace(self._leases[name], until=self._clock())

    def holder(self, name: str) -> str | None:
        taken = self._leases.get(name)
        return taken.holder if taken and self._clock() < taken.until else None

    def list(self) -> dict[str, LeaseRecord]:
        now = self._clock()
        return {
            name: LeaseRecord(
                holder=taken.holder if now < taken.until else None,
                number=taken.number,
                held_seconds=now - taken.since,
            )
            for name, taken in self._leases.copy().items()
        }
