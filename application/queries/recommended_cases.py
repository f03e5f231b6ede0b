"""Which cases are recommended to a member, and why?"""

from dataclasses import replace

from application.engine.filters import equal
from application.engine.query_service import Audience, Composed, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, Tables, by, by_each, by_range
from application.queries.popular_cases import HALF_LIFE_DAYS
from application.queries.recommended_case import OfCase, RecommendedCase, changed
from application.queries.recommending import mixed
from application.queries.taking_part import (
    NOBODY,
    TAKING_PART,
    CommentEvent,
    OfMember,
    Participant,
    choose,
    comment,
    engage,
    forget_case,
)
from application.queries.taste import Taste
from domain.cases.case_events import CaseErased, CaseReported
from domain.cases.engagement import EngagementSigned

WEEKS = 6


class RecommendedCases(QueryService[RecommendedCase]):
    """Which cases are recommended to a member, and why?

    The cases that matter most to everybody lead, and places are reserved for what suits the
    member. Nothing is recorded of what anybody reads.
    """

    name = "recommended-cases"
    document, key = RecommendedCase, "case_id"
    path, audience, by_order = "/me/recommended-cases", Audience.MEMBERS, True
    indexes = (
        by_range("rank"),
        by("public"),
        by("area"),
        by("degree"),
        by_each("tags"),
        by_each("organisations"),
    )
    sides = TAKING_PART

    def __init__(self, half_life_days: float = HALF_LIFE_DAYS, weeks: int = WEEKS) -> None:
        self.half_life_days, self.weeks = half_life_days, weeks

    def project(
        self,
        event: OfCase | CaseErased | EngagementSigned | CommentEvent | OfMember,
        rows: Rows[RecommendedCase],
    ) -> None:
        match event:
            case CaseErased(case_id=key):
                author_id = row.author_id if (row := rows.get(key)) else ""
                rows.put(key, RecommendedCase(case_id=key, erased=True))
                forget_case(rows, key, author_id)
            case EngagementSigned():
                engage(rows, event)
            case _ if isinstance(event, CommentEvent):
                row = rows.get(event.case_id)
                if not (row and row.erased):
                    comment(rows, event)
            case _ if isinstance(event, OfMember):
                choose(rows, event)
            case _:
                self._change(event, rows)

    def ask(self) -> Find:
        """Cases that are recommended to the member who asks, each with the reasons

        There is one page. It is empty, with the note `off`, if the member turned it off.
        """
        return Find(where=equal(public=True), order_by="rank")

    def compose(
        self, viewer: Viewer, tables: Tables[RecommendedCase], limit: int
    ) -> Composed[RecommendedCase]:
        key = viewer.member_id
        member = tables.side(Participant).get([key]).get(key, NOBODY)
        if member.off:
            return Composed((), note="off")
        taste = Taste(viewer, member, tables, self.weeks)
        found = mixed(taste.popular(limit), taste.suited(), limit)
        return Composed([replace(row, reasons=taste.reasons(row)) for row in found])

    def _change(self, event: OfCase, rows: Rows[RecommendedCase]) -> None:
        """Change a case. One that was erased stays empty."""
        key = event.case_id
        row = rows.get(key)
        if row is None and isinstance(event, CaseReported):
            row = RecommendedCase(case_id=key)
        if row and not row.erased:
            rows.put(key, changed(row, event, self.half_life_days))
