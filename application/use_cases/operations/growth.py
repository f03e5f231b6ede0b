"""How fast a number grows, from samples of the last moments."""

from collections import deque

WINDOW_SECONDS = 30.0


class Growth:
    """Growth within a window of time. Growth a second is unknown until there are two samples."""

    def __init__(self, window: float = WINDOW_SECONDS) -> None:
        self._window = window
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, at: float, number: int) -> None:
        """Add a sample. A smaller number than before begins anew."""
        if self._samples and number < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((at, number))
        while at - self._samples[0][0] > self._window:
            self._samples.popleft()

    def a_second(self) -> float | None:
        (first, fewer), (last, more) = self._samples[0], self._samples[-1]
        return (more - fewer) / (last - first) if last > first else None

    def growth(self) -> int:
        """Return how much the number has grown within the window."""
        return self._samples[-1][1] - self._samples[0][1]
