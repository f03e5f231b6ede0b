"""The cases that a member supports or follows."""

from typing import Any

import pytest

from application.engine.executor import CommandContext
from domain.actors import Actor
from domain.cases.case_commands import AmendCase, WithdrawCase
from domain.ids import CaseId
from tests.application.community import (
    Reading,
    answered,
    ask_to_be_erased,
    erase,
    mine,
    must_be_rebuilt_alike,
    read_models_with,
    tables,
)
from tests.application.test_anonymous_authors import report
from tests.world import World

KINDS = ("supports", "follows")
each_kind = pytest.mark.parametrize("kind", KINDS)


def engage(world: World, kind: str, by: Actor, case_id: str = "c1") -> None:
    deed = world.engage.support if kind == "supports" else world.engage.follow
    deed(CaseId(case_id), by, CommandContext())
    world.settle()


def disengage(world: World, kind: str, by: Actor) -> None:
    deed = world.engage.withdraw_support if kind == "supports" else world.engage.unfollow
    deed(CaseId("c1"), by, CommandContext())
    world.settle()


def found(world: World, member: Actor, kind: str) -> list[tuple[str, str | None]]:
    return [(case["case_id"], case["title"]) for case in mine(world, member, kind)]


def change(world: World, command: Any) -> None:
    world.executors.cases.execute("c1", command, CommandContext())
    world.settle()


@each_kind
def test_members_find_their_own_the_newest_first(
    world: World, anna: Actor, ben: Actor, kind: str
) -> None:
    for case_id in ("c2", "c1", "c3"):
        world.public_case(anna, case_id, title=f"Bribe {case_id}")
        engage(world, kind, ben, case_id)
        world.clock.wind(days=1)
    expected = [("c3", "Bribe c3"), ("c1", "Bribe c1"), ("c2", "Bribe c2")]
    assert found(world, ben, kind) == expected
    (other,) = (each for each in KINDS if each != kind)
    assert found(world, ben, other) == found(world, anna, kind) == []
    assert answered(world)[f"my-{kind}"] == []
    must_be_rebuilt_alike(world, anna, ben)
    assert found(world, ben, kind) == expected


@each_kind
def test_what_is_taken_back_is_not_found(world: World, anna: Actor, ben: Actor, kind: str) -> None:
    world.public_case(anna)
    engage(world, kind, ben)
    disengage(world, kind, ben)
    assert found(world, ben, kind) == []
    engage(world, kind, ben)
    assert len(found(world, ben, kind)) == 1


@each_kind
def test_a_case_has_its_title_while_it_is_public(
    world: World, anna: Actor, ben: Actor, kind: str
) -> None:
    world.public_case(anna)
    engage(world, kind, ben)
    change(world, AmendCase(changes={"title": "Two bribes"}, by=anna, at=world.clock()))
    assert found(world, ben, kind) == [("c1", "Two bribes")]
    change(world, WithdrawCase(by=anna, at=world.clock()))
    assert found(world, ben, kind) == [("c1", None)]
    assert f"my-{kind}" not in read_models_with(world, "Two bribes")


@each_kind
def test_nothing_of_an_erased_member_or_case_is_left(
    world: World, anna: Actor, ben: Actor, kind: str
) -> None:
    cora = world.member("Cora")
    world.public_case(anna)
    for member in (ben, cora):
        engage(world, kind, member)
    erase(world, ben)
    assert f"my-{kind}" not in read_models_with(world, ben.member_id)
    assert len(found(world, cora, kind)) == 1
    must_be_rebuilt_alike(world, ben, cora)
    erase(world, anna)
    assert found(world, cora, kind) == []
    must_be_rebuilt_alike(world, ben, cora)


@each_kind
def test_nothing_is_left_if_the_erasure_is_read_before_the_deed(
    world: World, anna: Actor, ben: Actor, kind: str
) -> None:
    world.public_case(anna)
    engage(world, kind, ben)
    erase(world, ben)
    rebuilt = Reading(world, world.answers[f"my-{kind}"].service)
    rebuilt.catch_up("members", "cases")
    assert rebuilt.rows == {}


def test_authors_find_an_anonymous_case_that_they_follow(
    world: World, anna: Actor, ben: Actor
) -> None:
    report(world, anna)
    engage(world, "follows", anna)
    assert found(world, anna, "follows") == [("c1", "A bribe")]
    assert found(world, ben, "follows") == []
    service = world.answers["my-follows"].service
    assert anna.member_id not in repr(list(tables(world, service)))
    must_be_rebuilt_alike(world, anna)
    ask_to_be_erased(world, anna)
    world.settle()
    assert not any(tables(world, service))
