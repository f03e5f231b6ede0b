"""Serve a WSGI application over ASGI, so that slow clients hold no thread.

A body is read before the request takes a thread, and the reply is sent after it gave the thread
back. Clients below a minimum rate are disconnected. Large uploads hold a thread of a pool of their
own. Streams share a few threads, and hold none while they have nothing to send.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from entrypoints.asgi.bell import Bell
from entrypoints.asgi.body import Body, BodyFile, Receive
from entrypoints.asgi.environ import REFUSAL, WAKE, wsgi_environment
from entrypoints.asgi.pace import Pace
from entrypoints.asgi.places import ClientPlaces, Full
from entrypoints.asgi.pool import Pool
from entrypoints.asgi.reply import Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

UPLOADS = ("/v1/uploads", "/report/")
"""Where bodies are large: uploads, and the site's forms with evidence."""
BEGINNING = 1 << 16
"""In bytes: so much of any body can wait in memory without a place."""
BODIES = 64
"""How many larger bodies can wait in memory at a time."""
SHARE = 8
"""How many bodies one address can send at a time."""
READER_PAUSE_SECONDS = 60.0
"""A browser that plays a video stops reading when its buffer is full."""
STREAM_THREADS = 2
STREAM_PAUSE_SECONDS = 15.0
"""After this a stream is continued, so that it can show that it is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much a process can do at a time."""

    threads: int
    uploads: int
    largest_body: int


@dataclass(slots=True)
class Exchange:
    """A request, and the functions to receive from and send to its client."""

    scope: Scope
    receive: Receive
    send: Send
    body: Body
    length: int
    """As announced; 0 if it is not."""
    waits: bool
    """Whether the client sends its body only on request (``Expect: 100-continue``)."""
    bell: Bell
    """Continues the reply if it is a stream."""


class Front:
    """The ASGI application.

    ``asker`` identifies the client of a request. ``lifespan`` is entered when the server starts,
    and left when it has stopped."""

    def __init__(
        self,
        app: "WSGIApplication",
        capacity: Capacity,
        asker: Callable[[Scope], str],
        lifespan: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._app = app
        self._largest_body = capacity.largest_body
        self._asker = asker
        self._lifespan = lifespan
        self._work = Pool("work", capacity.threads)
        self._uploads = Pool("upload", capacity.uploads)
        self._streams = Pool("stream", STREAM_THREADS)
        self._upload_places = ClientPlaces(capacity.uploads, SHARE)
        self._body_places = ClientPlaces(BODIES, SHARE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            try:
                await self._serve(_exchange(scope, receive, send))
            except (TimeoutError, ConnectionError):
                return

    async def _live(self, receive: Receive, send: Send) -> None:
        """Enter and leave ``lifespan``. A server that is not told of a failure would serve on."""
        await receive()
        with ExitStack() as stack:
            try:
                stack.enter_context(self._lifespan())
            except Exception as error:
                log.exception("the process cannot start")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, exchange: Exchange) -> None:
        if exchange.scope["path"].startswith(UPLOADS) and not exchange.body.ended:
            reply = await self._receive_upload(exchange)
        else:
            content, refusal = await self._read(exchange)
            reply = await self._ask(exchange, self._work, BytesIO(content), refusal)
        try:
            await self._send(exchange, reply)
        finally:
            if not reply.ended:
                await self._work.run(reply.close)

    async def _read(self, exchange: Exchange) -> tuple[bytes, str]:
        """Return the whole body, or the code of the problem with it."""
        body, largest = exchange.body, self._largest_body
        if exchange.length > largest:
            return b"", "too-large"
        try:
            content = await body.begin(BEGINNING)
            if not body.ended:
                async with self._body_places.hold(self._asker(exchange.scope), body.pace):
                    content += await body.begin(largest + 1 - len(content))
        except TimeoutError:
            return b"", "too-slow"
        except Full:
            return b"", "too-busy"
        return (content, "") if len(content) <= largest else (b"", "too-large")

    async def _receive_upload(self, exchange: Exchange) -> Reply:
        """Answer an upload. A thread reads a large body as it arrives, a small one afterwards."""
        body, pool = exchange.body, self._uploads
        try:
            begun = await body.begin(BEGINNING)
            if body.ended:
                return await self._ask(exchange, pool, BytesIO(begun))
            async with self._upload_places.hold(self._asker(exchange.scope), body.pace):
                return await self._ask(exchange, pool, BodyFile(body, begun))
        except TimeoutError:
            return await self._ask(exchange, self._work, BytesIO(), "too-slow")
        except Full:
            return await self._ask(exchange, self._work, BytesIO(), "too-busy")

    async def _ask(
        self, exchange: Exchange, pool: Pool, content: BytesIO | BodyFile, refusal: str = ""
    ) -> Reply:
        """Return the reply of the application once it has begun."""
        environ = wsgi_environment(exchange.scope, content)
        environ[REFUSAL], environ[WAKE] = refusal, exchange.bell.ring
        reply = Reply(self._app, environ)
        await pool.run(reply.begin)
        return reply

    async def _send(self, exchange: Exchange, reply: Reply) -> None:
        if exchange.body.received or not exchange.waits:
            await exchange.body.drain()
        await exchange.send(_start(reply))
        if reply.is_stream:
            await self._send_stream(exchange, reply)
            return
        if not reply.ended:
            await self._send_pieces(exchange, reply)
        if reply.ended:
            await exchange.send(_content(reply.piece))

    async def _send_pieces(self, exchange: Exchange, reply: Reply) -> None:
        """Send all pieces but the last, unless the client leaves: nobody would read the rest."""
        leaving = asyncio.ensure_future(_disconnected(exchange.receive))
        pace = Pace(READER_PAUSE_SECONDS)
        try:
            while not (reply.ended or leaving.done()):
                await pace.keep(partial(exchange.send, _content(reply.piece, more=True)))
                pace.moved(len(reply.piece))
                await self._work.run(reply.next)
        finally:
            leaving.cancel()

    async def _send_stream(self, exchange: Exchange, reply: Reply) -> None:
        """Send the stream until it ends or the client leaves, which is noticed at once."""
        bell = exchange.bell
        leaving = asyncio.ensure_future(_disconnected(exchange.receive))
        leaving.add_done_callback(bell.ring)
        try:
            while not (reply.ended or leaving.done()):
                bell.reset()
                await self._streams.run(reply.next)
                if reply.piece:
                    await Pace().keep(partial(exchange.send, _content(reply.piece, more=True)))
                if reply.waits:
                    await bell.wait(STREAM_PAUSE_SECONDS)
        finally:
            leaving.cancel()
        await exchange.send(_content(b""))


def _exchange(scope: Scope, receive: Receive, send: Send) -> Exchange:
    headers = dict(scope["headers"])
    length = int(headers.get(b"content-length", b"0"))
    body = Body(receive, is_empty=not length and b"transfer-encoding" not in headers)
    waits = headers.get(b"expect", b"").lower() == b"100-continue"
    return Exchange(scope, receive, send, body, length, waits, Bell())


def _start(reply: Reply) -> dict[str, Any]:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers
    ]
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


def _content(piece: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": piece, "more_body": more}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
