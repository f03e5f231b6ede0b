"""Read the body of a request as it arrives."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from io import BytesIO
from typing import Any

from entrypoints.asgi.pace import Pace

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MOST_DRAINED = 32_000_000


class Body:
    """Reads a body in the event loop, piece by piece, if the client is fast enough.

    ``next`` raises TimeoutError for a slow client and ConnectionResetError for one that has
    disconnected. Both are OSErrors, as when reading from a socket.
    """

    def __init__(self, receive: Receive, *, is_empty: bool) -> None:
        self._receive = receive
        self.pace = Pace()
        self.received = 0
        self.ended = is_empty

    async def next(self) -> bytes:
        """Return the next bytes, or none at the end."""
        while not self.ended:
            message = await self._next_message()
            self.ended = not message.get("more_body", False)
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            if piece := message.get("body", b""):
                self.received += len(piece)
                self.pace.moved(len(piece))
                return bytes(piece)
        return b""

    async def begin(self, size: int) -> bytes:
        """Return at least ``size`` bytes, or all if there are fewer."""
        pieces = bytearray()
        while len(pieces) < size and (piece := await self.next()):
            pieces += piece
        return bytes(pieces)

    async def drain(self) -> None:
        """Read and discard the rest, within bounds.

        Closing a connection with unread bytes resets it. A browser that is still sending would then
        not receive the reply.
        """
        try:
            while self.received < MOST_DRAINED and await self.next():
                pass
        except OSError:
            return

    async def _next_message(self) -> Message:
        try:
            return await self.pace.keep(self._receive)
        except TimeoutError:
            self.ended = True
            raise


class BodyFile:
    """A body as a file (``wsgi.input``), for a thread outside the event loop."""

    def __init__(self, body: Body, begun: bytes) -> None:
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._piece = BytesIO(begun)

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; without a size, the rest."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 16), b""))
        return self._piece.read(size) or self._next().read(size)

    def _next(self) -> BytesIO:
        arriving = asyncio.run_coroutine_threadsafe(self._body.next(), self._loop)
        self._piece = BytesIO(arriving.result())
        return self._piece
