"""The minimum rate of a client."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

GRACE_SECONDS = 20.0
LEAST_RATE = 2_000.0
"""In bytes per second. Even GPRS is faster."""


class Pace:
    """Waits for a client, and raises TimeoutError if the client is too slow.

    After some seconds the average must be at least ``LEAST_RATE``, and no pause may exceed
    ``pause``. Only time spent waiting for the client counts.
    """

    def __init__(
        self, pause: float = GRACE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pause = pause
        self._clock = clock
        self._limit: asyncio.Timeout | None = None
        self._waits_since: float | None = None
        self._waited = 0.0
        self._moved = 0
        self.is_cut = False

    async def keep(self, move: Callable[[], Awaitable[T]]) -> T:
        """Await the next bytes, which ``move`` receives or sends."""
        if self.is_cut:
            raise TimeoutError
        self._waits_since = self._clock()
        try:
            async with asyncio.timeout(self.patience) as self._limit:
                return await move()
        finally:
            self._waited, self._waits_since = self.seconds, None

    def moved(self, size: int) -> None:
        """Count bytes received or sent."""
        self._moved += size

    def cut(self) -> None:
        """Treat the client as too slow from now on."""
        self.is_cut = True
        if self._limit and self._waits_since is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())

    @property
    def seconds(self) -> float:
        """The seconds spent waiting for the client so far."""
        since = self._waits_since
        return self._waited + (self._clock() - since if since is not None else 0.0)

    @property
    def rate(self) -> float:
        """The average rate so far, in bytes per second."""
        return self._moved / max(self.seconds, 1e-3)

    @property
    def patience(self) -> float:
        """The seconds that the next bytes may take; 0 if the client is too slow already."""
        allowed = self._pause + self._moved / LEAST_RATE
        return max(0.0, min(self._pause, allowed - self.seconds))
