"""Which cases are there, and what does one look like now?"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, assert_never

from application.engine.filters import Box, Point, between, equal, in_box, near, with_words
from application.engine.query_service import QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, Side, by, by_each, by_point, by_words
from application.queries.case_document import (
    CaseDocument,
    PartyInCase,
    called,
    changed,
    counted,
    erased,
    reported,
    shared,
    with_party,
)
from domain.cases import case_events as case
from domain.cases import engagement, party
from domain.cases.case_details import CaseCategory, CaseStatus
from domain.constraints import Length, Limits
from domain.discussions import comment
from domain.members.member import ProfileHidden, ProfileRestored

Projected = (
    case.CaseEvent
    | PartyInCase
    | engagement.EngagementEvent
    | comment.CommentShown
    | comment.CommentConcealed
    | ProfileHidden
    | ProfileRestored
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenProfile:
    """A member whose profile is hidden: no case shows their name."""

    member_id: str


class Cases(QueryService[CaseDocument]):
    """Which cases are there, and what does one look like now?"""

    name, version = "cases", 5
    document, key, single = CaseDocument, "case_id", True
    sides = (Side(HiddenProfile),)
    streams = ("cases", "case")
    hiding = (case.CaseHidden, case.EvidenceWithheld)
    indexes = (
        by("status"),
        by("published_at"),
        by("category"),
        by("author_id"),
        by_each("tags"),
        by_point("location"),
        by_each("claimants"),
        by_words("words", "title", "story"),
        by_words("party", "party_names"),
    )

    def project(self, event: Projected, rows: Rows[CaseDocument]) -> None:
        match event:
            case case.CaseReported():
                before = rows.get(event.case_id)
                comments = before.comments if before else 0
                row = counted(reported(event), comments=comments)
                rows.put(event.case_id, _named(rows, row, event.author))
            case case.CaseErased():
                rows.put(event.case_id, erased(event, rows.version))
            case _ if isinstance(event, case.CaseEvent):
                rows.change(event.case_id, lambda row: changed(row, event, rows.version))
            case _ if isinstance(event, PartyInCase):
                rows.change(event.case_id, lambda row: with_party(row, event))
                if isinstance(event, party.PartyShown):
                    rows.change(event.case_id, lambda row: _named(rows, row, event.by))
            case comment.CommentShown():
                _count_comment(rows, event.case_id, +1)
            case comment.CommentConcealed():
                _count_comment(rows, event.case_id, -1)
            case _ if isinstance(event, engagement.EngagementEvent):
                rows.change(event.case_id, lambda row: _engaged(row, event))
            case ProfileHidden(member_id=member_id):
                rows.table(HiddenProfile).put(member_id, HiddenProfile(member_id=member_id))
                _call(rows, member_id, "")
            case ProfileRestored():
                rows.table(HiddenProfile).delete(event.member_id)
                _call(rows, event.member_id, event.pseudonym)

    def ask(
        self,
        *,
        category: CaseCategory | None = None,
        tag: str | None = None,
        q: str | None = None,
        party: Annotated[str, Length(1, 120)] | None = None,
        bbox: Box | None = None,
        near_: Point | None = None,
        within_km: Annotated[float, Limits(0.1, 2000)] = 10.0,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> Find:
        """Public cases, the newest first."""
        return Find(
            where=(
                *equal(status=CaseStatus.PUBLISHED, category=category, tags=tag),
                *with_words("words", q),
                *with_words("party", party),
                *in_box("location", bbox),
                *near("location", near_, within_km),
                *between("published_at", created_after, created_before),
            ),
            order_by="published_at",
        )

    def may_see(self, document: CaseDocument, viewer: Viewer) -> bool:
        if not document.version:
            return False
        public = document.status in (CaseStatus.PUBLISHED, CaseStatus.ERASED)
        return public or viewer.moderates or viewer.is_member(document.author_id)

    def as_seen_by(self, document: CaseDocument, viewer: Viewer) -> CaseDocument:
        known = viewer.moderates or viewer.is_member(document.author_id)
        return document if known or not document.cited else replace(document, cited=())

    def gone(self, document: CaseDocument) -> bool:
        return document.status is CaseStatus.ERASED


def _count_comment(rows: Rows[CaseDocument], case_id: str, number: int) -> None:
    """A comment may be heard of before its case, which another log tells of."""
    row = rows.get(case_id) or CaseDocument(case_id=case_id)
    rows.put(case_id, counted(row, comments=number))


def _named(rows: Rows[CaseDocument], row: CaseDocument, member_id: str) -> CaseDocument:
    """The document without the name of a member whose profile is hidden."""
    hidden = rows.table(HiddenProfile).get(member_id)
    return called(row, member_id, "") if hidden else row


def _call(rows: Rows[CaseDocument], member_id: str, pseudonym: str) -> None:
    """Let a member be called that in all that they told."""
    for field in ("author_id", "claimants"):
        for key in rows.keys_where(field, member_id):
            rows.change(key, lambda row: called(row, member_id, pseudonym))


def _engaged(row: CaseDocument, event: engagement.EngagementEvent) -> CaseDocument:
    match event:
        case engagement.CaseSupported():
            return counted(row, supports=+1)
        case engagement.SupportWithdrawn():
            return counted(row, supports=-1)
        case engagement.CaseFollowed():
            return counted(row, followers=+1)
        case engagement.CaseUnfollowed():
            return counted(row, followers=-1)
        case engagement.CaseShared():
            return shared(row, event.network)
        case _:
            assert_never(event)
