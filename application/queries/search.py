"""In which public cases is something said?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
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
from application.engine.query_service import Private, QueryService
from application.engine.rows import Rows
from application.ports.read_models import (
    RELEVANCE,
    Find,
    Matches,
    Recency,
    by,
    by_each,
    by_point,
    by_range,
    by_text,
)
from application.queries.found_comments import CommentChange, Comments, comments_after
from domain.cases import case_events as case
from domain.cases.case_details import CaseCategory, CaseDetails
from domain.cases.party import PartyConcealed, PartyShown
from domain.cases.place import Location
from domain.cases.tags_and_place import TagOrPlaceEvent, place_after, tags_after
from domain.constraints import Limits
from domain.discussions import comment

HALF_LIFE_DAYS = 365.0
"""A case that is a year older has to match twice as well."""

CaseChange = (
    case.CasePublished
    | case.CaseAmended
    | case.CaseUnpublished
    | case.CaseErased
    | TagOrPlaceEvent
    | PartyShown
    | PartyConcealed
)
Texts = Annotated[tuple[str, ...], Private()]
NOTHING = CaseDetails(title="", story="")


class SearchOrder(StrEnum):
    """In which order cases are listed that were found."""

    RELEVANCE = "relevance"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCase:
    """A public case, with what can be found in it.

    What is known of a case that is not public is kept in ``named``, ``place``, ``claims`` and
    ``said`` until everybody can see it; its other fields are empty, so that it is never found.
    """

    case_id: str
    title: str = ""
    story: str = ""
    category: CaseCategory = CaseCategory.OTHER
    tags: tuple[str, ...] = ()
    location: Location | None = None
    parties: tuple[str, ...] = ()
    published_at: datetime | None = None
    public: Annotated[bool, Private()] = False
    erased: Annotated[bool, Private()] = False
    comments: Texts = ()
    comment_ids: Texts = ()
    named: Annotated[Mapping[int, str], Private()] = field(default_factory=dict)
    place: Annotated[Location | None, Private()] = None
    claims: Annotated[Mapping[str, str], Private()] = field(default_factory=dict)
    said: Annotated[Comments, Private()] = field(default_factory=dict)


class CaseSearch(QueryService[FoundCase]):
    """In which public cases is something said?"""

    name = "search"
    document, key = FoundCase, "case_id"
    facets = ("category", "tags")
    erasing = (case.CaseErased, case.ContributionErased, PartyConcealed, comment.CommentErased)
    indexes = (
        by_text("title", weight=3.0),
        by_text("story"),
        by_text("tag", "tags", weight=2.0),
        by_text("place", "location.name", weight=2.0),
        by_text("party", "parties", weight=2.0),
        by_text("comment", "comments", weight=0.5),
        by("case_id"),
        by("public"),
        by_range("published_at"),
        by("category"),
        by_each("tags"),
        by_each("comment_ids"),
        by_point("location"),
    )

    def project(self, event: CaseChange | CommentChange, rows: Rows[FoundCase]) -> None:
        match event:
            case comment.CommentEdited():  # It does not tell the case.
                for key in rows.keys_where("comment_ids", event.comment_id):
                    _change(rows, key, event)
            case _:
                _change(rows, event.case_id, event)

    def ask(
        self,
        *,
        q: SearchText,
        typing: bool = False,
        sort: SearchOrder = SearchOrder.RELEVANCE,
        category: CaseCategory | None = None,
        tag: str | None = None,
        party: SearchName | None = None,
        bbox: Box | None = None,
        near: Point | None = None,
        within_km: Annotated[float, Limits(0.1, 2000)] = 10.0,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        case_ids: KeyList | None = None,
    ) -> Find:
        """Public cases that contain all words of a text, the best matches first."""
        return Find(
            matches=Matches(q, typing=typing),
            where=(
                *equal(public=True, category=category, tags=tag),
                *with_words("party", party),
                *in_box("location", bbox),
                *within("location", within_km, near),
                *one_of("case_id", case_ids),
                *between("published_at", created_after, created_before),
            ),
            order_by=RELEVANCE if sort is SearchOrder.RELEVANCE else "published_at",
            recency=Recency("published_at", HALF_LIFE_DAYS),
        )

    def suggest(self, *, q: SearchText) -> Find:
        """Ways to complete the last word of a text, the most frequent first."""
        return Find(matches=matching(q), where=equal(public=True))


def _change(rows: Rows[FoundCase], key: str, event: CaseChange | CommentChange) -> None:
    """Change a case. A comment may be projected before its case. An erased case stays empty."""
    row = rows.get(key) or FoundCase(case_id=key)
    if not row.erased:
        rows.put(key, _as_shown(_changed(row, event)))


def _changed(row: FoundCase, event: CaseChange | CommentChange) -> FoundCase:
    match event:
        case case.CasePublished():
            row = replace(row, public=True, published_at=event.published_at)
            return _with(event.details, row)
        case case.CaseAmended():
            return _with(event.details, row) if row.public else row
        case case.CaseUnpublished():
            return _with(NOTHING, replace(row, public=False))
        case case.CaseErased():
            return FoundCase(case_id=row.case_id, erased=True)
        case PartyShown():
            return replace(row, claims={**row.claims, event.party_id: event.details.name})
        case PartyConcealed():
            claims = {key: name for key, name in row.claims.items() if key != event.party_id}
            return replace(row, claims=claims)
        case _ if isinstance(event, CommentChange):
            return replace(row, said=comments_after(row.said, event))
        case _:
            place = place_after(row.place, event)
            return replace(row, named=tags_after(row.named, event), place=place)


def _with(details: CaseDetails, row: FoundCase) -> FoundCase:
    return replace(row, title=details.title, story=details.story, category=details.category)


def _as_shown(row: FoundCase) -> FoundCase:
    """Return the document with what can be found in it."""
    row = replace(row, comment_ids=tuple(row.said))
    if not row.public:
        return replace(row, tags=(), location=None, parties=(), comments=(), published_at=None)
    return replace(
        row,
        tags=tuple(row.named.values()),
        location=row.place,
        parties=tuple(row.claims.values()),
        comments=tuple(each.text for each in row.said.values() if each.shown),
    )
