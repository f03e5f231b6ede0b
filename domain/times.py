"""How exact the times in events are. What a log holds, everybody may read some day.

A flow record or an employer's log with the exact time of a report would name the reporter. Sealed
times stay exact: their subject alone can read them.
"""

from collections.abc import Hashable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from domain.personal import Personal

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EXACT = timedelta.resolution
# The grain of events that do not tell when they happened. Their times become UNTOLD.
NEVER = timedelta.max

UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)

E = TypeVar("E")


def rounded_down(moment: datetime, grain: timedelta) -> datetime:
    """Return the beginning of the hour or day, in UTC, that contains the moment; or UNTOLD."""
    return moment.astimezone(UTC) - (moment - UNTOLD) % grain


def day_of(moment: datetime) -> datetime:
    """Return the beginning of the moment's day, in UTC."""
    return rounded_down(moment, DAY)


def told(moment: datetime) -> datetime | None:
    """Return the time of an event, or None if the event does not tell it."""
    return None if moment == UNTOLD else moment


def with_coarse_times(event: E, grain: timedelta) -> E:
    """Return the event with each of its times rounded down, except sealed ones."""
    times = {
        name: rounded_down(value, grain)
        for name in _fields(cast("Hashable", type(event)))
        if isinstance(value := getattr(event, name), datetime)
    }
    found: Any = event
    return cast("E", replace(found, **times)) if times else event


@cache
def _fields(kind: Hashable) -> tuple[str, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name, hint in hints.items() if not _is_sealed(hint))


def _is_sealed(hint: Any) -> bool:
    return any(isinstance(mark, Personal) for mark in getattr(hint, "__metadata__", ()))
