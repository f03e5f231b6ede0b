"""Wake a coroutine from any thread."""

import asyncio
from contextlib import suppress


class Bell:
    """A signal that stays set until it is reset. Make it in the event loop that waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self, *_: object) -> None:
        """Set the signal. Any thread may call this."""
        # The loop is closed if the process is ending.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._rung.set)

    def reset(self) -> None:
        self._rung.clear()

    async def wait(self, seconds: float) -> None:
        """Wait for the signal, but not longer than this."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
