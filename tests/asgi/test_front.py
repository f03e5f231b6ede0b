"""The front between the network and the WSGI application, with simulated clients."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from threading import Event, current_thread
from typing import Any

import pytest

from entrypoints.asgi import front, pace, places
from entrypoints.asgi.asker import asker_of
from entrypoints.asgi.bell import Bell
from entrypoints.asgi.environ import REFUSAL, WAKE
from entrypoints.asgi.front import BEGINNING, Capacity, Front

CAPACITY = Capacity(threads=2, uploads=2, largest_body=200_000)
UPLOADS = "/v1/uploads"
LEFT = {"type": "http.disconnect"}
PATIENCE = 60.0

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is too slow is so after some milliseconds."""
    monkeypatch.setattr(pace.Pace.__init__, "__defaults__", (0.2, time.monotonic))
    monkeypatch.setattr(front, "READER_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(places, "LOOK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(places, "JUDGED_AFTER_SECONDS", 0.01)


class Peer:
    """A client: ``messages`` are what it sends, one at a time; then it says nothing more."""

    def __init__(self, *messages: dict[str, Any], reads: bool = True) -> None:
        self._messages = list(messages)
        self._reads = reads
        self.got: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        if message.get("more_body") and not self._reads:
            await asyncio.Event().wait()
        self.got.append(message)

    @property
    def status(self) -> int:
        return int(self.got[0]["status"])

    @property
    def content(self) -> bytes:
        return b"".join(message["body"] for message in self.got[1:])


def body(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def scope(path: str = "/", method: str = "POST", client: str = "192.0.2.1", **headers: str) -> Any:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"q=1",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", "8000"),
        "client": (client, "5000"),
        "headers": [(name.replace("_", "-").encode(), headers[name].encode()) for name in headers],
    }


def echo(environ: Environ, start: Any) -> Iterable[bytes]:
    """Answers with the body, or with 400 and the code of the problem."""
    if environ[REFUSAL]:
        start("400 BAD REQUEST", [])
        return [environ[REFUSAL].encode()]
    start("200 OK", [("X-Thread", current_thread().name)])
    return [environ["wsgi.input"].read()]


@contextmanager
def no_lifespan() -> Iterator[None]:
    yield


def fronting(app: App, capacity: Capacity = CAPACITY) -> Front:
    return Front(app, capacity, lambda scope: asker_of(scope, 0), no_lifespan)


def run_together(*parts: Awaitable[Any]) -> None:
    """Run these at the same time, each to its end."""

    async def together() -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*parts)

    asyncio.run(together())


def serve(app: App, asked: Any, peer: Peer) -> Peer:
    run_together(fronting(app)(asked, peer.receive, peer.send))
    return peer


def test_a_body_is_passed_to_the_application_completely() -> None:
    pieces = [body(b"ab", more=True), body(b"", more=True), body(b"c")]
    peer = serve(echo, scope(content_length="3"), Peer(*pieces))
    assert (peer.status, peer.content) == (200, b"abc")
    assert (b"x-thread", b"work") in peer.got[0]["headers"]


def test_a_body_of_unknown_length_is_read_to_its_end() -> None:
    large = bytes(150_000)
    peer = serve(
        echo, scope(transfer_encoding="chunked"), Peer(body(large, more=True), body(b"end"))
    )
    assert peer.content == large + b"end"


@pytest.mark.parametrize(
    ("headers", "pieces"),
    [
        ({"content_length": "200001"}, [body(bytes(200_001))]),
        ({"transfer_encoding": "chunked"}, [body(bytes(150_000), more=True), body(bytes(60_000))]),
    ],
)
def test_a_body_that_is_too_large_is_refused(headers: Any, pieces: Any) -> None:
    assert serve(echo, scope(**headers), Peer(*pieces)).content == b"too-large"


def test_a_refused_body_is_not_requested_with_100_continue() -> None:
    asked = scope(content_length="200001", expect="100-continue")
    assert serve(echo, asked, Peer()).content == b"too-large"


def test_a_body_that_arrives_too_slowly_is_refused() -> None:
    assert serve(echo, scope(content_length="9"), Peer(body(b"a", more=True))).content == (
        b"too-slow"
    )
    asked = scope(UPLOADS, content_length="9")
    assert serve(echo, asked, Peer(body(b"a", more=True))).content == b"too-slow"


def test_a_client_that_disconnects_gets_no_reply() -> None:
    assert serve(echo, scope(content_length="9"), Peer(body(b"a", more=True), LEFT)).got == []


