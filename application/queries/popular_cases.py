"""Which cases matter most to people right now?"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import exp, log, log1p
from typing import Annotated

from application.engine.filters import equal
from application.engine.query_service import Private, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, by
from domain.cases.case_details import CaseCategory, CaseDetails, CaseStatus
from domain.cases.case_events import CaseAmended, CasePublished, CaseUnpublished
from domain.cases.engagement import CaseSupported, SupportWithdrawn

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HALF_LIFE_DAYS = 7.0
NO_WEIGHT = -1e9

Ranked = CasePublished | CaseAmended | CaseUnpublished | CaseSupported | SupportWithdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class PopularCase:
    """``rank`` is the logarithm of the case's weight: compare it, it has no other meaning."""

    case_id: str
    title: str
    category: CaseCategory
    status: CaseStatus = CaseStatus.PUBLISHED
    supports: int = 0
    rank: float = NO_WEIGHT
    published_at: datetime | None = None
    public: Annotated[bool, Private()] = True


class PopularCases(QueryService[PopularCase]):
    """Which cases matter most to people right now?

    Publication and each support weigh half as much after every half-life. What weighs e^(-age)
    now weighs e^(+time) from a fixed beginning, so a rank changes only when somebody acts, and
    never as time passes: forward decay (Cormode, Shkapenyuk, Srivastava, Xu; ICDE 2009). Ranks are
    kept as logarithms, so that they do not overflow.
    """

    name, version = "popular-cases", 3
    document, key = PopularCase, "case_id"
    indexes = (by("rank"), by("public"), by("category"))

    def __init__(self, half_life_days: float = HALF_LIFE_DAYS) -> None:
        self.half_life_days = half_life_days

    def project(self, event: Ranked, rows: Rows[PopularCase]) -> None:
        key = event.case_id
        match event:
            case CasePublished():
                row = rows.get(key) or self._new(event)
                rows.put(key, _with_details(replace(row, public=True), event.details))
            case CaseAmended():
                rows.change(
                    key, lambda row: _with_details(row, event.details) if row.public else row
                )
            case CaseUnpublished():  # Its supports stay, for it may return.
                rows.change(key, lambda row: replace(row, title="", public=False))
            case CaseSupported():
                rows.change(key, lambda row: self._supported(row, event.at, +1))
            case SupportWithdrawn():
                rows.change(key, lambda row: self._supported(row, event.supported_at, -1))

    def ask(self, *, category: CaseCategory | None = None) -> Find:
        """Public cases, those that matter most first."""
        return Find(where=equal(public=True, category=category), order_by="rank")

    def _new(self, event: CasePublished) -> PopularCase:
        at, category = event.published_at, event.details.category
        rank = self._weight(at)
        return PopularCase(
            case_id=event.case_id, title="", category=category, rank=rank, published_at=at
        )

    def _supported(self, row: PopularCase, at: datetime, sign: int) -> PopularCase:
        change = added if sign > 0 else taken_away
        rank = change(row.rank, self._weight(at))
        # Next to much later supports, a publication is lost in rounding: it is what always remains.
        least = self._weight(row.published_at) if row.published_at else NO_WEIGHT
        return replace(row, supports=row.supports + sign, rank=max(rank, least))

    def _weight(self, at: datetime) -> float:
        return weight(at, self.half_life_days)


def _with_details(row: PopularCase, details: CaseDetails) -> PopularCase:
    return replace(row, title=details.title, category=details.category)


def weight(at: datetime, half_life_days: float = HALF_LIFE_DAYS) -> float:
    """The logarithm of what one act at that time weighs."""
    return (at - EPOCH) / timedelta(days=1) / half_life_days * log(2)


def added(rank: float, other: float) -> float:
    """ln(e^rank + e^other), without overflow."""
    high, low = max(rank, other), min(rank, other)
    return high + log1p(exp(low - high))


def taken_away(rank: float, other: float) -> float:
    """ln(e^rank - e^other), or no weight where nothing is left."""
    left = -exp(other - rank) if other < rank else -1.0
    return rank + log1p(left) if left > -1.0 else NO_WEIGHT
