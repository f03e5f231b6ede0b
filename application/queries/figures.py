"""The figures that everybody gets, made of counts. Small counts are not shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from domain.cases.case_details import CaseCategory
from domain.moderation.decision import Outcome

FEWEST = 5
"""Fewer cases, or appeals, are not shown."""
FEWEST_MEASURED = 10
"""Of fewer durations no quantile is shown."""


class Quantity(StrEnum):
    """What is counted, by the values that the names say."""

    CATEGORY = "category"
    AREA = "area"
    MONTH = "month"
    HOURS_TO_PUBLIC = "hours_to_public"
    DAYS_TO_DECISION = "days_to_decision"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryCount:
    category: CaseCategory
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCount:
    """The centre of an area of one degree by one degree; None for cases without a place."""

    lat: int | None
    lon: int | None
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthCount:
    """The month, such as 2026-11, in which the cases became public."""

    month: str
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Areas:
    """The most cases first. ``others`` are the cases of all areas that are not shown."""

    shown: tuple[AreaCount, ...]
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """The latest first. ``others`` are the cases of all months that are not shown."""

    shown: tuple[MonthCount, ...]
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """With two significant digits. All are None while there are fewer than ten durations."""

    count: int | None = None
    median: int | None = None
    p90: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeals:
    """Resolved appeals, and how many of them restored something. None below five appeals."""

    resolved: int | None = None
    restored: int | None = None
    share_restored: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of what is public now. Areas and months with fewer than five cases are not shown, nor
    what would let a reader compute them. Durations to publication are those of named cases."""

    cases: int
    categories: tuple[CategoryCount, ...]
    areas: Areas
    months: Months
    hours_to_public: Durations
    days_to_decision: Durations
    appeals: Appeals


def figures_of(counts: Mapping[Quantity, Counter[str]]) -> Figures:
    """Return what may be shown of the counts, which are given by quantity and value."""
    categories = counts[Quantity.CATEGORY].most_common()
    return Figures(
        cases=counts[Quantity.CATEGORY].total(),
        categories=tuple(
            CategoryCount(category=CaseCategory(name), cases=count) for name, count in categories
        ),
        areas=_areas(counts[Quantity.AREA]),
        months=_months(counts[Quantity.MONTH]),
        hours_to_public=_durations(counts[Quantity.HOURS_TO_PUBLIC]),
        days_to_decision=_durations(counts[Quantity.DAYS_TO_DECISION]),
        appeals=_appeals(counts[Quantity.OUTCOME]),
    )


def _areas(counts: Counter[str]) -> Areas:
    shown, others = without_small(counts)
    return Areas(shown=tuple(_area_count(*each) for each in shown.most_common()), others=others)


def _area_count(area: str, cases: int) -> AreaCount:
    lat, lon = map(int, area.split(",")) if area else (None, None)
    return AreaCount(lat=lat, lon=lon, cases=cases)


def _months(counts: Counter[str]) -> Months:
    shown, others = without_small(counts)
    latest_first = sorted(shown.items(), reverse=True)
    return Months(
        shown=tuple(MonthCount(month=month, cases=cases) for month, cases in latest_first),
        others=others,
    )


def without_small(counts: Mapping[str, int]) -> tuple[Counter[str], int]:
    """Return the counts that may be shown, and the sum of all others.

    Where that sum would give a small count away, the smallest that could be shown joins them, with
    all that are equal: which of them joined would be a hint.
    """
    shown, others = Counter[str](), list[int]()
    for key, count in sorted(counts.items(), key=lambda item: item[1]):
        if count < FEWEST or others[-1:] == [count] or _give_away(others):
            others.append(count)
        else:
            shown[key] = count
    return shown, sum(others)


def _give_away(others: Sequence[int]) -> bool:
    """Return whether the sum of these counts is small, or as large as that of small ones can be."""
    return 0 < sum(others) < FEWEST or {*others} == {FEWEST - 1}


def _durations(counts: Counter[str]) -> Durations:
    if (count := counts.total()) < FEWEST_MEASURED:
        return Durations()
    known = {int(value): times for value, times in counts.items()}
    return Durations(count=count, median=quantile(known, 50), p90=quantile(known, 90))


def quantile(counts: Mapping[int, int], percent: int) -> int:
    """Return the smallest value that at least so many percent of the values do not exceed.

    ``counts`` holds how often each value occurs.
    """
    values = sorted(counts)
    sums = accumulate(counts[value] for value in values)
    wanted = sum(counts.values()) * percent
    return next(value for value, below in zip(values, sums, strict=True) if below * 100 >= wanted)


def _appeals(outcomes: Counter[str]) -> Appeals:
    if (resolved := outcomes.total()) < FEWEST:
        return Appeals()
    restored = outcomes[Outcome.OVERTURN]
    return Appeals(
        resolved=resolved, restored=restored, share_restored=round(restored / resolved, 2)
    )
