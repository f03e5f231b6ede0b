"""Which cases matter most to people right now?"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import exp, expm1, inf, log, log1p
from typing import Annotated

from application.engine.filters import equal
from application.engine.query_service import Private, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, by, by_range
from domain.cases.case_details import CaseCategory, CaseDetails, CaseStatus
from domain.cases.case_events import CaseAmended, CasePublished, CaseUnpublished
from domain.cases.engagement import CaseSupported, SupportWithdrawn

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HALF_LIFE_DAYS = 7.0

Ranked = CasePublished | CaseAmended | CaseUnpublished | CaseSupported | SupportWithdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class PopularCase:
    """``rank`` is the logarithm of the case's weight: compare it, it has no other meaning."""

    case_id: str
    title: str = ""
    category: CaseCategory = CaseCategory.OTHER
    status: CaseStatus = CaseStatus.PUBLISHED
    supports: int = 0
    rank: float
    published_at: datetime
    public: Annotated[bool, Private()] = True


class PopularCases(QueryService[PopularCase]):
    """Which cases matter most to people right now?

    Publication and each support weigh half as much after every half-life. What weighs e^(-age)
    now weighs e^(+time) from a fixed beginning, so a rank changes only when somebody acts, and
    never as time passes: forward decay (Cormode, Shkapenyuk, Srivastava, Xu; ICDE 2009). Ranks are
    kept as logarithms, so that they do not overflow.
    """

    name, version = "popular-cases", 4
    document, key = PopularCase, "case_id"
    indexes = (by_range("rank"), by("public"), by("category"))

    def __init__(self, half_life_days: float = HALF_LIFE_DAYS) -> None:
        self.half_life_days = half_life_days

    def project(self, event: Ranked, rows: Rows[PopularCase]) -> None:
        key = event.case_id
        match event:
            case CasePublished():
                row = replace(rows.get(key) or self._new(event), public=True)
                rows.put(key, _with(event.details, row))
            case CaseAmended():
                rows.change(key, lambda row: _with(event.details, row) if row.public else row)
            case CaseUnpublished():  # Its supports stay: it may return.
                rows.change(key, lambda row: replace(row, title="", public=False))
            case CaseSupported():
                other = weight(event.at, self.half_life_days)
                rows.change(key, lambda row: self._counted(row, +1, added(row.rank, other)))
            case SupportWithdrawn():
                other = weight(event.supported_at, self.half_life_days)
                rows.change(key, lambda row: self._counted(row, -1, subtracted(row.rank, other)))

    def ask(self, *, category: CaseCategory | None = None) -> Find:
        """Public cases, those that matter most first."""
        return Find(where=equal(public=True, category=category), order_by="rank")

    def _new(self, event: CasePublished) -> PopularCase:
        at, rank = event.published_at, weight(event.published_at, self.half_life_days)
        return PopularCase(case_id=event.case_id, rank=rank, published_at=at)

    def _counted(self, row: PopularCase, step: int, rank: float) -> PopularCase:
        # Rounding loses the publication next to much later supports, but it always counts.
        least = weight(row.published_at, self.half_life_days)
        return replace(row, supports=row.supports + step, rank=max(rank, least))


def _with(details: CaseDetails, row: PopularCase) -> PopularCase:
    return replace(row, title=details.title, category=details.category)


def weight(at: datetime, half_life_days: float = HALF_LIFE_DAYS) -> float:
    """Return the logarithm of the weight of one act at that time."""
    return (at - EPOCH) / timedelta(days=1) / half_life_days * log(2)


def added(rank: float, other: float) -> float:
    """Return ln(e^rank + e^other), without overflow."""
    return max(rank, other) + log1p(exp(-abs(rank - other)))


def subtracted(rank: float, other: float) -> float:
    """Return ln(e^rank - e^other); minus infinity where nothing is left."""
    return rank + log(-expm1(other - rank)) if other < rank else -inf
