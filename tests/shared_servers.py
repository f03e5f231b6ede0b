"""One server of each kind for a whole test run, whatever the number of its workers.

The process that begins the run owns them. A server starts when the first test of any worker asks
for it, and ends with the run, even when that is killed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Self

from tests.servers import (
    Mongo,
    PubSub,
    RabbitMQ,
    Redis,
    RedisSearch,
    Server,
    ServerFailed,
    ServerMissing,
)

KINDS: Mapping[str, type[Server]] = {
    kind.__name__: kind for kind in (Mongo, Redis, RedisSearch, RabbitMQ, PubSub)
}
ADDRESS = "KLARITY_TEST_SERVERS"
"""The variable with the socket of the run's servers, for the workers to inherit."""


class SharedServers:
    """Starts servers for the workers of a run, which ask by a socket."""

    def __init__(self, kinds: Mapping[str, type[Server]] = KINDS) -> None:
        self._kinds = kinds
        self._locks = {name: Lock() for name in self._kinds}
        self._urls: dict[str, str] = {}
        self._stack = ExitStack()
        folder = self._stack.enter_context(TemporaryDirectory(prefix="klarity-test-"))
        self.address = str(Path(folder) / "servers")
        self._listener = self._stack.enter_context(Listener(self.address, "AF_UNIX"))

    def __enter__(self) -> Self:
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def url(self, name: str) -> str:
        """The address of the server of this kind, started when it is not running."""
        with self._locks[name]:
            if name not in self._urls:
                self._urls[name] = self._stack.enter_context(self._kinds[name]()).url
            return self._urls[name]

    def _serve(self) -> None:
        with suppress(OSError):  # the listener is closed at the end of the run
            while True:
                Thread(target=self._answer, args=[self._listener.accept()], daemon=True).start()

    def _answer(self, worker: Connection[str | Exception, str]) -> None:
        with worker:
            try:
                worker.send(self.url(worker.recv()))
            except ServerMissing as missing:
                worker.send(missing)
            except Exception as error:  # noqa: BLE001 - the worker raises it
                worker.send(ServerFailed(str(error)))


def ask(kind: type[Server]) -> str:
    """The address of the run's server of this kind; raises what its start raised."""
    with Client(os.environ[ADDRESS], "AF_UNIX") as run:
        run.send(kind.__name__)
        answer = run.recv()
    if isinstance(answer, Exception):
        raise answer
    return str(answer)
