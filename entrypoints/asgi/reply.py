"""Take the reply of the WSGI application piece by piece."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PIECE = 1 << 18
EVENT_STREAM = "text/event-stream"

Headers = list[tuple[str, str]]


class Reply:
    """One reply. Its methods run in threads, one at a time."""

    def __init__(self, app: "WSGIApplication", environ: dict[str, Any]) -> None:
        self._app = app
        self._environ = environ
        self._chunks: Iterator[bytes] = iter(())
        self._closes: Any = None
        self.piece = b""
        self.status = 500
        self.headers: Headers = []
        self.is_stream = False
        self.waits = False
        """Whether a stream had no more to send."""
        self.ended = False
        self._has_begun = False

    def begin(self) -> None:
        """Call the application and take the first piece of its reply, unless it is a stream."""
        found = self._app(self._environ, self._start)
        self._closes = getattr(found, "close", None)
        self._chunks = iter(found)
        if self.is_stream:
            return
        try:
            self.next()
        except BaseException:
            self.close()
            raise

    def next(self) -> None:
        """Take the next piece: a large one, or what there is until an empty chunk, or the rest.

        With an empty chunk, after its first one, a reply asks to send what there is. A stream
        waits then.
        """
        pieces, size, self.waits = [], 0, False
        for chunk in self._chunks:
            pieces.append(chunk)
            size += len(chunk)
            self.waits = self.is_stream and not chunk
            sends, self._has_begun = self._has_begun and not chunk, True
            if size >= PIECE or self.waits or sends:
                break
        else:
            self.close()
        self.piece = b"".join(pieces)

    def close(self) -> None:
        """Tell the application that its reply is no longer read."""
        self.ended = True
        closes, self._closes = self._closes, None
        if closes is not None:
            closes()

    def _start(self, status: str, headers: Headers, _exc_info: object = None) -> Any:
        self.status = int(status.partition(" ")[0])
        self.headers = headers
        kinds = [value for name, value in headers if name.lower() == "content-type"]
        self.is_stream = any(kind.startswith(EVENT_STREAM) for kind in kinds)
        return None
