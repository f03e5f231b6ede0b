"""A read model of recommended cases, for tests that tell it events themselves."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.read_models.memory import MemoryReadModels
from application.engine.derived_ids import derived_id
from application.engine.query_service import Viewer, value_of
from application.engine.rows import UnitOfWork
from application.ports.read_models import Find, ReadModel
from application.queries.recommended_case import RecommendedCase
from application.queries.recommended_cases import RecommendedCases
from application.queries.taking_part import TAKING_PART
from domain.actors import Actor
from domain.cases.case_details import CaseDetails
from domain.cases.case_events import CasePublished, CaseReported
from domain.cases.engagement import (
    CaseFollowed,
    CaseSupported,
    EngagementDeed,
    EngagementSigned,
)
from domain.cases.place import Location
from domain.ids import CaseId, MemberId

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
LAST_WEEK = MONDAY - timedelta(days=3)
Keyed = Callable[[str, str], str]


class Shelf:
    """Cases that may be recommended, and those who take part in them."""

    def __init__(self) -> None:
        self.service = RecommendedCases()
        self._model = MemoryReadModels().open(
            self.service.name, 1, RecommendedCase, self.service.indexes, TAKING_PART
        )
        self._told: list[Any] = []

    def tell(self, *events: object) -> None:
        self._told += events

    @property
    def model(self) -> ReadModel[RecommendedCase]:
        """The read model, with all that it was told."""
        work: UnitOfWork[RecommendedCase] = UnitOfWork(self._model, value_of)
        for event in self._told:
            self.service.project(event, work)
        self._told.clear()
        self._model.commit(work.changes, self._model.checkpoint().next(), work.side_changes)
        return self._model

    def publish(
        self,
        *case_ids: str,
        at: datetime = LAST_WEEK,
        author: str = "author",
        tags: tuple[str, ...] = (),
        location: Location | None = None,
    ) -> None:
        for key in case_ids:
            details = CaseDetails(title=f"Title of {key}", story="They asked for money.")
            case_id, by = CaseId(key), MemberId(author)
            report = CaseReported(
                case_id=case_id,
                author=by,
                author_name="Author",
                details=details,
                location=location,
                tags=tags,
                at=at,
            )
            published = CasePublished(
                case_id=case_id,
                author=by,
                anonymous=False,
                details=details,
                published_at=at,
                at=at,
            )
            self.tell(report, published)

    def support(self, members: Iterable[str], *case_ids: str, at: datetime = LAST_WEEK) -> None:
        for member in members:
            for key in case_ids:
                self.tell(CaseSupported(case_id=CaseId(key), at=at))
                self.sign(member, key, EngagementDeed.SUPPORTED, at)

    def follow(self, member: str, *case_ids: str, at: datetime = LAST_WEEK) -> None:
        for key in case_ids:
            self.tell(CaseFollowed(case_id=CaseId(key), at=at))
            self.sign(member, key, EngagementDeed.FOLLOWED, at)

    def sign(
        self, member: str, case_id: str, deed: EngagementDeed, at: datetime = LAST_WEEK
    ) -> None:
        signed = EngagementSigned(case_id=CaseId(case_id), by=MemberId(member), deed=deed, at=at)
        self.tell(signed)

    def begin_week(self, at: datetime = MONDAY) -> None:
        """Let somebody do something in a new week, elsewhere."""
        self.sign("somebody", "elsewhere", EngagementDeed.FOLLOWED, at)

    def found(
        self, member: str, limit: int = 100, keyed: Keyed = derived_id
    ) -> list[RecommendedCase]:
        viewer = Viewer(Actor(member_id=MemberId(member)), keyed=keyed)
        return list(self.service.compose(viewer, self.model, limit).documents)

    def reasons(self, member: str, case_id: str, keyed: Keyed = derived_id) -> list[str]:
        """The kinds of the reasons for which the case is recommended to the member."""
        rows = self.found(member, keyed=keyed)
        return [each.kind for row in rows if row.case_id == case_id for each in row.reasons]

    def rows(self) -> list[object]:
        """All rows of all tables."""
        model = self.model
        tables: list[Any] = [model, *(model.side(side.row) for side in TAKING_PART)]
        return [row for table in tables for row in table.find(Find(), limit=1000)]
