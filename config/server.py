"""Granian on a socket bound in advance, with workers that end with their parent."""

import logging
import os
import resource
import signal
import socket
import time
from multiprocessing import parent_process
from threading import Thread
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # it comes from Rust
from granian.server.mp import MPServer

from config.settings import Settings

log = logging.getLogger(__name__)

BACKLOG = 1024
MOST_CONNECTIONS = 8192
MOST_OPEN_FILES = 1 << 16
SECONDS_TO_STOP = 15
HEADERS_WITHIN_MILLISECONDS = 15_000
# A peer that reads nothing for this long is disconnected. The small send buffer makes that show.
USER_TIMEOUT_MILLISECONDS = 60_000
MOST_UNSENT_BYTES = 1 << 17


class CannotListen(Exception):
    """The address is in use, or does not belong to this machine."""


class Server(MPServer):
    """Granian, serving the application that ``target`` makes, on a socket that is bound already.

    Granian's own sockets use SO_REUSEPORT: a second server on the port would start without an
    error, and requests would reach one or the other at random.
    """

    def __init__(self, target: str, listener: socket.socket, settings: Settings) -> None:
        self._listener = listener
        listener.listen(BACKLOG)
        super().__init__(
            target,
            factory=True,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN_MILLISECONDS),
            websockets=False,
            backpressure=MOST_CONNECTIONS,
            log_access=False,
            log_level=LogLevels.error,
            workers_kill_timeout=SECONDS_TO_STOP,
            respawn_failed_workers=True,
        )

    def _init_shared_socket(self) -> None:
        """Use our socket, in the way granian shares one on systems without SO_REUSEPORT."""
        descriptor = self._listener.fileno()
        shared: Any = self
        shared._shd = SocketHolder(descriptor, False, BACKLOG)  # type: ignore[call-arg]  # the stub lacks the parameters
        shared._sso = self._listener

    def _respawn_workers(self, workers: list[int], *spawn: Any, **delay: Any) -> None:
        """Start workers again that a signal ended, such as of a crash or for want of memory.

        A worker that ended by itself could not start: the server ends, too. Granian ends as well
        when a worker crashes within some seconds of its start.
        """
        codes = [self.wrks[number].inner.exitcode for number in workers]
        if any(code >= 0 for code in codes):
            self.interrupt_children, self.interrupt_signal = workers, True
            self.main_loop_interrupt.set()
            return
        for code in codes:
            log.error("a worker was ended by %s; another one starts", signal.Signals(-code).name)
        super()._respawn_workers(workers, *spawn, **delay)


def bind(host: str, port: int, setting: str = "KLARITY", *, shared: bool = False) -> socket.socket:
    """Return a bound socket. No other server can use its address, unless both are ``shared``.

    ``setting`` is the prefix of the settings that choose the address. Raises CannotListen.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        listener.bind(address)
    except OSError as error:
        raise CannotListen(
            f"Nothing can listen on {host}:{port}: {error.strerror or error}. "
            f"{setting}_HOST and {setting}_PORT choose another address."
        ) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLISECONDS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT_BYTES)
    return listener


def allow_many_connections() -> None:
    """Let this process and its children open as many files as the system permits them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if most == resource.RLIM_INFINITY else min(most, MOST_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def end_with_parent() -> None:
    """End this process soon after its parent, however the parent ended."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_STOP)
        os._exit(1)

    Thread(target=watch, name="parent", daemon=True).start()
