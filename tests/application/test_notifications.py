"""Notifications: which events members are notified of."""

from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.queries.notification import NotificationKind
from domain.actors import Actor, Role
from domain.cases.case_commands import (
    AmendCase,
    AttachEvidence,
    LocateCase,
    RetractLocation,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.case_events import CaseHidden
from domain.cases.party import PartyDetails, PartyKind
from domain.cases.place import Location, Precision
from domain.ids import CaseId, CommentId, PartyId
from domain.members.member import Area, ChooseInterests, EraseMember
from domain.moderation.decision import Outcome
from domain.moderation.subject import SubjectKind, Verdict
from domain.sphere import cell, cells_around, km_between
from tests.application.community import CASE, decide, flag, trusted
from tests.world import World

BERLIN = Location(lat=52.52, lon=13.4, precision=Precision.CITY)
POTSDAM = Location(lat=52.4, lon=13.06, precision=Precision.CITY)


def notified(world: World, member: Actor) -> list[tuple[str, int]]:
    """The kinds of the notifications of the member with their counts, sorted by name."""
    world.settle()
    page = world.answers["notifications"].page(Viewer(member), {}, limit=50)
    return sorted((str(document.kind), document.count) for document in page.documents)


def all_of(world: World, member: Actor, kind: NotificationKind) -> list[Any]:
    world.settle()
    page = world.answers["notifications"].page(Viewer(member), {}, limit=50)
    return [document for document in page.documents if document.kind is kind]


def one(world: World, member: Actor, kind: NotificationKind) -> Any:
    (found,) = all_of(world, member, kind)
    return found


def change(world: World, command: Any) -> None:
    world.executors.cases.execute("c1", command, CommandContext())
    world.settle()


def choose(world: World, member: Actor, *interests: str, areas: tuple[Area, ...] = ()) -> None:
    at = world.clock()
    command = ChooseInterests(interests=interests, areas=areas, by=member, at=at)
    world.executors.members.execute(member.member_id, command, CommandContext())
    world.settle()


def follow(world: World, member: Actor) -> None:
    world.engage.follow(CaseId("c1"), member, CommandContext())
    world.settle()


def comment(world: World, by: Actor, comment_id: str, parent_id: str = "") -> None:
    world.discuss.write(
        CommentId(comment_id),
        CaseId("c1"),
        by,
        CommandContext(),
        text="To me, too.",
        parent_id=CommentId(parent_id),
    )
    world.settle()


def test_the_author_is_notified_when_the_case_is_published(world: World, anna: Actor) -> None:
    world.report(anna)
    assert notified(world, anna) == []
    world.public_case(anna, "c2")
    assert notified(world, anna) == [("case_published", 1)]


def test_followers_are_notified_of_changes_by_others(world: World, anna: Actor, ben: Actor) -> None:
    world.public_case(anna)
    follow(world, ben)
    at = world.clock()
    change(world, AmendCase(changes={"title": "Two bribes"}, by=anna, at=at))
    change(world, LocateCase(location=BERLIN, by=anna, at=at))
    change(world, RetractLocation(by=anna, at=at))
    change(world, AttachEvidence(evidence=(world.evidence(anna, "e9"),), by=anna, at=at))
    details = PartyDetails(kind=PartyKind.PERSON, name="Otto", role="took it")
    world.enrich.name_party(PartyId("p1"), CaseId("c1"), details, anna, CommandContext())
    assert notified(world, ben) == [("case_changed", 5)]
    assert notified(world, anna) == [("case_published", 1), ("evidence_accepted", 1)]


def test_an_author_is_told_of_proposals_and_followers_are_not(
    world: World, anna: Actor, ben: Actor
) -> None:
    world.public_case(anna)
    follow(world, ben)
    for tag in ("roads", "police"):
        change(world, TagCase(tag=tag, by=ben, at=world.clock()))
    assert sorted(notified(world, anna)) == [("case_published", 1), ("contribution_proposed", 2)]
    assert notified(world, ben) == []


def test_former_followers_are_not_notified(world: World, anna: Actor, ben: Actor) -> None:
    world.public_case(anna)
    follow(world, ben)
    world.clock.wind(hours=1)
    world.engage.unfollow(CaseId("c1"), ben, CommandContext())
    world.clock.wind(hours=1)
    change(world, AmendCase(changes={"title": "Two bribes"}, by=anna, at=world.clock()))
    assert notified(world, ben) == []


def test_followers_are_not_notified_of_earlier_changes(
    world: World, anna: Actor, ben: Actor
) -> None:
    world.public_case(anna)
    change(world, AmendCase(changes={"title": "Two bribes"}, by=anna, at=world.clock()))
    world.clock.wind(hours=1)
    world.engage.follow(CaseId("c1"), ben, CommandContext())
    world.build_read_models()
    assert notified(world, ben) == []


def test_comments_notify_all_participants_but_their_author(
    world: World, anna: Actor, ben: Actor
) -> None:
    world.public_case(anna)
    comment(world, ben, "k1")
    comment(world, anna, "k2", parent_id="k1")
    comment(world, ben, "k3")
    assert notified(world, anna) == [("case_discussed", 2), ("case_published", 1)]
    assert notified(world, ben) == [("comment_answered", 1)]
    assert one(world, ben, NotificationKind.COMMENT_ANSWERED).subject_id == "k1"


def test_members_are_notified_once_of_a_new_case_with_their_tags_or_area(
    world: World, anna: Actor, ben: Actor
) -> None:
    around = Area(lat=POTSDAM.lat, lon=POTSDAM.lon, km=50)
    choose(world, ben, "police", "roads", areas=(around,))
    choose(world, anna, "police")
    world.public_case(anna, tags=("police", "roads"), location=BERLIN)
    assert notified(world, ben) == [("new_case", 1)]
    assert ("new_case", 1) not in notified(world, anna)


def test_only_cases_within_the_radius_of_an_area_are_notified(
    world: World, anna: Actor, ben: Actor
) -> None:
    choose(world, ben, areas=(Area(lat=POTSDAM.lat, lon=POTSDAM.lon, km=10),))
    world.public_case(anna, location=BERLIN)
    assert notified(world, ben) == []
    choose(world, ben, areas=(Area(lat=BERLIN.lat, lon=BERLIN.lon, km=10),))
    world.public_case(anna, "c2", location=BERLIN)
    assert notified(world, ben) == [("new_case", 1)]


def test_new_interests_replace_the_former_ones(world: World, anna: Actor, ben: Actor) -> None:
    choose(world, ben, "police", areas=(Area(lat=52.5, lon=13.4),))
    choose(world, ben, "roads")
    world.public_case(anna, tags=("police",), location=BERLIN)
    assert notified(world, ben) == []


def test_a_retracted_location_matches_no_area(world: World, anna: Actor, ben: Actor) -> None:
    choose(world, ben, areas=(Area(lat=52.5, lon=13.4),))
    world.report(anna)
    at = world.clock()
    change(world, LocateCase(location=BERLIN, by=anna, at=at))
    change(world, RetractLocation(by=anna, at=at))
    change(world, AttachEvidence(evidence=(world.evidence(anna),), by=anna, at=at))
    assert notified(world, ben) == []


def test_the_tags_at_publication_decide_who_is_notified(
    world: World, anna: Actor, ben: Actor
) -> None:
    choose(world, ben, "police", "roads")
    world.report(anna, tags=("police",))
    at = world.clock()
    change(world, UntagCase(tag="police", by=anna, at=at))
    change(world, TagCase(tag="roads", by=anna, at=at))
    change(world, AttachEvidence(evidence=(world.evidence(anna),), by=anna, at=at))
    assert notified(world, ben) == [("new_case", 1)]


def test_the_author_is_notified_of_moderation_with_rule_and_reason(
    world: World, anna: Actor
) -> None:
    mo, max_ = world.member("Mo", Role.MODERATOR), world.member("Max", Role.MODERATOR)
    world.public_case(anna)
    world.moderate.decide(
        SubjectKind.CASE,
        "c1",
        mo,
        CommandContext(),
        decision_id="x1",
        verdict=Verdict.HIDE,
        rule="falsehood",
        reason="It did not happen.",
    )
    hidden = one(world, anna, NotificationKind.HIDDEN)
    assert (hidden.rule, hidden.reason, hidden.decision_id) == (
        "falsehood",
        "It did not happen.",
        "x1",
    )
    world.moderate.appeal("x1", "It did happen.", anna, CommandContext())
    world.moderate.resolve("x1", Outcome.OVERTURN, "It did.", max_, CommandContext())
    assert one(world, anna, NotificationKind.APPEAL_RESOLVED).outcome is Outcome.OVERTURN
    assert one(world, anna, NotificationKind.RESTORED).subject_id == "c1"


def test_the_author_is_notified_of_the_decision_that_confirms_flags(
    world: World, anna: Actor
) -> None:
    world.public_case(anna)
    flag(world, CASE, "c1", *(trusted(world, f"Member {number}") for number in range(4)))
    assert one(world, anna, NotificationKind.HIDDEN).decision_id is None
    decide(world, CASE, "c1", world.member("Mo", Role.MODERATOR), decision_id="x1")
    notified = all_of(world, anna, NotificationKind.HIDDEN)
    assert {(each.decision_id, bool(each.reason)) for each in notified} == {
        (None, False),
        ("x1", True),
    }
    hidden = [e for e in world.executors.cases.events("c1") if isinstance(e, CaseHidden)]
    assert [event.role for event in hidden] == ["system"]


def test_changes_of_an_unpublished_case_are_not_notified(
    world: World, anna: Actor, ben: Actor
) -> None:
    mo = world.member("Mo", Role.MODERATOR)
    world.public_case(anna)
    follow(world, ben)
    for number, verdict in enumerate((Verdict.HIDE, Verdict.RESTORE)):
        world.moderate.decide(
            SubjectKind.CASE,
            "c1",
            mo,
            CommandContext(),
            decision_id=f"x{number}",
            verdict=verdict,
            rule="spam",
            reason="As it is.",
        )
        change(world, AmendCase(changes={"title": f"No. {number}"}, by=anna, at=world.clock()))
    assert notified(world, ben) == [("case_changed", 1)]
    change(world, WithdrawCase(by=anna, at=world.clock()))
    assert notified(world, ben) == [("case_changed", 1)]


def test_notifications_and_subscriptions_of_an_erased_member_are_removed(
    world: World, anna: Actor, ben: Actor
) -> None:
    choose(world, ben, "police", areas=(Area(lat=52.5, lon=13.4),))
    world.public_case(anna, tags=("police",))
    follow(world, ben)
    erase = EraseMember(by=ben, at=world.clock())
    world.executors.members.execute(ben.member_id, erase, CommandContext())
    assert notified(world, ben) == []


def test_the_case_of_an_erased_author_notifies_no_member(
    world: World, anna: Actor, ben: Actor
) -> None:
    choose(world, ben, "police")
    world.public_case(anna, tags=("police",))
    erase = EraseMember(by=anna, at=world.clock())
    world.executors.members.execute(anna.member_id, erase, CommandContext())
    world.vault.destroy(anna.member_id)
    world.build_read_models()
    assert notified(world, ben) == []


def test_distances_are_measured_on_the_globe() -> None:
    assert km_between(BERLIN, POTSDAM) == pytest.approx(26.6, abs=0.5)
    assert km_between(BERLIN, BERLIN) == 0


@pytest.mark.parametrize(
    ("place", "km"),
    [(BERLIN, 100), (Location(lat=0, lon=179.9), 50), (Location(lat=89.5, lon=0), 60)],
)
def test_the_cells_around_a_location_contain_its_own_cell(place: Location, km: float) -> None:
    around = set(cells_around(place, km))
    assert cell(place) in around
    assert all(-180 <= int(name.partition("/")[2]) < 180 for name in around)
