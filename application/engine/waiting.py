"""Tell how many events of a log wait for a subscriber, and for how long.

The answer does not depend on the relay or the bus: it comes from the log and from the position of
the subscriber.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from application.ports.history import History

MOST_LOOKS = 10_000
_DAY = 24 * 60 * 60
_MICROSECONDS = 1_000_000


@dataclass(slots=True)
class Look:
    """A position at which a log ended, and when it was last seen to end there."""

    end: int
    at: float


class Waiting:
    """Looks at the ends of logs, and remembers them.

    The stamps of some commits are rounded down to the day (ADR 47). An event is therefore never
    taken to be older than the last look at which its log ended before it.
    """

    def __init__(
        self, history: History, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._history = history
        self._now = now
        self._looks: defaultdict[str, deque[Look]] = defaultdict(lambda: deque(maxlen=MOST_LOOKS))
        self._first: dict[str, float] = {}

    def end(self, log: str) -> int:
        """Return the position of the newest event. Raises HistoryUnavailable.

        Reading numbers the events that no relay has read yet; they would not be counted otherwise.
        """
        end = self._history.last_position(log)
        if self._history.read(log, end, 1):
            end = self._history.last_position(log)
        self._remember(log, end, self._now().timestamp())
        return end

    def age(self, log: str, position: int) -> float:
        """Return the seconds since the first event after the position was appended.

        It is 0 if ``end`` found no such event. Raises HistoryUnavailable.
        """
        looks = self._looks[log]
        if not looks or looks[-1].end <= position:
            return 0.0
        event = self._history.read(log, position, 1)[0]
        return max(0.0, self._now().timestamp() - self._appended_at(log, position, event.stamp))

    def _remember(self, log: str, end: int, now: float) -> None:
        looks = self._looks[log]
        self._first.setdefault(log, now)
        if looks and looks[-1].end >= end:
            looks[-1].at = now
        else:
            looks.append(Look(end, now))

    def _appended_at(self, log: str, position: int, stamp: int) -> float:
        """Return when the event after the position was appended, as far as it is known."""
        before = [look.at for look in self._looks[log] if look.end <= position]
        if before:
            return max(before[-1], stamp / _MICROSECONDS)
        is_rounded = stamp // _MICROSECONDS % _DAY == 0
        return self._first[log] if is_rounded else stamp / _MICROSECONDS
