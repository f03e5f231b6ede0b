"""The cases that members support or follow, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.query_service import PrivateText, Viewer
from application.engine.rows import Rows, in_log_order
from application.ports.read_models import Find, OneOf, Tables, by
from application.queries.public_titles import public_titles

ENGAGED = (by("member_id"), by("case_id"), by("place"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagedCase:
    """A case that the member supports or follows, since when, and its title if it is public."""

    case_id: str
    title: str | None = None
    since: datetime
    key: PrivateText
    member_id: PrivateText
    place: PrivateText


def engage(rows: Rows[EngagedCase], case_id: str, member_id: str, at: datetime) -> None:
    row = EngagedCase(
        case_id=case_id,
        since=at,
        key=f"{member_id}/{case_id}",
        member_id=member_id,
        place=in_log_order(rows, at),
    )
    rows.put(row.key, row)


def disengage(rows: Rows[EngagedCase], case_id: str, member_id: str) -> None:
    rows.delete(f"{member_id}/{case_id}")


def engaged_by(viewer: Viewer) -> Find:
    return Find(where=(OneOf("member_id", viewer.ids),), order_by="place")


def with_titles(
    documents: Sequence[EngagedCase], tables: Tables[EngagedCase]
) -> Sequence[EngagedCase]:
    titles = public_titles(tables, (row.case_id for row in documents))
    return [replace(row, title=titles.get(row.case_id)) for row in documents]
