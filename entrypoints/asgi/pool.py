"""Threads that run functions for an event loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Task = tuple[asyncio.Future[Any], Callable[[], Any]]


class Pool:
    """Runs functions in up to ``size`` threads, each started when it is first needed.

    The standard library's pools use a lock, a condition and two futures per function, which takes a
    fifth of the time of a request. The threads end with the process.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._threads = 0
        self._running = 0
        self._tasks: SimpleQueue[Task] = SimpleQueue()

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Run the function as soon as a thread is free. Call it in the event loop."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._running += 1
        if self._threads < min(self._running, self._size):
            self._threads += 1
            Thread(target=self._work, name=self._name, daemon=True).start()
        self._tasks.put((done, lambda: function(*args, **kwargs)))
        return done

    def _work(self) -> None:
        while True:
            done, function = self._tasks.get()
            try:
                result, error = function(), None
            except BaseException as raised:  # noqa: BLE001 - raised again where it is awaited
                result, error = None, raised
            # The loop is closed if the process is ending.
            with suppress(RuntimeError):
                done.get_loop().call_soon_threadsafe(self._settle, done, result, error)
            del done, function, result, error

    def _settle(self, done: asyncio.Future[T], result: T, error: BaseException | None) -> None:
        self._running -= 1
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)
