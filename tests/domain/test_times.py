"""Times in events are rounded down to hours or days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated

import pytest

from domain.personal import Personal
from domain.times import (
    DAY,
    EXACT,
    HOUR,
    NEVER,
    UNTOLD,
    day_of,
    rounded_down,
    told,
    with_coarse_times,
)

NOON = datetime(2026, 3, 1, 12, 34, 56, 789, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    what: str
    on: date
    before: datetime | None = None
    at: datetime


@pytest.mark.parametrize(
    ("grain", "rounded"),
    [
        (EXACT, NOON),
        (HOUR, datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (DAY, datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_rounded_down(grain: timedelta, rounded: datetime) -> None:
    assert rounded_down(NOON, grain) == rounded


def test_days_are_those_of_utc_wherever_the_clock_is() -> None:
    early = datetime(2026, 3, 1, 3, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert day_of(early).isoformat() == "2026-02-28T00:00:00+00:00"


def test_each_time_of_an_event_is_rounded_and_nothing_else() -> None:
    seen = Seen(what="a bribe", on=NOON.date(), before=NOON, at=NOON + HOUR)
    day = day_of(NOON)
    assert with_coarse_times(seen, DAY) == Seen(what="a bribe", on=NOON.date(), before=day, at=day)
    assert with_coarse_times(Seen(what="", on=NOON.date(), at=NOON), HOUR).before is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    until: Annotated[datetime | None, Personal()]
    at: datetime


def test_a_sealed_time_stays_exact() -> None:
    sealed = with_coarse_times(Sealed(until=NOON, at=NOON), DAY)
    assert sealed == Sealed(until=NOON, at=day_of(NOON))


def test_a_time_that_is_never_told_is_the_same_for_all() -> None:
    assert rounded_down(NOON, NEVER) == rounded_down(NOON + 9000 * DAY, NEVER) == UNTOLD
    assert (told(UNTOLD), told(NOON)) == (None, NOON)
