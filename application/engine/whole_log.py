"""Read a log to its end."""

from collections.abc import Iterator

from application.ports.codec import RecordedEvent
from application.ports.history import History

COMMITS_A_READ = 1000


def events_of(history: History, log: str, after: int = 0) -> Iterator[RecordedEvent]:
    """Yield the events of a log after a position, in its order."""
    while events := history.read(log, after, COMMITS_A_READ):
        yield from events
        after = events[-1].position
