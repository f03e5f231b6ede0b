"""The aliases of the authors of anonymous cases, by which they find what is theirs."""

from typing import Any

from application.engine.query_service import Alias
from application.engine.rows import Rows
from domain.cases.case_events import CaseErased, CaseReported


def remember_alias(rows: Rows[Any], event: CaseReported | CaseErased) -> None:
    """Keep the alias of the author of an anonymous case until the case is erased."""
    table = rows.table(Alias)
    match event:
        case CaseReported(anonymous=True):
            table.put(event.case_id, Alias(alias=event.author, since=event.at))
        case CaseReported():
            pass
        case CaseErased():
            table.delete(event.case_id)
