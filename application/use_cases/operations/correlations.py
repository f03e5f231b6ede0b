"""Find the events of one command by their correlation id, without an index on disk.

A hash of each event's correlation id is kept in memory, eight bytes long, in the order of the log.
Parts of a log are read when they are first needed, the newest first, and complete parts are not
read again. So nothing is stored that a log does not hold, and nothing is written when events are.
"""

import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from os import urandom
from threading import Lock

from application.engine.whole_log import COMMITS_A_READ
from application.ports.codec import RecordedEvent
from application.ports.history import History

EVENTS_A_PART = 20_000
SECONDS_A_SEARCH = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlated:
    """The events that were found. ``unread`` says by log how many older events were not looked at
    within the time; another search continues there."""

    events: list[RecordedEvent]
    unread: Mapping[str, int]


class Correlations:
    """Looks through the logs. Threads may search at the same time."""

    def __init__(
        self, history: History, logs: tuple[str, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._history = history
        self._logs = logs
        self._clock = clock
        self._key = urandom(16)
        self._parts: dict[tuple[str, int], array[int]] = {}
        self._lock = Lock()

    def find(self, correlation_id: str, seconds: float = SECONDS_A_SEARCH) -> Correlated:
        """Return the events of the command, log by log, read for so many seconds at most."""
        wanted, until = self._hash(correlation_id), self._clock() + seconds
        found: list[RecordedEvent] = []
        unread: dict[str, int] = {}
        with self._lock:
            for log, number in self._newest_first():
                if (log, number) not in self._parts and self._clock() > until:
                    unread[log] = max(unread.get(log, 0), (number + 1) * EVENTS_A_PART)
                    continue
                found += self._in_part(log, number, wanted)
        return Correlated(
            events=[event for event in found if event.correlation_id == correlation_id],
            unread=unread,
        )

    def _newest_first(self) -> Iterator[tuple[str, int]]:
        """Yield the parts of all logs; those of each log from its end."""
        ends = {log: self._history.last_position(log) for log in self._logs}
        most = max((end // EVENTS_A_PART for end in ends.values()), default=0)
        for back in range(most + 1):
            for log, end in ends.items():
                if (number := end // EVENTS_A_PART - back) >= 0:
                    yield log, number

    def _in_part(self, log: str, number: int, wanted: int) -> Iterator[RecordedEvent]:
        start = number * EVENTS_A_PART
        part = self._read(log, number)
        at = -1
        for _ in range(part.count(wanted)):
            at = part.index(wanted, at + 1)
            yield from self._history.read(log, start + at, 1)[:1]

    def _read(self, log: str, number: int) -> "array[int]":
        """Return the hashes of a part, with those of events that came since the last time."""
        part = self._parts.setdefault((log, number), array("Q"))
        start, end = number * EVENTS_A_PART, (number + 1) * EVENTS_A_PART
        while (after := start + len(part)) < end:
            events = self._history.read(log, after, COMMITS_A_READ)
            part.extend(self._hash(each.correlation_id) for each in events if each.position <= end)
            if not events:
                break
        return part

    def _hash(self, correlation_id: str) -> int:
        digest = blake2b(correlation_id.encode(), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest)
