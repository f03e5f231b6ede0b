"""Read another context's log. Subscribers fetch here what the bus lost."""

from typing import Protocol

from application.ports.codec import RecordedEvent
from application.ports.unavailable import Unavailable


class HistoryUnavailable(Unavailable):
    """The log cannot be read at the moment."""


class History(Protocol):
    """Reads the logs of all contexts. Methods raise HistoryUnavailable."""

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        """Return the events after the position, in log order, from at most ``limit`` commits."""
        ...

    def stream(self, log: str, stream: str) -> list[RecordedEvent]:
        """Return all events of one stream, oldest first; empty if it does not exist."""
        ...

    def position_of(self, log: str, stream: str, version: int) -> int | None:
        """Return the position of an event in the log, or None."""
        ...

    def last_position(self, log: str) -> int:
        """Return the position of the newest event; 0 for an empty log."""
        ...
