"""Which cases are recommended to a member, and for which reasons."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from application.engine.executor import CommandContext
from application.queries.recommended_cases import WEEKS
from application.queries.recommending import MOST_OF_AN_AREA, TEXTS, ReasonKind, mixed, reason
from application.queries.similarity import LEAST_MEMBERS, MOST_NOISE, counted, noise, noisy
from application.queries.taking_part import MOST_CASES, MOST_COMPANIONS, Companions, Participant
from domain.actors import Actor
from domain.cases.case_commands import AmendCase, WithdrawCase
from domain.cases.engagement import EngagementDeed
from domain.cases.party import PartyDetails, PartyKind
from domain.cases.place import Location, Precision
from domain.ids import CaseId, MemberId, PartyId
from domain.members.member import (
    Area,
    ChooseInterests,
    MemberErased,
    RecommendationsTurnedOff,
    SwitchRecommendations,
)
from domain.moderation.subject import SubjectKind
from tests.application.community import (
    answered,
    decide,
    erase,
    listed,
    moderator,
    must_be_rebuilt_alike,
    read_models_with,
    say,
)
from tests.application.recommending import LAST_WEEK, MONDAY, Shelf
from tests.application.test_my_engagements import disengage, engage
from tests.world import World

NAME = "recommended-cases"
MANY = [MemberId(f"member-{number}") for number in range(LEAST_MEMBERS + 2 * MOST_NOISE)]
BERLIN = Location(lat=52.51, lon=13.41, precision=Precision.STREET, name="Berlin")
PARIS = Location(lat=48.85, lon=2.35, precision=Precision.STREET, name="Paris")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def ids(world: World, member: Actor) -> list[str]:
    return [case["case_id"] for case in listed(world, NAME, world.viewer(member))]


def reasons(world: World, member: Actor, case_id: str) -> list[tuple[str, str | None]]:
    cases = listed(world, NAME, world.viewer(member))
    (found,) = [case for case in cases if case["case_id"] == case_id]
    return [(each.kind, each.about) for each in found["reasons"]]


def settle(world: World, who: str, command: object) -> None:
    executors = world.executors
    executor = executors.members if who.startswith("member-") else executors.cases
    executor.execute(who, command, CommandContext())  # type: ignore[arg-type]  # of either
    world.settle()


# The mixture


class Placed:
    """A case with an area."""

    def __init__(self, case_id: str, area: str | None) -> None:
        self.case_id, self.area = case_id, area


def placed(*areas: str | None, start: int = 0) -> list[Placed]:
    return [Placed(f"c{start + number}", area) for number, area in enumerate(areas)]


def names(cases: Sequence[Placed]) -> str:
    return " ".join(case.case_id for case in cases)


def test_each_third_place_is_for_what_suits_the_member_and_kinds_take_turns() -> None:
    popular = placed(*[None] * 6)
    one, other = placed(None, None, start=10), placed(None, start=20)
    assert names(mixed(popular, [one, other], 9)) == "c0 c1 c10 c2 c3 c20 c4 c5 c11"


def test_a_case_is_recommended_once_and_places_that_are_left_go_to_the_other_kind() -> None:
    popular = placed(None, None, None)
    assert names(mixed(popular, [popular[:1], popular[2:]], 9)) == "c0 c1 c2"
    assert names(mixed([], [popular], 2)) == "c0 c1"
    assert names(mixed(popular, [], 2)) == "c0 c1"


def test_at_most_two_of_an_area_follow_each_other() -> None:
    popular = placed("a", "a", "a", "a", "b", "a", None, "a")
    found = mixed(popular, [], 8)
    for number in range(len(found) - MOST_OF_AN_AREA):
        areas = {case.area for case in found[number : number + MOST_OF_AN_AREA + 1]}
        assert len(areas) > 1
    assert names(mixed(placed("a", "a", "a"), [], 3)) == "c0 c1 c2", "there are no others"
    assert names(mixed(placed(None, None, None), [], 3)) == "c0 c1 c2"


def test_reasons_are_given_in_words() -> None:
    for kind in ReasonKind:
        assert TEXTS[kind]
        assert "{" not in reason(kind, "potholes", "c1").text
    assert "potholes" in reason(ReasonKind.SHARED_TAG, "potholes").text


# Cold start and popularity


def test_a_newcomer_gets_what_matters_most_right_now(shelf: Shelf) -> None:
    shelf.publish("old", at=LAST_WEEK - timedelta(days=100))
    shelf.publish("new", "loved", at=LAST_WEEK)
    shelf.support(["ben", "cora"], "loved")
    found = shelf.found("anna")
    assert [row.case_id for row in found] == ["loved", "new", "old"]
    assert {each.kind for row in found for each in row.reasons} == {ReasonKind.POPULAR}
    assert found[0].supports == 2
    assert len(shelf.found("anna", limit=2)) == 2


def test_a_support_that_is_withdrawn_counts_no_more(world: World, anna: Actor, ben: Actor) -> None:
    for case_id in ("c1", "c2"):
        world.public_case(anna, case_id)
        world.clock.wind(days=1)
    cora = world.member("Cora")
    engage(world, "supports", ben, "c1")
    assert ids(world, cora) == ["c1", "c2"]
    disengage(world, "supports", ben)
    assert ids(world, cora) == ["c2", "c1"]
    engage(world, "follows", ben, "c1")
    disengage(world, "follows", ben)
    assert ids(world, ben) == ["c2", "c1"]


# What is never recommended


def test_own_cases_and_those_in_which_one_takes_part_are_left_out(
    world: World, anna: Actor, ben: Actor
) -> None:
    world.public_case(anna, "c1")
    world.public_case(anna, "c2", anonymous=True)
    for case_id in ("c3", "c4", "c5", "c6"):
        world.public_case(ben, case_id)
    engage(world, "supports", anna, "c3")
    engage(world, "follows", anna, "c4")
    say(world, anna, case_id="c5")
    world.settle()
    assert ids(world, anna) == ["c6"]
    assert set(ids(world, ben)) == {"c1", "c2"}
    must_be_rebuilt_alike(world, anna, ben)
    assert ids(world, anna) == ["c6"]


def test_a_case_that_is_not_public_is_not_recommended(
    world: World, anna: Actor, ben: Actor
) -> None:
    mo = moderator(world, "Mo")
    for number in range(1, 5):
        world.public_case(anna, f"c{number}")
    world.report(anna, case_id="c5")
    decide(world, SubjectKind.CASE, "c1", mo)
    world.settle()
    settle(world, "c2", WithdrawCase(by=anna, at=world.clock()))
    assert ids(world, ben) == ["c4", "c3"]
    change = AmendCase(changes={"title": "Two bribes"}, by=anna, at=world.clock())
    settle(world, "c3", change)
    assert {case["title"] for case in listed(world, NAME, world.viewer(ben))} >= {"Two bribes"}
    erase(world, anna)
    assert ids(world, ben) == []
    assert answered(world)[NAME] == []


# What suits a member


def test_followed_tags_and_areas_suit_a_member(world: World, anna: Actor, ben: Actor) -> None:
    world.public_case(anna, "c1", tags=("police",))
    world.public_case(anna, "c2", location=BERLIN)
    world.public_case(anna, "c3", location=PARIS)
    choose = ChooseInterests(
        interests=("police",), areas=(Area(lat=52.5, lon=13.4),), by=ben, at=world.clock()
    )
    settle(world, ben.member_id, choose)
    assert reasons(world, ben, "c1") == [("followed_tag", "police")]
    assert reasons(world, ben, "c2") == [("followed_area", None)]
    assert reasons(world, ben, "c3") == [("popular", None)]
    must_be_rebuilt_alike(world, ben)


def test_what_is_like_ones_cases_suits_a_member(world: World, anna: Actor, ben: Actor) -> None:
    world.public_case(anna, "c1", tags=("police", "toll"), location=BERLIN, title="Toll")
    world.public_case(anna, "c2", location=replace(BERLIN, lat=52.55))
    world.public_case(anna, "c3", tags=("toll",), location=PARIS)
    world.public_case(anna, "c4", location=replace(BERLIN, lat=53.0, precision=Precision.REGION))
    engage(world, "follows", ben, "c1")
    assert reasons(world, ben, "c2") == [("same_area", "Toll")]
    assert reasons(world, ben, "c3") == [("shared_tag", "toll")]
    assert reasons(world, ben, "c4") == [("popular", None)]
    settle(world, "c1", WithdrawCase(by=anna, at=world.clock()))
    assert reasons(world, ben, "c3") == [("popular", None)], "nothing tells of a hidden case"


def test_organisations_in_common_are_a_reason_and_persons_are_not(
    world: World, anna: Actor, ben: Actor
) -> None:
    for case_id in ("c1", "c2", "c3"):
        world.public_case(anna, case_id)
    named = (
        ("c1", "p1", PartyKind.ORGANISATION, "Acme  Roads"),
        ("c2", "p2", PartyKind.ORGANISATION, "ACME Roads"),
        ("c1", "p3", PartyKind.PERSON, "Joan Roe"),
        ("c3", "p4", PartyKind.PERSON, "Joan Roe"),
    )
    for case_id, key, kind, name in named:
        details = PartyDetails(kind=kind, name=name, role="took money")
        world.enrich.name_party(PartyId(key), CaseId(case_id), details, anna, CommandContext())
    engage(world, "supports", ben, "c1")
    assert reasons(world, ben, "c2") == [("same_organisation", "ACME Roads")]
    assert reasons(world, ben, "c3") == [("popular", None)]
    world.enrich.retract_party(PartyId("p1"), CaseId("c1"), anna, CommandContext())
    world.settle()
    assert reasons(world, ben, "c2") == [("popular", None)]


# Similar cases


def test_many_who_take_part_in_two_cases_make_them_similar(shelf: Shelf) -> None:
    shelf.publish("a", "b", "c")
    shelf.support(MANY, "a", "b")
    shelf.support(["anna"], "a")
    shelf.begin_week()
    assert shelf.reasons("anna", "b") == ["similar"]
    assert shelf.reasons("anna", "c") == ["popular"]
    (found,) = [row for row in shelf.found("anna") if row.case_id == "b"]
    assert found.reasons[0].case_id == "a"
    assert found.reasons[0].about == "Title of a"
    assert not any(member in found.reasons[0].text for member in MANY)


def always(chance: float, _pair: str) -> float:
    return chance


def test_fewer_than_five_never_make_a_pair() -> None:
    groups = {"a": [{"a", "b"}] * (LEAST_MEMBERS - 1)}
    for chance in range(1000):
        assert noisy(counted(groups), partial(always, chance / 1000))["a"] == {}
    five = counted({"a": [{"a", "b"}] * LEAST_MEMBERS})
    assert noisy(five, lambda _: 0.9999)["a"] == {"b": LEAST_MEMBERS + MOST_NOISE}
    assert noisy(five, lambda _: 0.5)["a"] == {}


def test_noise_is_of_both_signs_and_bounded() -> None:
    drawn = [noise((number + 0.5) / 10_000) for number in range(10_000)]
    assert (min(drawn), max(drawn)) == (-MOST_NOISE, MOST_NOISE)
    assert sum(drawn) == 0
    assert 0.1 < drawn.count(0) / len(drawn) < 0.15
    assert drawn.count(MOST_NOISE) / len(drawn) < 0.011
    assert noise(0.0) == -MOST_NOISE
    assert noise(1.0) == MOST_NOISE


def test_what_was_done_this_week_or_long_ago_makes_no_pair(shelf: Shelf) -> None:
    shelf.publish("a", "b", "c")
    shelf.support(["anna"], "a")
    shelf.support(MANY, "a", "b", at=MONDAY)
    shelf.support(MANY, "c", at=MONDAY - timedelta(weeks=WEEKS, days=1))
    assert shelf.reasons("anna", "b") == ["popular"]
    shelf.begin_week(MONDAY + timedelta(weeks=1))
    assert shelf.reasons("anna", "b") == ["similar"]
    assert shelf.reasons("anna", "c") == ["popular"]


def test_what_ends_counts_for_the_rest_of_the_week(shelf: Shelf) -> None:
    """So nobody can watch a certain member leave."""
    shelf.publish("a", "b")
    shelf.support(MANY, "a", "b")
    shelf.support(["anna"], "a")
    shelf.begin_week()
    for member in MANY:
        shelf.sign(member, "b", EngagementDeed.WITHDREW, MONDAY)
    assert shelf.reasons("anna", "b") == ["similar"]
    shelf.begin_week(MONDAY + timedelta(weeks=1))
    assert shelf.reasons("anna", "b") == ["popular"]
    shelf.support(MANY[:1], "a", at=MONDAY + timedelta(weeks=1))
    row = shelf.model.side(Participant).get(MANY[:1])[MANY[0]]
    assert [part.case_id for part in row.parts] == ["a"], "and is then forgotten"


def test_a_part_lasts_while_one_of_its_ways_does(shelf: Shelf) -> None:
    shelf.publish("a")
    shelf.support(["anna"], "a")
    shelf.follow("anna", "a")
    shelf.sign("anna", "a", EngagementDeed.WITHDREW)
    assert shelf.found("anna") == []
    shelf.sign("anna", "a", EngagementDeed.UNFOLLOWED)
    shelf.sign("anna", "a", EngagementDeed.SHARED)
    shelf.sign("anna", "b", EngagementDeed.UNFOLLOWED)
    assert [row.case_id for row in shelf.found("anna")] == ["a"]
    shelf.follow("anna", "a", at=MONDAY)
    (part,) = shelf.model.side(Participant).get(["anna"])["anna"].parts
    assert (part.since, part.until) == (MONDAY, None)


def test_rows_are_bounded(shelf: Shelf) -> None:
    members = [f"m{number}" for number in range(MOST_COMPANIONS + 3)]
    for member in members:
        shelf.follow(member, "a")
    drawn = shelf.model.side(Companions).get(["a"])["a"].member_ids
    assert len(set(drawn)) == MOST_COMPANIONS
    other = Shelf()
    for member in reversed(members):
        other.follow(member, "a")
    assert other.model.side(Companions).get(["a"])["a"].member_ids == drawn
    for number in range(MOST_CASES + 1):
        shelf.follow("busy", f"c{number:03}", at=LAST_WEEK + timedelta(days=number))
    assert len(shelf.model.side(Participant).get(["busy"])["busy"].parts) == MOST_CASES
    assert shelf.model.side(Companions).get(["c000"])["c000"].member_ids == ()


def test_comments_count_while_everybody_can_read_them(
    world: World, anna: Actor, ben: Actor
) -> None:
    mo = moderator(world, "Mo")
    world.public_case(anna)
    say(world, ben, case_id="c1")
    world.settle()
    assert ids(world, ben) == []
    decide(world, SubjectKind.COMMENT, "k1", mo)
    world.settle()
    assert ids(world, ben) == ["c1"]
    must_be_rebuilt_alike(world, anna, ben)
    assert ids(world, ben) == ["c1"]


# The switch


def test_who_turns_recommendations_off_gets_none(world: World, anna: Actor, ben: Actor) -> None:
    world.public_case(anna)
    answers, viewer = world.answers[NAME], world.viewer(ben)
    for on, expected in ((False, ([], "off")), (True, (["c1"], None))):
        settle(world, ben.member_id, SwitchRecommendations(on=on, by=ben, at=world.clock()))
        page = answers.page(viewer, {}, limit=10)
        assert ([row.case_id for row in page.documents], page.note) == expected
        must_be_rebuilt_alike(world, ben)
        answers = world.answers[NAME]


def test_who_turns_them_off_takes_no_part_in_those_of_others(shelf: Shelf) -> None:
    shelf.publish("a", "b")
    shelf.support(MANY, "a", "b")
    shelf.support(["anna"], "a")
    shelf.begin_week()
    for member in MANY:
        shelf.tell(RecommendationsTurnedOff(member_id=member, at=MONDAY))
    assert shelf.reasons("anna", "b") == ["popular"]


# Erasure


def test_erased_members_make_no_cases_similar(shelf: Shelf) -> None:
    shelf.publish("a", "b")
    shelf.support(MANY, "a", "b")
    shelf.support(["anna"], "a")
    shelf.begin_week()
    assert shelf.reasons("anna", "b") == ["similar"]
    for member in MANY:
        shelf.tell(MemberErased(member_id=member, at=MONDAY))
    assert shelf.reasons("anna", "b") == ["popular"]
    assert not any(member in repr(shelf.rows()) for member in MANY)


def test_nothing_of_an_erased_member_or_case_is_left(world: World, anna: Actor, ben: Actor) -> None:
    cora = world.member("Cora")
    world.public_case(anna)
    for member in (ben, cora):
        engage(world, "supports", member)
    say(world, ben, case_id="c1")
    world.settle()
    assert NAME in read_models_with(world, ben.member_id)
    erase(world, ben)
    assert NAME not in read_models_with(world, ben.member_id)
    assert NAME in read_models_with(world, cora.member_id)
    must_be_rebuilt_alike(world, ben, cora)
    erase(world, anna)
    assert NAME not in read_models_with(world, anna.member_id)
    assert NAME not in read_models_with(world, "supported")
