"""Watch where the logs end, and remember when each end was first seen.

The stamps of some commits are coarse, so that they do not tell when a member acted. The age of an
event is therefore the time since this process first saw it. That is exact to the two seconds
between looks, it is lost when the process ends, and it is never stored.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from application.ports.history import History, HistoryUnavailable

COMMITS_A_READ = 1000
MOST_SAMPLES = 2000


class LogEnd:
    """The end of one log over time. Look regularly."""

    def __init__(self, log: str, history: History, seconds: Callable[[], float]) -> None:
        self.log = log
        self.end: int | None = None
        self._history = history
        self._seconds = seconds
        self._times: list[float] = []
        self._ends: list[int] = []

    def look(self) -> None:
        """Read to the end of the log; it becomes None if the log cannot be read.

        Reading numbers the events that have no position yet, even while no relay does so.
        """
        try:
            end = max(self._history.last_position(self.log), self.end or 0)
            while events := self._history.read(self.log, end, COMMITS_A_READ):
                end = events[-1].position
        except HistoryUnavailable:
            self.end = None
            return
        self.end = end
        if not self._ends or end > self._ends[-1]:
            self._times.append(self._seconds())
            self._ends.append(end)
            self._thin_out()

    def was(self, seconds_ago: float) -> int | None:
        """Return where the log ended then, or None if this process did not look yet."""
        index = bisect_right(self._times, self._seconds() - seconds_ago)
        return self._ends[index - 1] if index else None

    def age(self, position: int) -> tuple[float, bool]:
        """Return how long an event has been known, in seconds.

        The second value is True if the event was there before the first look: it is older then.
        """
        index = bisect_left(self._ends, position)
        return self._seconds() - self._times[index], index == 0

    def forget(self, position: int) -> None:
        """Forget when the events up to the position were seen: every subscriber has handled them.

        One earlier end stays, which tells that the next event was not there before.
        """
        keep = max(0, bisect_right(self._ends, position) - 1)
        del self._times[:keep], self._ends[:keep]

    def _thin_out(self) -> None:
        """Keep every second of the older ends. Ages become a little too small, never too great."""
        if len(self._ends) > MOST_SAMPLES:
            half = MOST_SAMPLES // 2
            del self._times[1:half:2], self._ends[1:half:2]
