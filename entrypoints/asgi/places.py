"""Places for those who hold something while they send: so many for all, fewer for one asker."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from entrypoints.asgi.pace import Pace

LOOK_AGAIN_SECONDS = 1.0
JUDGED_AFTER_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 30.0
FAST = 50_000.0
"""In bytes a second. Who is as fast keeps a place even while others wait."""


class Full(Exception):
    """No place became free in time."""


class Places:
    """Places in one event loop. Where all are taken, the slowest gives way to who waits."""

    def __init__(self, places: int, share: int) -> None:
        self._places = places
        self._share = min(share, places)
        self._paces: set[Pace] = set()
        self._held: Counter[str] = Counter()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, asker: str, pace: Pace) -> AsyncIterator[None]:
        """Hold a place, after waiting for one. Raises Full where that takes too long."""
        await self._wait(asker)
        self._paces.add(pace)
        self._held[asker] += 1
        try:
            yield
        finally:
            self._free(asker, pace)

    async def _wait(self, asker: str) -> None:
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                while not self._has_room(asker):
                    await self._look_again()
        except TimeoutError:
            raise Full from None

    def _has_room(self, asker: str) -> bool:
        if self._held[asker] >= self._share:
            return False
        if len(self._paces) < self._places:
            return True
        self._cut_slowest()
        return False

    def _cut_slowest(self) -> None:
        slow = [
            pace
            for pace in self._paces
            if not pace.is_cut and pace.seconds > JUDGED_AFTER_SECONDS and pace.rate < FAST
        ]
        if slow:
            min(slow, key=lambda pace: pace.rate).cut()

    async def _look_again(self) -> None:
        """Wait until a place is freed, or for a while: who is slow shows with time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                await self._freed.wait()

    def _free(self, asker: str, pace: Pace) -> None:
        self._paces.discard(pace)
        self._held[asker] -= 1
        self._held += Counter()  # forgets who holds none
        self._freed.set()
        self._freed = asyncio.Event()
