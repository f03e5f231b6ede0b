"""How exact the times in events are. What a log holds, everybody may read some day.

A flow record or an employer's log with the exact time of a report would name the reporter.
"""

from collections.abc import Hashable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EXACT = timedelta.resolution

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

E = TypeVar("E")


def rounded_down(moment: datetime, grain: timedelta) -> datetime:
    """Return the beginning of the hour or day, in UTC, that contains the moment."""
    return moment.astimezone(UTC) - (moment - _EPOCH) % grain


def day_of(moment: datetime) -> datetime:
    """Return the beginning of the moment's day, in UTC."""
    return rounded_down(moment, DAY)


def with_coarse_times(event: E, grain: timedelta) -> E:
    """Return the event with each of its times rounded down."""
    times = {
        name: rounded_down(value, grain)
        for name in _fields(cast("Hashable", type(event)))
        if isinstance(value := getattr(event, name), datetime)
    }
    found: Any = event
    return cast("E", replace(found, **times)) if times else event


@cache
def _fields(kind: Hashable) -> tuple[str, ...]:
    return tuple(get_type_hints(kind))
