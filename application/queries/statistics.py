"""How many public cases are there, and how fast and how fairly does moderation work?"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.query_service import QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, Side, Tables
from application.queries.figures import FEWEST_MEASURED, Figures, Quantity, figures_of
from domain.cases.case_details import CaseCategory
from domain.cases.case_events import (
    CaseAmended,
    CaseErased,
    CasePublished,
    CaseReported,
    CaseUnpublished,
)
from domain.cases.place import Location, Precision, rounded
from domain.cases.tags_and_place import PlaceEvent, place_after
from domain.moderation.decision import AppealResolved
from domain.moderation.subject import FlagWeighed, SubjectDecided
from domain.times import DAY, HOUR

DATE_LINE = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCell:
    """How often a quantity has a value. Cells that count nothing are deleted."""

    cell_id: str
    quantity: Quantity
    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCase:
    """What decides in which cells a case counts. ``published_at`` is None while it is not public.

    ``reported_at`` is None for an anonymous case.
    """

    category: CaseCategory
    place: Location | None
    reported_at: datetime | None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledFlag:
    """A flag on which no moderator has decided."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """Durations that are not counted yet: they will be together with others."""

    durations: tuple[int, ...] = ()


Projected = (
    CaseReported
    | CasePublished
    | CaseUnpublished
    | CaseAmended
    | CaseErased
    | PlaceEvent
    | FlagWeighed
    | SubjectDecided
    | AppealResolved
)


class Statistics(QueryService[CountedCell]):
    """How many public cases are there, and how fast and how fairly does moderation work?

    A case counts where, when and as what it is public now. A decision on flags counts by its oldest
    flag, and only in groups of ten: nobody sees when a single flag was raised.
    """

    name = "stats"
    document, key = CountedCell, "cell_id"
    sides = (Side(CountedCase), Side(UnsettledFlag), Side(Withheld))

    def project(self, event: Projected, rows: Rows[CountedCell]) -> None:
        match event:
            case CaseReported():
                rows.table(CountedCase).put(event.case_id, _reported(event))
            case CasePublished():
                at, category = event.published_at, event.details.category
                _change(rows, event, lambda row: replace(row, published_at=at, category=category))
            case CaseUnpublished():
                _change(rows, event, lambda row: replace(row, published_at=None))
            case CaseAmended():
                _change(rows, event, lambda row: replace(row, category=event.details.category))
            case CaseErased():
                _change(rows, event, lambda _: None)
            case FlagWeighed():
                rows.table(UnsettledFlag).put(event.flag_id, UnsettledFlag(at=event.at))
            case SubjectDecided():
                _decided(rows, event)
            case AppealResolved():
                _count(rows, Quantity.OUTCOME, event.outcome)
            case _:
                _change(rows, event, lambda row: replace(row, place=_region(row.place, event)))

    def summary(self, tables: Tables[CountedCell]) -> Figures:
        """Public cases by category, area and month, and figures of moderation.

        Small counts are not shown.
        """
        cells = tables.find(Find(), limit=tables.count(Find()) or 1)
        counts: dict[Quantity, Counter[str]] = {each: Counter() for each in Quantity}
        for row in cells:
            counts[row.document.quantity][row.document.value] = row.document.count
        return figures_of(counts)


def _reported(event: CaseReported) -> CountedCase:
    return CountedCase(
        category=event.details.category,
        place=_region(None, event),
        reported_at=None if event.anonymous else event.at,
    )


def _region(place: Location | None, event: PlaceEvent) -> Location | None:
    """Return the place after the event, no more exact than a region, without its name."""
    place = place_after(place, event)
    return place and rounded(replace(place, precision=Precision.REGION, name=""))


def _change(
    rows: Rows[CountedCell],
    event: CasePublished | CaseUnpublished | CaseAmended | CaseErased | PlaceEvent,
    change: Callable[[CountedCase], CountedCase | None],
) -> None:
    """Change what is known of a case, and move it from the cells it was in to those it is in."""
    cases, key = rows.table(CountedCase), event.case_id
    before = cases.get(key)
    if before is None:
        return
    after = change(before)
    steps = Counter(_cells(after))
    steps.subtract(_cells(before))
    for (quantity, value), step in steps.items():
        _count(rows, quantity, value, step)
    if after is None:
        cases.delete(key)
    else:
        cases.put(key, after)


def _cells(case: CountedCase | None) -> Iterator[tuple[Quantity, str]]:
    """Yield the cells in which a case counts: none while it is not public."""
    if case is None or case.published_at is None:
        return
    yield Quantity.CATEGORY, case.category
    yield Quantity.AREA, _area(case.place)
    yield Quantity.MONTH, f"{case.published_at:%Y-%m}"
    if case.reported_at is not None:
        hours = (case.published_at - case.reported_at) // HOUR
        yield Quantity.HOURS_TO_PUBLIC, str(two_digits(hours))


def _area(place: Location | None) -> str:
    """Return whole degrees as "lat,lon", or "". The date line has one longitude."""
    if place is None:
        return ""
    lon = int(place.lon)
    return f"{int(place.lat)},{-DATE_LINE if lon == DATE_LINE else lon}"


def _decided(rows: Rows[CountedCell], event: SubjectDecided) -> None:
    """Count the days from the oldest flag to the decision, once there are ten decisions more."""
    flags, withheld = rows.table(UnsettledFlag), rows.table(Withheld)
    raised = [flag.at for key in event.flags if (flag := flags.get(key))]
    for key in event.flags:
        flags.delete(key)
    if not raised:
        return
    days = two_digits((event.at - min(raised)) // DAY)
    gathered = (*(withheld.get("") or Withheld()).durations, days)
    if len(gathered) == FEWEST_MEASURED:
        for each in gathered:
            _count(rows, Quantity.DAYS_TO_DECISION, str(each))
        gathered = ()
    withheld.put("", Withheld(durations=gathered))


def _count(rows: Rows[CountedCell], quantity: Quantity, value: str, step: int = 1) -> None:
    key = f"{quantity}/{value}"
    cell = rows.get(key) or CountedCell(cell_id=key, quantity=quantity, value=value, count=0)
    if count := cell.count + step:
        rows.put(key, replace(cell, count=count))
    else:
        rows.delete(key)


def two_digits(number: int) -> int:
    """Return the number rounded to two significant digits: it is at most 5 % off."""
    return int(float(f"{number:.2g}"))
