"""Which cases are public, by title? An example of how little a query service must know."""

from dataclasses import dataclass, replace

from application.engine.query_service import QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, by_range
from domain.cases.case_events import CaseAmended, CasePublished, CaseUnpublished


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCase:
    case_id: str
    title: str


class PublicCases(QueryService[PublicCase]):
    """Which cases are public, by title?"""

    name, document, key, indexes = "public-cases", PublicCase, "case_id", (by_range("title"),)

    def project(
        self, event: CasePublished | CaseAmended | CaseUnpublished, rows: Rows[PublicCase]
    ) -> None:
        match event:
            case CasePublished(case_id=key, details=details):
                rows.put(key, PublicCase(case_id=key, title=details.title))
            case CaseAmended(case_id=key, details=details):
                rows.change(key, lambda row: replace(row, title=details.title))
            case CaseUnpublished():
                rows.delete(event.case_id)

    def ask(self) -> Find:
        return Find(order_by="title")
