"""Callbacks to call after an append."""

from collections.abc import Callable
from threading import Lock


class Listeners:
    """Callbacks that threads can add, remove and call concurrently."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wakes: tuple[Callable[[], None], ...] = ()

    def add(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Add a callback. Returns a function that removes it, and can be called twice."""

        def own_wake() -> None:
            wake()

        with self._lock:
            self._wakes = (*self._wakes, own_wake)
        return lambda: self._remove(own_wake)

    def call(self) -> None:
        for wake in self._wakes:
            wake()

    def _remove(self, own_wake: Callable[[], None]) -> None:
        with self._lock:
            self._wakes = tuple(wake for wake in self._wakes if wake is not own_wake)
