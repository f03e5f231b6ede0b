"""Which cases matter most to people right now?"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import exp, log, log1p
from typing import Annotated, assert_never

from application.engine.filters import equal
from application.engine.query_service import Private, PrivateText, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, by, by_each
from application.queries.backing import Backing
from domain.cases.case import (
    CaseAmended,
    CaseCategory,
    CaseEvidenceEvent,
    CaseHidden,
    CasePublished,
    CaseReported,
    CaseRestored,
    CaseStatus,
    CaseUnpublished,
    CaseWithdrawn,
)
from domain.cases.engagement import CaseSupported, SupportWithdrawn
from domain.members.member import MemberErased

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HALF_LIFE_DAYS = 7.0
NO_WEIGHT = -1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class PopularCase:
    """``rank`` is the logarithm of the case's weight: compare it, it has no other meaning."""

    case_id: str
    title: str
    category: CaseCategory
    author_id: PrivateText = ""
    status: CaseStatus = CaseStatus.AWAITING_EVIDENCE
    supports: int = 0
    rank: float = NO_WEIGHT
    published_at: datetime | None = None
    said: Annotated[CaseStatus, Private()] = CaseStatus.AWAITING_EVIDENCE
    backing: Annotated[Backing, Private()] = Backing()
    contributors: Annotated[tuple[str, ...], Private()] = ()


Projected = (
    CaseReported
    | CaseAmended
    | CaseEvidenceEvent
    | CasePublished
    | CaseHidden
    | CaseUnpublished
    | CaseRestored
    | CaseSupported
    | SupportWithdrawn
    | CaseWithdrawn
    | MemberErased
)


class PopularCases(QueryService[PopularCase]):
    """Which cases matter most to people right now?

    Publication and each support weigh half as much after every half-life. What weighs e^(-age)
    now weighs e^(+time) from a fixed beginning, so a rank changes only when somebody acts, and
    never as time passes: forward decay (Cormode, Shkapenyuk, Srivastava, Xu; ICDE 2009). Ranks are
    kept as logarithms, lest they overflow.
    """

    name, version = "popular-cases", 2
    document, key = PopularCase, "case_id"
    indexes = (by("rank"), by("status"), by("category"), by("author_id"), by_each("contributors"))

    def __init__(self, half_life_days: float = HALF_LIFE_DAYS) -> None:
        self.half_life_days = half_life_days

    def project(self, event: Projected, rows: Rows[PopularCase]) -> None:
        match event:
            case CaseReported():
                rows.put(event.case_id, _reported(event))
            case CaseAmended():
                title, category = event.details.title, event.details.category
                rows.change(event.case_id, lambda row: replace(row, title=title, category=category))
            case _ if isinstance(event, CaseEvidenceEvent):
                rows.change(event.case_id, lambda row: _backed(row, row.backing.after(event)))
            case CasePublished():
                rows.change(event.case_id, lambda row: self._published(row, event.at))
            case CaseHidden():
                rows.change(event.case_id, lambda row: _standing(row, CaseStatus.HIDDEN))
            case CaseUnpublished():
                waiting = CaseStatus.AWAITING_EVIDENCE
                rows.change(event.case_id, lambda row: _standing(row, waiting))
            case CaseRestored():
                rows.change(event.case_id, lambda row: _standing(row, event.status))
            case CaseSupported():
                rows.change(event.case_id, lambda row: self._supported(row, event.at, +1))
            case SupportWithdrawn():
                rows.change(event.case_id, lambda row: self._supported(row, event.supported_at, -1))
            case CaseWithdrawn():
                rows.delete(event.case_id)
            case MemberErased():
                for key in rows.keys_where("author_id", event.member_id):
                    rows.delete(key)
                for key in rows.keys_where("contributors", event.member_id):
                    rows.change(key, lambda row: _backed(row, row.backing.without(event.member_id)))
            case _:
                assert_never(event)

    def ask(self, *, category: CaseCategory | None = None) -> Find:
        """Public cases, those that matter most first."""
        return Find(where=equal(status=CaseStatus.PUBLISHED, category=category), order_by="rank")

    def _published(self, row: PopularCase, at: datetime) -> PopularCase:
        row = _standing(row, CaseStatus.PUBLISHED)
        if row.published_at:
            return row
        return replace(row, published_at=at, rank=added(row.rank, self._weight(at)))

    def _supported(self, row: PopularCase, at: datetime, sign: int) -> PopularCase:
        change = added if sign > 0 else taken_away
        rank = change(row.rank, self._weight(at))
        # Next to much later supports, a publication is lost in rounding: it is what always remains.
        least = self._weight(row.published_at) if row.published_at else NO_WEIGHT
        return replace(row, supports=row.supports + sign, rank=max(rank, least))

    def _weight(self, at: datetime) -> float:
        return weight(at, self.half_life_days)


def _reported(event: CaseReported) -> PopularCase:
    return PopularCase(
        case_id=event.case_id,
        title=event.details.title,
        category=event.details.category,
        author_id=event.author,
    )


def _backed(row: PopularCase, backing: Backing) -> PopularCase:
    row = replace(row, backing=backing, contributors=backing.contributors)
    return _standing(row, row.said)


def _standing(row: PopularCase, said: CaseStatus) -> PopularCase:
    """What its events say of the status, as far as author and evidence still are there."""
    status = said
    if said is CaseStatus.PUBLISHED and not row.backing.shown:
        status = CaseStatus.AWAITING_EVIDENCE
    return replace(row, said=said, status=status if row.author_id else CaseStatus.ERASED)


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
