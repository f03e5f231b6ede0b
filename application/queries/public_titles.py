"""The titles of public cases, for documents that belong to a case."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from application.engine.rows import Rows
from application.ports.read_models import Side, Tables
from domain.cases.case_events import CaseAmended, CasePublished, CaseUnpublished
from domain.personal import PersonalText

TitleEvent = CasePublished | CaseAmended | CaseUnpublished


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCase:
    """A case that everybody can see."""

    title: PersonalText


PUBLIC_CASES = Side(PublicCase)


def remember_title(rows: Rows[Any], event: TitleEvent) -> None:
    table = rows.table(PublicCase)
    match event:
        case CasePublished():
            table.put(event.case_id, PublicCase(title=event.details.title))
        case CaseAmended():
            table.change(event.case_id, lambda row: replace(row, title=event.details.title))
        case CaseUnpublished():
            table.delete(event.case_id)


def public_titles(tables: Tables[Any], case_ids: Iterable[str]) -> Mapping[str, str]:
    """Return the titles of those of the cases that are public, by the ids of the cases."""
    known = tables.side(PublicCase).get(tuple(set(case_ids)))
    return {case_id: row.title for case_id, row in known.items()}
