"""The flags that a member raised, and what became of them."""

from typing import Any

import pytest

from application.queries.my_flags import FlagStatus
from domain.actors import Actor
from domain.moderation.subject import SubjectKind, Verdict
from tests.application.community import (
    CASE,
    COMMENT,
    DISMISS,
    HIDE,
    MEMBER,
    answered,
    ask_to_be_erased,
    decide,
    erase,
    flag,
    mine,
    moderator,
    must_be_rebuilt_alike,
    read_models_with,
    rows,
    say,
    tables,
)
from tests.application.test_anonymous_authors import report
from tests.world import World


def found(world: World, member: Actor) -> list[dict[str, Any]]:
    world.settle()
    return mine(world, member, "flags")


def test_members_find_their_own_flags_the_newest_first(
    world: World, anna: Actor, ben: Actor
) -> None:
    world.public_case(anna)
    say(world, anna)
    world.settle()
    subjects: list[tuple[SubjectKind, str, str | None]] = [
        (CASE, "c1", "c1"),
        (COMMENT, "k1", "c1"),
        (MEMBER, anna.member_id, None),
    ]
    for kind, key, _ in subjects:
        flag(world, kind, key, ben, note=f"About {key}")
    flags = found(world, ben)
    shown = [(each["subject_kind"], each["subject_id"], each["case_id"]) for each in flags]
    assert shown == subjects[::-1]
    assert {each["status"] for each in flags} == {FlagStatus.OPEN}
    assert (flags[2]["rule"], flags[2]["note"]) == ("spam", "About c1")
    assert found(world, anna) == answered(world)["my-flags"] == []
    must_be_rebuilt_alike(world, anna, ben)


@pytest.mark.parametrize(
    ("verdict", "status"), [(HIDE, FlagStatus.UPHELD), (DISMISS, FlagStatus.DISMISSED)]
)
def test_a_flag_says_what_moderators_decided(
    world: World, anna: Actor, ben: Actor, verdict: Verdict, status: FlagStatus
) -> None:
    world.public_case(anna)
    flag(world, CASE, "c1", ben)
    world.settle()
    decide(world, CASE, "c1", moderator(world), verdict)
    (settled,) = found(world, ben)
    assert settled["status"] is status
    assert settled["settled_at"] == settled["flagged_at"]
    must_be_rebuilt_alike(world, ben)


def test_no_row_names_the_flagger(world: World, anna: Actor, ben: Actor) -> None:
    world.public_case(anna)
    flag(world, CASE, "c1", ben)
    assert len(found(world, ben)) == 1
    service = world.answers["my-flags"].service
    assert ben.member_id not in repr(list(tables(world, service)))


def test_flags_in_ones_own_anonymous_case_are_found(world: World, anna: Actor, ben: Actor) -> None:
    report(world, anna)
    say(world, ben)
    world.settle()
    flag(world, COMMENT, "k1", anna)
    (own,) = found(world, anna)
    assert own["subject_id"] == "k1"
    service = world.answers["my-flags"].service
    author = world.executors.cases.load("c1").state.author
    kept = repr(list(tables(world, service)))
    assert author not in kept
    assert anna.member_id not in kept
    ask_to_be_erased(world, anna)
    world.settle()
    assert rows(world, "my-flags") == {}


def test_nothing_is_left_after_an_erasure(world: World, anna: Actor, ben: Actor) -> None:
    for case_id in ("c1", "c2"):
        world.public_case(anna, case_id)
        flag(world, CASE, case_id, ben, note="Ben saw it")
    world.settle()
    decide(world, CASE, "c1", moderator(world), DISMISS)
    world.settle()
    erase(world, ben)
    assert rows(world, "my-flags") == {}
    assert read_models_with(world, "Ben saw it") == []
    must_be_rebuilt_alike(world, ben)
    assert rows(world, "my-flags") == {}
