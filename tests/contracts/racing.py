"""Many threads doing the same thing at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

R = TypeVar("R")


def race(runners: int, run: Callable[[int], R]) -> list[R | Exception]:
    """What each runner, from 0 on, returned or raised."""
    barrier = Barrier(runners)

    def go(number: int) -> R | Exception:
        barrier.wait()
        try:
            return run(number)
        except Exception as error:  # noqa: BLE001 - losing a race is an outcome
            return error

    with ThreadPoolExecutor(runners) as pool:
        return list(pool.map(go, range(runners)))
