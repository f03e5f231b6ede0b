"""What is to be erased later: opaque entries with due times, which name no member."""

from datetime import datetime
from typing import Protocol


class LaterErasures(Protocol):
    """A durable queue of entries. Times have a precision of seconds."""

    def add(self, entry: str, due: datetime) -> None:
        """Let the entry wait until that time. One that waits already keeps its time."""
        ...

    def due(self, now: datetime) -> list[str]:
        """Return the entries that are due, the earliest first."""
        ...

    def move(self, entry: str, due: datetime) -> None:
        """Let the entry wait until another time, if it exists."""
        ...

    def remove(self, entry: str) -> None:
        """Delete the entry, if it exists."""
        ...