def test_a_slow_upload_passes_on_the_bytes_that_arrived() -> None:
    arrived: list[bytes] = []

    def keep(environ: Environ, start: Any) -> Iterable[bytes]:
        try:
            while piece := environ["wsgi.input"].read(50_000):
                arrived.append(piece)
        except OSError:
            arrived.append(b"slow")
        start("204 NO CONTENT", [])
        return []

    peer = Peer(body(bytes(BEGINNING), more=True), body(bytes(10_000), more=True))
    assert serve(keep, scope(UPLOADS, content_length="9000000"), peer).status == 204
    assert sum(map(len, arrived[:-1])) == BEGINNING + 10_000
    assert arrived[-1] == b"slow"


@pytest.mark.parametrize("path", [UPLOADS, "/report/send"])
def test_an_upload_runs_in_a_thread_for_uploads(path: str) -> None:
    peer = serve(echo, scope(path, content_length="1"), Peer(body(b"a")))
    assert (b"x-thread", b"upload") in peer.got[0]["headers"]


@pytest.mark.parametrize("other", ["192.0.2.1", "192.0.2.2"])
def test_a_slow_upload_is_aborted_for_a_waiting_one(
    other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(environ: Environ, start: Any) -> Iterable[bytes]:
        try:
            environ["wsgi.input"].read()
            start("204 NO CONTENT", [])
        except OSError:
            start("408 REQUEST TIMEOUT", [])
        return []

    monkeypatch.setattr(pace.Pace.__init__, "__defaults__", (PATIENCE, time.monotonic))
    served = fronting(read, replace(CAPACITY, uploads=1))
    begun = body(bytes(BEGINNING), more=True)
    slow, normal = Peer(begun), Peer(begun, body(b"all"))
    run_together(
        served(scope(UPLOADS, content_length="140000"), slow.receive, slow.send),
        served(scope(UPLOADS, content_length="140000", client=other), normal.receive, normal.send),
    )
    assert (slow.status, normal.status) == (408, 204)


def test_a_request_without_a_free_place_is_refused_after_some_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "LONGEST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(places, "JUDGED_AFTER_SECONDS", PATIENCE)
    released = Event()

    def hold(environ: Environ, start: Any) -> Iterable[bytes]:
        if not environ[REFUSAL]:
            assert released.wait(PATIENCE)
        else:
            released.set()
        return echo(environ, start)

    served = fronting(hold)
    begun = body(bytes(BEGINNING), more=True)
    peers = [Peer(begun, body(b"")) for _ in range(3)]
    run_together(
        *(served(scope(UPLOADS, content_length="70000"), peer.receive, peer.send) for peer in peers)
    )
    assert b"too-busy" in {peer.content for peer in peers}


def test_a_large_reply_is_sent_in_parts() -> None:
    def app(_environ: Environ, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return iter([bytes(200_000)] * 4)

    peer = serve(app, scope(method="GET"), Peer())
    assert len(peer.content) == 800_000
    assert len(peer.got) == 4


def test_an_empty_chunk_sends_what_there_is() -> None:
    def app(_environ: Environ, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return iter([b"the head", b"", b"", b"the ", b"rest"])

    peer = serve(app, scope(method="GET"), Peer())
    assert [message["body"] for message in peer.got[1:]] == [b"the head", b"", b"the rest"]


def test_a_reply_without_content_is_sent_at_once() -> None:
    def app(_environ: Environ, start: Any) -> Iterable[bytes]:
        start("204 NO CONTENT", [])
        return iter([b""])

    peer = serve(app, scope(method="GET"), Peer())
    assert [message["body"] for message in peer.got[1:]] == [b""]


def test_a_reply_that_fails_is_not_ended() -> None:
    """The server then breaks the connection off, and the client sees that something is missing."""

    def app(_environ: Environ, start: Any) -> Iterator[bytes]:
        start("200 OK", [])
        yield bytes(300_000)
        raise LookupError("a page")

    peer = Peer()
    with pytest.raises(LookupError):
        serve(app, scope(method="GET"), peer)
    assert [message["more_body"] for message in peer.got[1:]] == [True]


def test_a_client_that_reads_too_slowly_is_disconnected_and_the_reply_closed() -> None:
    class Chunks:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            return iter([bytes(300_000)] * 9)

        def close(self) -> None:
            self.closed = True

    chunks = Chunks()

    def app(_environ: Environ, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return chunks

    peer = serve(app, scope(method="GET"), Peer(reads=False))
    assert len(peer.got) == 1
    assert chunks.closed


def streaming(pieces: Callable[[Environ], Iterator[bytes]]) -> App:
    """An application that answers with a stream of these pieces."""

    def app(environ: Environ, start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/event-stream")])
        return pieces(environ)

    return app


class Leaving(Peer):
    """A client that leaves as soon as it got this content."""

    def __init__(self, last: bytes) -> None:
        super().__init__()
        self._last = last
        self._enough = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._enough.wait()
        return LEFT

    async def send(self, message: dict[str, Any]) -> None:
        await super().send(message)
        if message.get("body") == self._last:
            self._enough.set()


def test_what_a_stream_has_to_send_is_sent_at_once() -> None:
    def pieces(environ: Environ) -> Iterator[bytes]:
        for number in range(3):
            yield from (b"%d" % number, b"a")
            environ[WAKE]()
            yield b""

    peer = serve(streaming(pieces), scope(method="GET"), Peer())
    assert [message["body"] for message in peer.got[1:]] == [b"0a", b"1a", b"2a", b""]


def test_a_stream_waits_without_a_thread_until_it_is_woken() -> None:
    wakes: list[Callable[[], None]] = []

    def pieces(environ: Environ) -> Iterator[bytes]:
        wakes.append(environ[WAKE])
        if len(wakes) == 5:
            for wake in wakes:
                wake()
        yield b""
        yield current_thread().name.encode()

    served, peers = fronting(streaming(pieces)), [Peer() for _ in range(5)]
    run_together(*(served(scope(method="GET"), peer.receive, peer.send) for peer in peers))
    assert [peer.content for peer in peers] == [b"stream"] * 5


def test_a_stream_that_is_not_woken_is_continued_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(front, "STREAM_PAUSE_SECONDS", 0.01)
    app = streaming(lambda _: iter([b"", b"still here"]))
    assert serve(app, scope(method="GET"), Peer()).content == b"still here"


def test_a_stream_is_closed_at_once_when_its_client_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(front, "STREAM_PAUSE_SECONDS", 3600.0)
    closed: list[bool] = []

    def pieces(_: Environ) -> Iterator[bytes]:
        try:
            yield b"begun"
            while True:
                yield b""
        finally:
            closed.append(True)

    async def listen() -> None:
        peer = Leaving(b"begun")
        await fronting(streaming(pieces))(scope(method="GET"), peer.receive, peer.send)

    run_together(listen())
    assert closed == [True]


def test_a_long_reply_ends_when_its_client_leaves() -> None:
    """Nobody would read the rest, and making it takes as long as for a reader."""
    made: list[int] = []

    def app(_environ: Environ, start: Any) -> Iterator[bytes]:
        start("200 OK", [])
        for number in range(100):
            made.append(number)
            yield b"part"
            yield b""

    async def ask() -> None:
        peer = Leaving(b"part")
        await fronting(app)(scope(method="GET"), peer.receive, peer.send)

    run_together(ask())
    assert len(made) < 10


def test_a_bell_of_a_loop_that_has_ended_is_silent() -> None:
    async def make() -> Bell:
        return Bell()

    asyncio.run(make()).ring()


def test_an_error_of_the_application_is_raised() -> None:
    def app(_environ: Environ, _start: Any) -> Iterable[bytes]:
        raise LookupError("no_lifespan")

    with pytest.raises(LookupError):
        serve(app, scope(method="GET"), Peer())


def test_the_environ_describes_the_request() -> None:
    seen: Environ = {}

    def app(environ: Environ, start: Any) -> Iterable[bytes]:
        seen.update(environ)
        return echo(environ, start)

    asked = scope("/v1/%C3%A9", "GET", accept="a")
    asked["headers"] += [(b"accept", b"b"), (b"x_forwarded_for", b"192.0.2.9")]
    serve(app, asked, Peer())
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/v1/é"
    assert seen["HTTP_ACCEPT"] == "a,b"
    assert "HTTP_X_FORWARDED_FOR" not in seen


def test_a_server_is_told_that_the_application_cannot_start() -> None:
    def lifespan() -> AbstractContextManager[None]:
        raise OSError("the address is in use")

    served = Front(echo, CAPACITY, lambda scope: asker_of(scope, 0), lifespan)
    peer = Peer({"type": "lifespan.startup"})
    run_together(served({"type": "lifespan"}, peer.receive, peer.send))
    failed = {"type": "lifespan.startup.failed", "message": "the address is in use"}
    assert peer.got == [failed]


def test_the_lifespan_of_the_application_is_that_of_the_server() -> None:
    happened: list[str] = []

    @contextmanager
    def lifespan() -> Iterator[None]:
        happened.append("up")
        yield
        happened.append("down")

    served = Front(echo, CAPACITY, lambda scope: asker_of(scope, 0), lifespan)
    peer = Peer({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    run_together(served({"type": "lifespan"}, peer.receive, peer.send))
    assert happened == ["up", "down"]
    assert [message["type"] for message in peer.got] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_client_is_identified_by_its_network_behind_trusted_proxies() -> None:
    forwarded = scope(x_forwarded_for="192.0.2.7, 192.0.2.8")
    assert asker_of(forwarded, 1) == asker_of(scope(client="192.0.2.8"), 0)
    assert asker_of(forwarded, 2) == asker_of(scope(client="192.0.2.7"), 0)
    assert asker_of(scope(), 1) == asker_of(scope(), 0)
