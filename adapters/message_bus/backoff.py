"""Pauses between attempts, for all buses."""

from collections.abc import Iterator

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further attempt, for ever: doubling up to a limit."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)
