"""Public cases by category, area and month, and figures of moderation."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.queries.figures import (
    FEWEST,
    FEWEST_MEASURED,
    Appeals,
    AreaCount,
    Durations,
    Figures,
    MonthCount,
    quantile,
    without_small,
)
from application.queries.statistics import two_digits
from domain.actors import Actor
from domain.cases.case_commands import (
    AcceptContribution,
    AmendCase,
    CaseCommand,
    LocateCase,
    RetractLocation,
    WithdrawCase,
)
from domain.cases.case_details import CaseCategory
from domain.cases.place import Location, Precision
from domain.moderation.decision import Outcome
from tests.application.community import (
    CASE,
    RESTORE,
    appeal,
    decide,
    erase,
    flag,
    must_be_rebuilt_alike,
    resolve,
)
from tests.world import World

BERLIN = Location(lat=52.52, lon=13.405, precision=Precision.STREET, name="Karl-Marx-Allee")
NADI = Location(lat=-17.8, lon=179.9, precision=Precision.CITY)


def figures(world: World) -> Figures:
    world.settle()
    found: Figures = world.answers["stats"].summary()
    return found


def publish(world: World, author: Actor, *case_ids: str, **more: Any) -> None:
    for case_id in case_ids:
        world.report(author, world.evidence(author, f"e-{case_id}"), case_id=case_id, **more)
    world.settle()


def on_case(world: World, case_id: str, command: CaseCommand) -> None:
    world.executors.cases.execute(case_id, command, CommandContext())


def areas(world: World) -> dict[tuple[int | None, int | None], int]:
    return {(each.lat, each.lon): each.cases for each in figures(world).areas.shown}


def names(start: int, stop: int) -> list[str]:
    return [f"c{number}" for number in range(start, stop)]


class TestCases:
    def test_nothing_is_counted_in_an_empty_town(self, world: World) -> None:
        found = figures(world)
        assert (found.cases, found.categories, found.areas.shown, found.areas.others) == (
            *(0, (), (), 0),
        )
        assert found.hours_to_public == found.days_to_decision == Durations()
        assert found.appeals == Appeals()

    def test_only_public_cases_count(self, world: World, anna: Actor) -> None:
        publish(world, anna, "c1", location=BERLIN)
        world.report(anna, case_id="c2", location=BERLIN)
        world.report(
            anna,
            world.evidence(anna, "e3"),
            case_id="c3",
            anonymous=True,
            publish_within=9,
            delay=timedelta(hours=9),
        )
        assert figures(world).cases == 1

    def test_a_case_counts_in_its_category_area_and_month(self, world: World, anna: Actor) -> None:
        publish(world, anna, *names(0, 5), location=BERLIN)
        world.clock.wind(days=31)
        publish(world, anna, *names(5, 11), location=NADI)
        found = figures(world)
        assert [(each.category, each.cases) for each in found.categories] == [
            (CaseCategory.OTHER, 11)
        ]
        assert found.areas.shown == (
            AreaCount(lat=-18, lon=-180, cases=6),
            AreaCount(lat=53, lon=13, cases=5),
        )
        assert found.months.shown == (
            MonthCount(month="2026-04", cases=6),
            MonthCount(month="2026-03", cases=5),
        )
        must_be_rebuilt_alike(world, anna)

    def test_an_amended_case_moves_to_its_new_category(self, world: World, anna: Actor) -> None:
        publish(world, anna, "c1", "c2")
        amend = AmendCase(changes={"category": CaseCategory.FRAUD}, by=anna, at=world.clock())
        on_case(world, "c2", amend)
        found = {each.category: each.cases for each in figures(world).categories}
        assert found == {CaseCategory.OTHER: 1, CaseCategory.FRAUD: 1}

    def test_a_case_counts_where_it_is_located_now(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        publish(world, anna, *names(0, 6), location=BERLIN)
        publish(world, anna, *names(6, 16))
        assert areas(world) == {(53, 13): 6, (None, None): 10}
        on_case(world, "c6", LocateCase(location=BERLIN, by=anna, at=world.clock()))
        assert areas(world) == {(53, 13): 7, (None, None): 9}
        on_case(world, "c6", RetractLocation(by=anna, at=world.clock()))
        assert areas(world) == {(53, 13): 6, (None, None): 10}
        on_case(world, "c7", LocateCase(location=BERLIN, by=ben, at=world.clock()))
        on_case(world, "c7", AcceptContribution(number=0, by=anna, at=world.clock()))
        assert areas(world) == {(53, 13): 7, (None, None): 9}
        erase(world, ben)
        assert areas(world) == {(53, 13): 6, (None, None): 10}
        must_be_rebuilt_alike(world, anna)

    def test_a_hidden_case_counts_again_once_it_is_restored(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        publish(world, anna, *names(0, 7))
        decide(world, CASE, "c1", mo)
        world.clock.wind(days=40)
        assert figures(world).cases == 6
        decide(world, CASE, "c1", mo, RESTORE, decision_id="d2")
        assert figures(world).months.shown == (MonthCount(month="2026-03", cases=7),)

    def test_a_withdrawn_or_erased_case_does_not_count(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        publish(world, anna, "c1", "c2")
        publish(world, ben, "c3")
        on_case(world, "c1", WithdrawCase(by=anna, at=world.clock()))
        erase(world, ben)
        assert figures(world).cases == 1
        must_be_rebuilt_alike(world, anna)

    def test_no_exact_place_is_kept(self, world: World, anna: Actor) -> None:
        publish(world, anna, "c1", location=BERLIN)
        kept = repr(world.model(world.answers["stats"].service).__dict__)
        assert "52.52" not in kept
        assert "Karl-Marx-Allee" not in kept


class TestDurations:
    def test_hours_to_public_are_those_of_named_cases(self, world: World, anna: Actor) -> None:
        cases = names(0, 10)
        for number, case_id in enumerate(cases):
            evidence = world.evidence(anna, f"e-{case_id}")
            world.report(anna, evidence, case_id=case_id)
            world.clock.wind(hours=number)
            world.settle()
        publish(world, anna, "c10", anonymous=True)
        assert figures(world).hours_to_public == Durations(count=10, median=4, p90=8)
        on_case(world, "c0", WithdrawCase(by=anna, at=world.clock()))
        assert figures(world).hours_to_public == Durations()
        must_be_rebuilt_alike(world, anna)

    def test_days_to_decision_count_from_the_oldest_flag(
        self, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        publish(world, anna, *names(0, 10))
        for number, case_id in enumerate(names(0, 10)):
            flag(world, CASE, case_id, ben)
            world.settle()
            world.clock.wind(days=number)
            flag(world, CASE, case_id, world.member(f"Flagger {number}"))
            world.settle()
            assert figures(world).days_to_decision == Durations()
            decide(world, CASE, case_id, mo, decision_id=f"d{number}")
        assert figures(world).days_to_decision == Durations(count=10, median=4, p90=8)
        must_be_rebuilt_alike(world, anna)

    def test_a_decision_without_a_flag_has_no_duration(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        publish(world, anna, *names(0, 10))
        for case_id in names(0, 10):
            decide(world, CASE, case_id, mo, decision_id=f"d-{case_id}")
        assert figures(world).days_to_decision == Durations()

    def test_one_decision_more_changes_no_figure_of_flags(
        self, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        cases = names(0, 2 * FEWEST_MEASURED)
        publish(world, anna, *cases)
        told = set()
        for case_id in cases:
            flag(world, CASE, case_id, ben)
            world.settle()
            world.clock.wind(days=1)
            decide(world, CASE, case_id, mo, decision_id=f"d-{case_id}")
            told.add(figures(world).days_to_decision)
        assert {each.count for each in told} == {None, 10, 20}
        assert len(told) == 3

    @pytest.mark.parametrize("number", [0, 1, 99, 104, 105, 999, 1049, 87_654])
    def test_two_digits_are_at_most_5_percent_off(self, number: int) -> None:
        assert abs(two_digits(number) - number) <= 0.05 * number
        assert number > 99 or two_digits(number) == number

    def test_quantiles_are_values_that_occur(self) -> None:
        assert quantile({3: 1}, 50) == quantile({3: 1}, 90) == 3
        assert quantile({1: 5, 7: 5}, 50) == 1
        assert quantile({1: 5, 7: 4, 9: 1}, 90) == 7
        assert quantile({1: 1, 7: 1, 9: 1}, 90) == 9


class TestAppeals:
    def test_the_share_of_appeals_that_restored_something(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        ada = world.member("Ada", *mo.roles)
        publish(world, anna, *names(0, FEWEST))
        for number, case_id in enumerate(names(0, FEWEST)):
            assert figures(world).appeals == Appeals()
            decide(world, CASE, case_id, mo, decision_id=f"d{number}")
            world.settle()
            appeal(world, anna, f"d{number}")
            world.settle()
            outcome = Outcome.UPHOLD if number else Outcome.OVERTURN
            resolve(world, ada, outcome, f"d{number}")
        assert figures(world).appeals == Appeals(resolved=5, restored=1, share_restored=0.2)
        must_be_rebuilt_alike(world, anna)


class TestSmallCounts:
    def test_small_counts_are_summed(self) -> None:
        assert without_small({"a": 9, "b": 4, "c": 3}) == (Counter(a=9), 7)
        assert without_small({"a": 9, "b": 5}) == (Counter(a=9, b=5), 0)

    def test_a_small_sum_takes_the_smallest_count_with_it(self) -> None:
        assert without_small({"a": 9, "b": 6, "c": 1, "d": 2}) == (Counter(a=9), 9)
        assert without_small({"a": 9, "b": 6, "c": 6, "d": 4}) == (Counter(a=9), 16)

    def test_a_sum_as_large_as_small_counts_can_have_takes_another_count_with_it(self) -> None:
        assert without_small({"a": 9, "b": 4, "c": 4, "d": 5}) == (Counter(a=9), 13)

    def test_no_small_count_can_be_computed(self) -> None:
        """An attacker who knows the method and every area tries all towns that look the same."""
        looks: dict[str, list[tuple[int, ...]]] = defaultdict(list)
        for town in product(range(FEWEST + 4), repeat=4):
            looks[look(dict(zip("abcd", town, strict=True)))].append(town)
        for alike in looks.values():
            for counts in zip(*alike, strict=True):
                assert not (len(set(counts)) == 1 and 0 < counts[0] < FEWEST)

    def test_the_method_without_its_last_step_could_be_computed(self) -> None:
        """Or the test above would prove nothing: a total gives away the one that is left out."""
        town = {"a": 9, "b": 6, "c": 3}
        shown = {key: count for key, count in town.items() if count >= FEWEST}
        assert sum(town.values()) - sum(shown.values()) == town["c"]

    def test_a_case_taken_back_leaves_no_small_count(self, world: World, anna: Actor) -> None:
        publish(world, anna, *names(0, 5), location=BERLIN)
        publish(world, anna, *names(5, 12), location=NADI)
        assert areas(world) == {(53, 13): 5, (-18, -180): 7}
        on_case(world, "c0", WithdrawCase(by=anna, at=world.clock()))
        assert (areas(world), figures(world).areas.others) == ({}, 11)


def look(town: Mapping[str, int]) -> str:
    """All that is shown of a town."""
    counts = {area: count for area, count in town.items() if count}
    return repr((sum(counts.values()), without_small(counts)))
