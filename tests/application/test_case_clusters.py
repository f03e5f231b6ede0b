"""Clusters of public cases on a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from application.engine.executor import CommandContext
from application.engine.filters import Box
from application.engine.query_service import value_of
from application.engine.rows import NoRows, UnitOfWork
from application.queries.case_clusters import (
    CELLS_A_TILE,
    CLOSEST,
    MOST_CELLS,
    CaseCluster,
    CaseClusters,
    cells_in,
)
from domain.actors import Actor
from domain.cases.case_commands import AmendCase, LocateCase, RetractLocation, WithdrawCase
from domain.cases.case_details import CaseCategory, CaseDetails, CaseUnpublishedReason
from domain.cases.case_events import (
    CaseAmended,
    CaseErased,
    CaseLocated,
    CasePublished,
    CaseReported,
    CaseUnpublished,
    LocationRetracted,
)
from domain.cases.place import Location, Precision
from domain.ids import CaseId, MemberId
from tests.application import community
from tests.application.community import ANYBODY, listed, rows
from tests.world import START, World

EVERYWHERE = "-180,-90,180,90"
AUTHOR = MemberId("anna")


def place(lat: float, lon: float) -> Location:
    return Location(lat=lat, lon=lon, precision=Precision.CITY)


BERLIN, POTSDAM, SUVA = place(52.5, 13.4), place(52.4, 13.1), place(-18.1, 178.4)


def change(world: World, command: Any, case_id: str = "c1") -> None:
    world.executors.cases.execute(case_id, command, CommandContext())
    world.settle()


def clusters(world: World, bbox: str = EVERYWHERE, zoom: int = 0) -> list[dict[str, Any]]:
    return listed(world, "case-clusters", bbox=Box.parse(bbox), zoom=zoom)


def counts(world: World, bbox: str = EVERYWHERE, zoom: int = 0) -> list[int]:
    return [cluster["count"] for cluster in clusters(world, bbox, zoom)]


def test_public_cases_are_counted_at_the_mean_of_their_places(world: World, anna: Actor) -> None:
    world.public_case(anna, location=BERLIN)
    world.public_case(anna, "c2", location=POTSDAM)
    world.public_case(anna, "c3")
    world.report(anna, case_id="c4", location=BERLIN)
    world.settle()
    (cluster,) = clusters(world)
    assert (cluster["count"], cluster["lat"], cluster["lon"]) == (2, 52.45, 13.25)
    assert (cluster["zoom"], cluster["case_id"]) == (0, None)


def test_clusters_part_as_one_zooms_in_and_a_single_case_has_its_id(
    world: World, anna: Actor
) -> None:
    world.public_case(anna, location=BERLIN)
    world.public_case(anna, "c2", location=POTSDAM)
    assert counts(world, zoom=5) == [2]
    near = clusters(world, "13,52,14,53", zoom=9)
    assert sorted((each["case_id"], each["lat"], each["lon"]) for each in near) == [
        ("c1", 52.5, 13.4),
        ("c2", 52.4, 13.1),
    ]
    assert counts(world, "13.3,52.45,13.5,52.6", zoom=9) == [1]


def test_the_box_of_a_cluster_holds_its_cases(world: World, anna: Actor) -> None:
    world.public_case(anna, location=BERLIN)
    world.public_case(anna, "c2", location=SUVA)
    for cluster in clusters(world, zoom=3):
        found = listed(world, "cases", bbox=Box.parse(cluster["bbox"]))
        assert [case["case_id"] for case in found] == [cluster["case_id"]]


def test_clusters_count_by_category(world: World, anna: Actor) -> None:
    fraud = {"category": CaseCategory.FRAUD}
    world.public_case(anna, location=BERLIN)
    world.public_case(anna, "c2", location=POTSDAM)
    change(world, AmendCase(changes=fraud, by=anna, at=world.clock()), "c2")
    (cluster,) = clusters(world)
    parts = [(part.category, part.count, part.case_id) for part in cluster["categories"]]
    assert parts == [(CaseCategory.FRAUD, 1, "c2"), (CaseCategory.OTHER, 1, "c1")]
    assert (cluster["categories"][0].lat, cluster["categories"][0].lon) == (52.4, 13.1)


def test_a_case_counts_where_it_is_and_while_it_is_public(
    world: World, anna: Actor, mo: Actor
) -> None:
    world.public_case(anna, location=BERLIN)
    before = rows(world, "case-clusters")
    assert len(before) == CLOSEST + 1
    change(world, LocateCase(location=SUVA, by=anna, at=world.clock()))
    assert counts(world, "13,52,14,53", zoom=5) == []
    assert counts(world, "178,-19,179,-18", zoom=5) == [1]
    change(world, RetractLocation(by=anna, at=world.clock()))
    assert rows(world, "case-clusters") == {}
    change(world, LocateCase(location=BERLIN, by=anna, at=world.clock()))
    assert rows(world, "case-clusters") == before
    community.decide(world, community.CASE, "c1", mo)
    world.settle()
    assert rows(world, "case-clusters") == {}
    change(world, LocateCase(location=POTSDAM, by=anna, at=world.clock()))
    assert rows(world, "case-clusters") == {}
    community.decide(world, community.CASE, "c1", mo, community.RESTORE, decision_id="d2")
    world.settle()
    assert counts(world) == [1]
    change(world, WithdrawCase(by=anna, at=world.clock()))
    assert rows(world, "case-clusters") == {}


def test_nothing_is_left_of_an_erased_case(world: World, anna: Actor) -> None:
    world.public_case(anna, location=BERLIN)
    community.erase(world, anna)
    answers = world.answers["case-clusters"]
    assert [list(table) for table in community.tables(world, answers.service)] == [[], []]


def test_answers_are_whole_on_one_page(world: World, anna: Actor) -> None:
    for number in range(25):
        world.public_case(anna, f"c{number}", location=place(-60 + 5 * number, 10))
    page = world.answers["case-clusters"].page(ANYBODY, {"zoom": 3}, limit=MOST_CELLS)
    assert sum(cluster.count for cluster in page.documents) == 25
    assert page.next is None
    assert CaseClusters.limits == (MOST_CELLS, MOST_CELLS)


# Cells


def zooms(keys: Sequence[str]) -> set[int]:
    return {int(key.split("/")[0]) for key in keys}


def test_cells_are_larger_where_a_box_would_touch_too_many() -> None:
    assert zooms(cells_in(Box.parse(EVERYWHERE), 14)) == {2}
    assert zooms(cells_in(Box.parse("13,52,14,53"), 30)) == {10}
    assert zooms(cells_in(Box.parse("13.4,52.5,13.41,52.51"), 30)) == {CLOSEST}


def test_the_whole_map_has_each_cell_once() -> None:
    for text in (EVERYWHERE, "-900,-89,900,89", "-179.999,-90,-180.001,90"):
        box = Box.parse(text) if text != "-179.999,-90,-180.001,90" else Box(0.1, -90, 0, 90)
        keys = cells_in(box, 0)
        assert len(keys) == len(set(keys)) == CELLS_A_TILE**2


def test_a_box_over_the_date_line_touches_cells_on_both_sides() -> None:
    keys = cells_in(Box.parse("175,-20,-175,-15"), 3)
    assert {key.split("/")[1] for key in keys} == {"31", "0"}
    assert set(cells_in(Box.parse("175,-20,185,-15"), 3)) == set(keys)


# Events in any order

SPOTS = (
    place(0, 180),
    place(0, -180),
    place(0, -179.9),
    place(90, 12),
    place(-90, 12),
    BERLIN,
    POTSDAM,
    None,
)
CASE_IDS = ("c1", "c2", "0196f0a0-7e57-7000-8000-000000000001")


@dataclass(frozen=True)
class Fate:
    """What becomes of a case in the end."""

    where: Location | None
    category: CaseCategory
    public: bool


def reported(case_id: str, where: Location | None) -> CaseReported:
    details = CaseDetails(title="A bribe", story="They asked.")
    return CaseReported(
        case_id=CaseId(case_id),
        author=AUTHOR,
        author_name="Anna",
        details=details,
        location=where,
        at=START,
    )


def located(case_id: str, where: Location | None) -> CaseLocated | LocationRetracted:
    key = CaseId(case_id)
    if where is None:
        return LocationRetracted(case_id=key, number=0, at=START)
    return CaseLocated(case_id=key, number=0, location=where, by=AUTHOR, at=START)


def published(case_id: str, category: CaseCategory) -> CasePublished:
    return CasePublished(
        case_id=CaseId(case_id),
        author=AUTHOR,
        anonymous=False,
        details=CaseDetails(title="A bribe", story="They asked.", category=category),
        published_at=START,
        at=START,
    )


def amended(case_id: str, category: CaseCategory) -> CaseAmended:
    details = CaseDetails(title="A bribe", story="They asked.", category=category)
    return CaseAmended(case_id=CaseId(case_id), details=details, by=AUTHOR, at=START)


def unpublished(case_id: str) -> CaseUnpublished:
    reason = CaseUnpublishedReason.HIDDEN
    return CaseUnpublished(case_id=CaseId(case_id), reason=reason, at=START)


def erased(case_id: str) -> CaseErased:
    return CaseErased(case_id=CaseId(case_id), at=START)


def projected(events: Sequence[Any]) -> dict[str, CaseCluster]:
    work: UnitOfWork[CaseCluster] = UnitOfWork(NoRows(), value_of)
    for event in events:
        CaseClusters().project(event, work)
    return {key: cluster for key, cluster in work.changes.items() if cluster}


ids, spots = some.sampled_from(CASE_IDS), some.sampled_from(SPOTS)
categories = some.sampled_from((CaseCategory.FRAUD, CaseCategory.OTHER))
events = some.one_of(
    some.builds(located, ids, spots),
    some.builds(published, ids, categories),
    some.builds(amended, ids, categories),
    some.builds(unpublished, ids),
)


@settings(max_examples=60, deadline=None)
@given(history=some.lists(events, max_size=25), gone=some.none() | ids)
def test_clusters_are_those_of_the_cases_as_they_are(history: list[Any], gone: str | None) -> None:
    begun = [reported(case_id, None) for case_id in CASE_IDS]
    ended = [erased(gone)] if gone else []
    fates = {case_id: fate_of(case_id, history) for case_id in CASE_IDS if case_id != gone}
    short = [
        event
        for case_id, fate in sorted(fates.items(), reverse=True)
        if fate.public and fate.where
        for event in (reported(case_id, fate.where), published(case_id, fate.category))
    ]
    assert projected([*begun, *history, *ended]) == projected(short)


def fate_of(case_id: str, history: Sequence[Any]) -> Fate:
    where, category, public = None, CaseCategory.OTHER, False
    for event in history:
        if event.case_id == case_id:
            where = place_of(event, where)
            category = event.details.category if hasattr(event, "details") else category
            public = isinstance(event, CasePublished) or (
                public and not isinstance(event, CaseUnpublished)
            )
    return Fate(where, category, public)


def place_of(event: Any, before: Location | None) -> Location | None:
    match event:
        case CaseLocated():
            return event.location
        case LocationRetracted():
            return None
        case _:
            return before


@pytest.mark.parametrize("where", [spot for spot in SPOTS if spot])
def test_every_place_is_found_at_every_zoom(where: Location) -> None:
    found = projected([reported("c1", where), published("c1", CaseCategory.OTHER)])
    for zoom in range(CLOSEST + 1):
        keys = cells_in(Box.parse(f"{where.lon},{where.lat},{where.lon},{where.lat}"), zoom)
        (cluster,) = (found[key] for key in keys if key in found)
        assert cluster.zoom == zoom
        assert (cluster.lat, cluster.lon % 360) == (where.lat, where.lon % 360)
        assert cluster.case_id == "c1"


def test_both_longitudes_of_the_date_line_are_one_place() -> None:
    events = [reported("c1", place(0, 180)), published("c1", CaseCategory.OTHER)]
    events += [reported("c2", place(0, -179.8)), published("c2", CaseCategory.OTHER)]
    found = projected(events)
    assert (found["0/0/2"].count, found["0/0/2"].lon) == (2, -179.9)


def test_events_of_a_case_that_was_withheld_change_nothing() -> None:
    """The engine withholds what names its author, once that author was erased."""
    assert projected([amended("c1", CaseCategory.FRAUD), unpublished("c1"), erased("c1")]) == {}
    assert projected([published("c1", CaseCategory.FRAUD)]) == {}
