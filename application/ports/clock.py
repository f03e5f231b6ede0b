"""The clock, as a dependency that tests replace."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Return the time in UTC, with its zone."""
        ...
