"""The internal listener of a process: waitress, in a thread of its own."""

import socket
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server

from config.server import bind

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 8
LOOP_SECONDS = 1.0
SETTINGS = "KLARITY_INTERNAL"


class InternalListener:
    """Serves a WSGI application until it is closed.

    The processes of one ``klarity serve`` share the address: the kernel gives each connection to
    one of them. Raises CannotListen.
    """

    def __init__(self, app: "WSGIApplication", host: str, port: int) -> None:
        listener = bind(host, port, SETTINGS, shared=True)
        self._connections: dict[int, Any] = {}
        self._server: Any = create_server(
            app, self._connections, sockets=[listener], threads=THREADS, ident=None
        )
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="internal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the requests in progress, and close all connections."""
        self._stopping.set()
        self._server.pull_trigger()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(LOOP_SECONDS, use_poll=True, map=self._connections, count=1)
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._connections)


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that keeps the address for processes of this user that share it.

    It gets no connection itself. Raises CannotListen if anything has the address, even shared.
    """
    bind(host, port, SETTINGS).close()
    return bind(host, port, SETTINGS, shared=True)
