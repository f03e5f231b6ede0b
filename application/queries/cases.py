"""Which cases are there, and what does one look like now?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from application.engine.filters import (
    Box,
    KeyList,
    Point,
    SearchName,
    SearchText,
    between,
    equal,
    in_box,
    matching,
    one_of,
    with_words,
    within,
)
from application.engine.query_service import QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, by, by_each, by_point, by_range
from application.queries.authors import (
    HIDDEN_PROFILES,
    ProfileEvent,
    rename_author,
    without_hidden_names,
)
from application.queries.case_document import (
    CaseDocument,
    PartyInCase,
    changed,
    shared,
    with_party,
)
from domain.cases import case_events as case
from domain.cases import engagement
from domain.cases.case_details import CaseCategory, CaseStatus
from domain.constraints import Limits
from domain.discussions.comment import CommentConcealed, CommentShown

Projected = (
    case.CaseEvent
    | PartyInCase
    | engagement.EngagementFact
    | CommentShown
    | CommentConcealed
    | ProfileEvent
)


class Cases(QueryService[CaseDocument]):
    """Which cases are there, and what does one look like now?"""

    name, version, searched_by = "cases", 8, "search"
    document, key, owner, single = CaseDocument, "case_id", "author_id", True
    sides = (HIDDEN_PROFILES,)
    streams = ("cases", "case")
    hiding = (case.CaseHidden, case.EvidenceWithheld)
    indexes = (
        by("case_id"),
        by("status"),
        by_range("published_at"),
        by("category"),
        by("author_id"),
        by_each("tags"),
        by_point("location", order="published_at"),
        by_each("claimants"),
    )

    def project(self, event: Projected, rows: Rows[CaseDocument]) -> None:
        match event:
            case case.CaseReported(case_id=key):
                row = rows.get(key) or CaseDocument(case_id=key)
                row = changed(row, event, rows.version)
                rows.put(key, without_hidden_names(rows, row))
            case case.CaseErased(case_id=key):
                erased = CaseDocument(case_id=key, status=CaseStatus.ERASED, version=rows.version)
                rows.put(key, erased)
            case engagement.CaseSupported():
                _count(rows, event.case_id, supports=+1)
            case engagement.SupportWithdrawn():
                _count(rows, event.case_id, supports=-1)
            case engagement.CaseFollowed():
                _count(rows, event.case_id, followers=+1)
            case engagement.CaseUnfollowed():
                _count(rows, event.case_id, followers=-1)
            case engagement.CaseShared():
                _change(rows, event.case_id, lambda row: shared(row, event.network))
            case CommentShown():
                _count(rows, event.case_id, comments=+1)
            case CommentConcealed():
                _count(rows, event.case_id, comments=-1)
            case _ if isinstance(event, ProfileEvent):
                rename_author(rows, event, "author_id", "claimants")
            case _ if isinstance(event, PartyInCase):
                _change(
                    rows,
                    event.case_id,
                    lambda row: without_hidden_names(rows, with_party(row, event)),
                )
            case _:
                _change(rows, event.case_id, lambda row: changed(row, event, rows.version))

    def ask(
        self,
        *,
        category: CaseCategory | None = None,
        tag: str | None = None,
        q: SearchText | None = None,
        party: SearchName | None = None,
        bbox: Box | None = None,
        near: Point | None = None,
        within_km: Annotated[float, Limits(0.1, 2000)] = 10.0,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        case_ids: KeyList | None = None,
    ) -> Find:
        """Public cases, the newest first; those of one hour or day in the order of their ids."""
        return Find(
            matches=matching(q),
            where=(
                *equal(status=CaseStatus.PUBLISHED, category=category, tags=tag),
                *with_words("party", party),
                *in_box("location", bbox),
                *within("location", within_km, near),
                *one_of("case_id", case_ids),
                *between("published_at", created_after, created_before),
            ),
            order_by="published_at",
        )

    def is_public(self, document: CaseDocument) -> bool:
        """Return whether everybody can see the case, or that it was erased."""
        return document.status in (CaseStatus.PUBLISHED, CaseStatus.ERASED)

    def may_see(self, document: CaseDocument, viewer: Viewer) -> bool:
        """Return whether the viewer may see the case, and it is projected already (see _count)."""
        return bool(document.version) and super().may_see(document, viewer)

    def is_erased(self, document: CaseDocument) -> bool:
        return document.status is CaseStatus.ERASED


def _change(
    rows: Rows[CaseDocument], case_id: str, change: Callable[[CaseDocument], CaseDocument]
) -> None:
    """Change a case. One that was erased stays empty."""
    rows.change(case_id, lambda row: row if row.status is CaseStatus.ERASED else change(row))


def _count(rows: Rows[CaseDocument], case_id: str, **steps: int) -> None:
    """Add to numbers of a case. A comment may be projected before its case, from another log."""
    if rows.get(case_id) is None:
        rows.put(case_id, CaseDocument(case_id=case_id))

    def counted(row: CaseDocument) -> CaseDocument:
        return replace(row, **{name: getattr(row, name) + step for name, step in steps.items()})

    _change(rows, case_id, counted)
