"""An erasure that does not link: anonymous cases go one by one, at times drawn by chance."""

from datetime import timedelta

import pytest

from application.engine.executor import CommandContext
from application.use_cases.members.later import SPREAD, EraseLater
from domain.actors import SYSTEM, Actor
from domain.cases.case_details import CaseStatus
from domain.ids import CaseId, MemberId
from domain.members.member import EraseAlias, EraseMember
from tests.application.community import say
from tests.application.test_anonymous_authors import report
from tests.world import World, refused

ANONYMOUS = ("c1", "c2", "c3")


@pytest.fixture
def anna(world: World) -> Actor:
    """The author of a case in her name, and of anonymous ones."""
    anna = world.member("Anna")
    world.public_case(anna, "c0")
    for key in ANONYMOUS:
        report(world, anna, CaseId(key))
    say(world, anna)
    world.settle()
    return anna


@pytest.fixture
def later(world: World) -> EraseLater:
    return world.use_cases.erase_later


def leave(world: World, member: Actor, *, anonymous_later: bool = True) -> None:
    command = EraseMember(anonymous_later=anonymous_later, by=member, at=world.clock())
    world.executors.members.execute(member.member_id, command, CommandContext())
    world.settle()
    world.use_cases.destroy_aliases.step()


def erased(world: World) -> set[str]:
    """The cases that are erased."""
    states = {key: world.executors.cases.load(key).state for key in ("c0", *ANONYMOUS)}
    return {key for key, state in states.items() if state.status is CaseStatus.ERASED}


def waiting(world: World) -> list[str]:
    queue = world.container.later_erasures()
    found: list[str] = queue.due(world.clock() + SPREAD)
    return found


def test_by_default_all_cases_go_at_once(world: World, anna: Actor) -> None:
    leave(world, anna, anonymous_later=False)
    assert erased(world) == {"c0", *ANONYMOUS}
    assert waiting(world) == []


def test_each_anonymous_case_goes_at_a_time_of_its_own(
    world: World, anna: Actor, later: EraseLater
) -> None:
    authors = [world.executors.cases.load(key).state.author for key in ANONYMOUS]
    leave(world, anna)
    assert erased(world) == {"c0"}
    seen = [erased(world)]
    for _ in waiting(world):
        world.clock.wind(days=14)
        later.step()
        world.settle()
        seen.append(erased(world))
        assert len(seen[-1] - seen[-2]) <= 1
    assert erased(world) == {"c0", *ANONYMOUS}
    assert waiting(world) == []
    assert not any(world.vault.key(author, fresh=True) for author in authors)
    assert world.executors.evidence.load("e-c1").state.erased
    comment = world.executors.comments.load("k1").state
    assert comment.erased


def test_nothing_that_waits_leads_to_the_member_or_says_what_it_is(
    world: World, anna: Actor
) -> None:
    authors = [world.executors.cases.load(key).state.author for key in ANONYMOUS]
    leave(world, anna)
    # Each case and each piece of evidence has an alias of its own.
    assert len(waiting(world)) == 2 * len(ANONYMOUS)
    for word in (anna.member_id, *authors):
        assert word not in str(waiting(world))
    assert not any(world.container.aliases().is_own(anna.member_id, each) for each in authors)


def test_times_are_drawn_by_chance(world: World, later: EraseLater) -> None:
    for number in range(200):
        later.add(f"alias {number}")
    queue, now = world.container.later_erasures(), world.clock()
    due = [len(queue.due(now + timedelta(days=days))) for days in (0, 7, 14)]
    assert due[0] == 0
    assert 50 < due[1] < 150
    assert due[2] == 200


def test_after_an_outage_those_that_are_due_do_not_go_side_by_side(
    world: World, anna: Actor, later: EraseLater
) -> None:
    leave(world, anna)
    world.clock.wind(days=30)
    later.step()
    left = 2 * len(ANONYMOUS) - 1
    assert len(waiting(world)) == left
    queue = world.container.later_erasures()
    assert len(queue.due(world.clock())) <= 1
    assert len(queue.due(world.clock() + timedelta(days=1))) == left


def test_before_its_time_nothing_is_erased(world: World, anna: Actor, later: EraseLater) -> None:
    leave(world, anna)
    world.clock.wind(seconds=-1)
    later.step()
    assert len(waiting(world)) == 2 * len(ANONYMOUS)


def test_only_an_alias_is_erased_like_this(world: World, anna: Actor) -> None:
    at = world.clock()
    for by, code in ((SYSTEM, "forbidden"), (anna, "forbidden")):
        command = EraseAlias(member_id=anna.member_id, by=by, at=at)
        with refused(code):
            world.executors.members.execute(anna.member_id, command, CommandContext())
    alias = MemberId("an alias")
    for _ in range(2):
        command = EraseAlias(member_id=alias, by=SYSTEM, at=at)
        world.executors.members.execute(alias, command, CommandContext())
    assert len(world.executors.members.events(alias)) == 1
