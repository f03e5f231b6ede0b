"""Repeat a step in a thread of every process, without a lease."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0


class Ticker:
    """Calls ``step`` at once and then every few seconds, whatever happens in it.

    Unavailable is expected: whoever monitors must go on while a store or the bus is away.
    """

    def __init__(self, name: str, step: Callable[[], object], seconds: float) -> None:
        self.name = name
        self._step = step
        self._seconds = seconds
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the current step, for which it waits a few seconds."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except Unavailable:
                log.debug("%s waits", self.name)
            except Exception:
                log.exception("%s failed and will be tried again", self.name)
            self._stopping.wait(self._seconds)
