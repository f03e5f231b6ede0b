"""Pauses between attempts, shared by every bus."""

from collections.abc import Iterator

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


def pauses() -> Iterator[float]:
    """Seconds to wait before each further attempt: doubling, up to a limit, for ever."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)
