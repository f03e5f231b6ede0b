"""The cases that members support or follow, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.filters import equal
from application.engine.query_service import PrivateText, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, OneOf, Tables, by, by_range
from application.queries.public_titles import public_titles
from domain.cases.engagement import EngagementDeed, EngagementSigned

ENGAGED = (by("member_id"), by("case_id"), by_range("place"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagedCase:
    """A case that the member supports or follows, since when, and its title if it is public.

    ``place`` orders by the day alone: the order of the log, in a row that names the member, would
    tell which anonymous case they reported shortly before or after.
    """

    case_id: str
    title: str | None = None
    since: datetime
    key: PrivateText
    member_id: PrivateText
    place: PrivateText


def begin_or_end(
    rows: Rows[EngagedCase], event: EngagementSigned, begin: EngagementDeed, end: EngagementDeed
) -> None:
    """Put the row of what a member begins to support or follow, or delete it at the end."""
    key = rows.keyed("engagement", event.by, event.case_id)
    if event.deed is end:
        rows.delete(key)
    elif event.deed is begin:
        row = EngagedCase(
            case_id=event.case_id,
            since=event.at,
            key=key,
            member_id=event.by,
            place=f"{event.at:%Y-%m-%d}",
        )
        rows.put(key, row)


def engaged_by(viewer: Viewer, case_id: str | None) -> Find:
    where = (OneOf("member_id", viewer.ids), *equal(case_id=case_id))
    return Find(where=where, order_by="place")


def with_titles(
    documents: Sequence[EngagedCase], tables: Tables[EngagedCase]
) -> Sequence[EngagedCase]:
    titles = public_titles(tables, (row.case_id for row in documents))
    return [replace(row, title=titles.get(row.case_id)) for row in documents]
