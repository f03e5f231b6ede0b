"""A case that may be recommended, and what is remembered to choose it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import floor
from typing import Annotated

from application.engine.query_service import Private, PrivateText
from application.queries.popular_cases import added, subtracted, weight
from application.queries.recommending import Reason
from domain.cases import case_events as case
from domain.cases.case_details import CaseCategory
from domain.cases.engagement import CaseFollowed, CaseSupported, CaseUnfollowed, SupportWithdrawn
from domain.cases.party import PartyConcealed, PartyKind, PartyShown
from domain.cases.place import Location, Precision
from domain.cases.tags_and_place import TagOrPlaceEvent, place_after, tags_after
from domain.sphere import cell

Support = CaseSupported | SupportWithdrawn
Deed = Support | CaseFollowed | CaseUnfollowed
OfParty = PartyShown | PartyConcealed
OfCase = (
    TagOrPlaceEvent | case.CasePublished | case.CaseAmended | case.CaseUnpublished | OfParty | Deed
)

AREAS_A_DEGREE = 10
"""A tenth of a degree is about 11 km."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendedCase:
    """A recommended case, with the reasons. ``place`` is the name of its place."""

    case_id: str
    title: str = ""
    category: CaseCategory = CaseCategory.OTHER
    tags: tuple[str, ...] = ()
    place: str = ""
    supports: int = 0
    published_at: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    followers: Annotated[int, Private()] = 0
    public: Annotated[bool, Private()] = False
    erased: Annotated[bool, Private()] = False
    rank: Annotated[float, Private()] = 0.0
    author_id: PrivateText = ""
    tags_by_number: Annotated[Mapping[int, str], Private()] = field(default_factory=dict)
    location: Annotated[Location | None, Private()] = None
    area: Annotated[str | None, Private()] = None
    degree: Annotated[str | None, Private()] = None
    parties: Annotated[Mapping[str, str], Private()] = field(default_factory=dict)
    organisations: Annotated[tuple[str, ...], Private()] = ()

    @property
    def size(self) -> int:
        """How many members take part, as far as everybody knows."""
        return max(1, self.supports + self.followers)


def changed(row: RecommendedCase, event: OfCase, half_life_days: float) -> RecommendedCase:
    """Return the case after one more of its events."""
    match event:
        case case.CasePublished():
            return _published(row, event, half_life_days)
        case case.CaseAmended(details=details):
            title = details.title if row.public else ""
            return replace(row, title=title, category=details.category)
        case case.CaseUnpublished():
            return replace(row, title="", public=False)
        case CaseSupported() | SupportWithdrawn():
            return _supported(row, event, half_life_days)
        case CaseFollowed():
            return replace(row, followers=row.followers + 1)
        case CaseUnfollowed():
            return replace(row, followers=row.followers - 1)
        case PartyShown() | PartyConcealed():
            return _with_party(row, event)
        case _:
            return _with_tags_and_place(row, event)


def folded(name: str) -> str:
    """Return the name by which organisations are the same."""
    return " ".join(name.casefold().split())


def _published(
    row: RecommendedCase, event: case.CasePublished, half_life_days: float
) -> RecommendedCase:
    at, details = event.published_at, event.details
    return replace(
        row,
        public=True,
        title=details.title,
        category=details.category,
        author_id=event.author,
        published_at=at,
        rank=row.rank if row.published_at else weight(at, half_life_days),
    )


def _supported(row: RecommendedCase, event: Support, half_life_days: float) -> RecommendedCase:
    """Return the case with one support more or less, ranked as ``PopularCases`` does."""
    match event:
        case CaseSupported(at=at):
            rank = added(row.rank, weight(at, half_life_days))
            return replace(row, supports=row.supports + 1, rank=rank)
        case SupportWithdrawn(supported_at=at):
            least = weight(row.published_at or at, half_life_days)
            rank = max(subtracted(row.rank, weight(at, half_life_days)), least)
            return replace(row, supports=row.supports - 1, rank=rank)


def _with_party(row: RecommendedCase, event: OfParty) -> RecommendedCase:
    """Return the case with the organisations that it involves. Persons are left out."""
    parties = {key: name for key, name in row.parties.items() if key != event.party_id}
    if isinstance(event, PartyShown) and event.details.kind is PartyKind.ORGANISATION:
        parties[event.party_id] = event.details.name
    names = dict.fromkeys(folded(name) for name in parties.values())
    return replace(row, parties=parties, organisations=tuple(names))


def _with_tags_and_place(row: RecommendedCase, event: TagOrPlaceEvent) -> RecommendedCase:
    tags, place = tags_after(row.tags_by_number, event), place_after(row.location, event)
    return replace(
        row,
        tags_by_number=tags,
        tags=tuple(tags.values()),
        location=place,
        place=place.name if place else "",
        area=_area(place) if place and place.precision is not Precision.REGION else None,
        degree=cell(place) if place else None,
    )


def _area(place: Location) -> str:
    lat, lon = place.lat * AREAS_A_DEGREE, place.lon * AREAS_A_DEGREE
    return f"{floor(lat)}/{floor(lon)}"
