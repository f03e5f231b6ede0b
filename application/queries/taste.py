"""What suits a member: cases like those in which they take part, and what they follow."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice

from application.engine.filters import equal
from application.engine.query_service import Viewer
from application.ports.read_models import Condition, Find, OneOf, Tables
from application.queries.recommended_case import RecommendedCase, folded
from application.queries.recommending import Reason, ReasonKind, reason
from application.queries.similarity import counted, noisy, scores
from application.queries.taking_part import (
    THIS_WEEK,
    Calendar,
    Companions,
    Participant,
    took_part,
)
from domain.members.member import Area
from domain.sphere import cells_around, km_between

MOST_SEEDS = 8
"""So many of the member's last cases decide what suits them."""
MOST_PARTS = 100
"""So many of the last cases of each of their companions are counted."""
MOST_SHARED = 5
MOST_AREAS = 5
A_KIND = 40
"""So many cases of each kind are looked at, those that matter most first."""
DIGITS = 12

Cases = Sequence[RecommendedCase]


class Taste:
    """Looks up what suits a member. The work for it is bounded, however much they took part."""

    def __init__(
        self, viewer: Viewer, member: Participant, tables: Tables[RecommendedCase], weeks: int
    ) -> None:
        self._viewer = viewer
        self._member = member
        self._tables = tables
        self._weeks = weeks
        self._known = {part.case_id for part in member.parts if part.until is None}

    def popular(self, limit: int) -> Iterator[RecommendedCase]:
        """Yield the cases that matter most to everybody."""
        return self._new(self._found(limit=2 * limit + len(self._known)))

    def suited(self) -> Iterator[Cases]:
        """Yield cases of each kind, those that suit best first."""
        yield self._similar_cases
        yield self._with("tags", self._member.interests)
        yield self._in_followed_areas()
        yield self._with("organisations", self._organisations)
        yield self._with("tags", self._shared_tags)
        yield self._with("area", self._areas)

    def reasons(self, row: RecommendedCase) -> tuple[Reason, ...]:
        """Return all reasons that suit the member, or that the case is popular."""
        return tuple(self._reasons(row)) or (reason(ReasonKind.POPULAR),)

    def _reasons(self, row: RecommendedCase) -> Iterator[Reason]:
        if seed := self._similar.get(row.case_id):
            yield reason(ReasonKind.SIMILAR, seed.title, seed.case_id)
        if tag := _first(row.tags, self._member.interests):
            yield reason(ReasonKind.FOLLOWED_TAG, tag)
        if _is_in(row, self._followed_areas):
            yield reason(ReasonKind.FOLLOWED_AREA)
        if name := _first(row.organisations, self._organisations):
            names = {folded(each): each for each in row.parties.values()}
            yield reason(ReasonKind.SAME_ORGANISATION, names[name])
        if tag := _first(row.tags, self._shared_tags):
            yield reason(ReasonKind.SHARED_TAG, tag)
        if seed := self._areas.get(row.area or ""):
            yield reason(ReasonKind.SAME_AREA, seed.title, seed.case_id)

    @cached_property
    def _seeds(self) -> Cases:
        """The last cases in which the member takes part, of those that are public."""
        parts = [part.case_id for part in self._member.parts if part.until is None]
        found = self._tables.get(parts[: 2 * MOST_SEEDS])
        rows = (found[key] for key in parts if key in found and found[key].public)
        return list(islice(rows, MOST_SEEDS))

    @cached_property
    def _shared_tags(self) -> Sequence[str]:
        counts = Counter(tag for seed in self._seeds for tag in seed.tags)
        others = (tag for tag, _ in counts.most_common() if tag not in self._member.interests)
        return list(islice(others, MOST_SHARED))

    @cached_property
    def _organisations(self) -> Sequence[str]:
        found = dict.fromkeys(name for seed in self._seeds for name in seed.organisations)
        return list(found)[:MOST_SHARED]

    @cached_property
    def _areas(self) -> Mapping[str, RecommendedCase]:
        """The areas of the member's cases, each with the last case in it."""
        return {seed.area: seed for seed in reversed(self._seeds) if seed.area}

    @property
    def _followed_areas(self) -> Sequence[Area]:
        return self._member.areas[:MOST_AREAS]

    def _in_followed_areas(self) -> Cases:
        areas = self._followed_areas
        degrees = {name for area in areas for name in cells_around(area, area.km)}
        return [row for row in self._with("degree", degrees) if _is_in(row, areas)]

    def _with(self, field: str, values: Collection[str]) -> Cases:
        if not values:
            return ()
        return list(self._new(self._found(OneOf(field, tuple(values)), limit=A_KIND)))

    def _found(self, *where: Condition, limit: int) -> Iterator[RecommendedCase]:
        find = Find(where=(*where, *equal(public=True)), order_by="rank")
        return (row.document for row in self._tables.find(find, limit=limit))

    def _new(self, rows: Iterable[RecommendedCase]) -> Iterator[RecommendedCase]:
        """Yield the public cases that the member neither reported nor takes part in."""
        for row in rows:
            own = row.case_id in self._known or self._viewer.is_member(row.author_id)
            if row.public and not own:
                yield row

    # Similar cases

    @cached_property
    def _similar_cases(self) -> Cases:
        return [self._rows[key] for key in self._similar]

    @cached_property
    def _similar(self) -> Mapping[str, RecommendedCase]:
        """The member's case that is most similar, by similar case, the most similar ones first."""
        seeds = {seed.case_id: seed for seed in self._seeds}
        rows = self._rows
        pairs = {
            key: {other: number for other, number in others.items() if other in rows}
            for key, others in self._pairs.items()
        }
        sizes = {key: row.size for key, row in (rows | seeds).items()}
        totals = defaultdict[str, float](float)
        nearest = defaultdict[str, tuple[float, str]](lambda: (0.0, ""))
        for seed, others in scores(pairs, sizes).items():
            for other, score in others.items():
                totals[other] += score
                nearest[other] = max(nearest[other], (score, seed))
        best = sorted(totals, key=lambda key: (-totals[key], key))[:A_KIND]
        return {key: seeds[nearest[key][1]] for key in best}

    @cached_property
    def _rows(self) -> dict[str, RecommendedCase]:
        keys = {other for others in self._pairs.values() for other in others}
        found = self._tables.get(sorted(keys))
        return {row.case_id: row for row in self._new(found.values())}

    @cached_property
    def _pairs(self) -> Mapping[str, Mapping[str, int]]:
        found = self._tables.side(Calendar).get([THIS_WEEK]).get(THIS_WEEK)
        if found is None or not self._seeds:
            return {}
        week = found.week

        def draw(pair: str) -> float:
            drawn = self._viewer.keyed(f"similar cases of {week:%Y-%m-%d}", pair)
            return int(drawn.replace("-", "")[:DIGITS], 16) / float(16**DIGITS)

        groups = self._tables.side(Companions).get([seed.case_id for seed in self._seeds])
        keys = {key for group in groups.values() for key in group.member_ids}
        members = self._tables.side(Participant).get(sorted(keys))
        parts = {
            key: frozenset(took_part(member, week, self._weeks, MOST_PARTS))
            for key, member in members.items()
        }
        together = {
            case_id: [parts[key] for key in group.member_ids if key in parts]
            for case_id, group in groups.items()
        }
        return noisy(counted(together), draw)


def _first(own: Iterable[str], wanted: Collection[str]) -> str | None:
    return next((each for each in own if each in wanted), None)


def _is_in(row: RecommendedCase, areas: Iterable[Area]) -> bool:
    place = row.location
    return place is not None and any(km_between(area, place) <= area.km for area in areas)
