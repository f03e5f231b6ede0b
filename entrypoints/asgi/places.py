"""Places for clients that occupy memory or a thread while they send, shared out fairly."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from entrypoints.asgi.pace import Pace

LOOK_AGAIN_SECONDS = 1.0
JUDGED_AFTER_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 30.0
FAST = 50_000.0
"""In bytes per second. A client as fast as this keeps its place even while others wait."""


class Full(Exception):
    """No place became free in time."""


class ClientPlaces:
    """Places in one event loop. If none is free, the slowest client loses its place."""

    def __init__(self, places: int, share: int) -> None:
        self._places = places
        self._share = min(share, places)
        self._held: dict[Pace, str] = {}
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, asker: str, pace: Pace) -> AsyncIterator[None]:
        """Hold a place, after waiting for one. Raises Full if that takes too long."""
        await self._wait(asker)
        self._held[pace] = asker
        try:
            yield
        finally:
            del self._held[pace]
            self._freed.set()
            self._freed = asyncio.Event()

    async def _wait(self, asker: str) -> None:
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                while in_the_way := self._in_the_way(asker):
                    _cut_slowest(in_the_way)
                    await self._look_again()
        except TimeoutError:
            raise Full from None

    def _in_the_way(self, asker: str) -> list[Pace]:
        """Return the holders of which one has to leave before the client gets a place."""
        own = [pace for pace, holder in self._held.items() if holder == asker]
        if len(own) >= self._share:
            return own
        return list(self._held) if len(self._held) >= self._places else []

    async def _look_again(self) -> None:
        """Wait until a place is freed, or for a second: rates change with time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                await self._freed.wait()


def _cut_slowest(paces: Iterable[Pace]) -> None:
    slow = [
        pace
        for pace in paces
        if not pace.is_cut and pace.seconds > JUDGED_AFTER_SECONDS and pace.rate < FAST
    ]
    if slow:
        min(slow, key=lambda pace: pace.rate).cut()
