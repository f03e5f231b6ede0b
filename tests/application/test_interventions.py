"""Interventions: they are recorded, take effect once, and are listed for operators."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.ports.parked import ParkedEvent
from application.ports.unavailable import Unavailable
from application.queries.interventions import InterventionDocument
from application.use_cases.operations.intervene import CarryOut, Explanation, Intervene
from domain.actors import SYSTEM, Actor, Role
from domain.operations.intervention import Action, Target
from tests.application.community import ask_to_be_erased
from tests.world import World

SUBSCRIBER = "cases.1000"
WHY = Explanation(operator="Olga", reason="The disk was full.")


@pytest.fixture
def parked(world: World) -> ParkedEvent:
    """An event that a read model has parked after seven tries."""
    world.report(world.member())
    event = world.history.read("cases", 0, 1)[0]
    found = ParkedEvent(subscriber=SUBSCRIBER, event=event, error="Bad", parked_at="now", tries=7)
    world.parked.park(found)
    return found


def target(parked: ParkedEvent, tries: int = 7) -> Target:
    return Target(subscriber=parked.subscriber, event_id=parked.event.id, tries=tries)


def listed(world: World) -> list[InterventionDocument]:
    world.settle()
    return world.answers["interventions"].page(Viewer(SYSTEM), {"action": None}, limit=9).documents


def verdicts(world: World) -> list[str]:
    return [each.verdict for each in world.parked.list(SUBSCRIBER)]


class Dying(CarryOut):
    """The process dies before the effect, or the store is unavailable."""

    def __init__(self) -> None: ...

    def __call__(self, intervention_id: str, context: CommandContext) -> None:
        raise Unavailable(intervention_id, context)


def dying(world: World) -> Intervene:
    return Intervene(world.executors.interventions, Dying(), world.clock)


def test_a_retry_takes_effect_at_once_and_is_listed(world: World, parked: ParkedEvent) -> None:
    world.use_cases.intervene.settle(Action.RETRY, [target(parked)], WHY)
    assert verdicts(world) == ["retry"]
    (found,) = listed(world)
    assert (found.action, found.subject, found.done, found.targets) == ("retry", "cases", 1, 1)
    assert (found.operator, found.reason) == ("Olga", "The disk was full.")
    assert found.finished_at


@pytest.mark.parametrize("action", [Action.RETRY, Action.DROP])
def test_a_policy_does_it_if_the_process_died_before(
    world: World, parked: ParkedEvent, action: Action
) -> None:
    dying(world).settle(action, [target(parked)], WHY)
    assert verdicts(world) == [""]
    assert listed(world)[0].done == 1
    assert verdicts(world) == [action]


def test_a_retry_is_not_repeated_for_a_later_failure(world: World, parked: ParkedEvent) -> None:
    """The process died after the effect, and the event failed again meanwhile."""
    dying(world).settle(Action.RETRY, [target(parked, tries=6)], WHY)
    assert listed(world)[0].done == 0
    assert verdicts(world) == [""]


def test_a_dropped_event_can_be_taken_back(world: World, parked: ParkedEvent) -> None:
    intervene = world.use_cases.intervene
    intervene.settle(Action.DROP, [target(parked)], WHY)
    assert world.parked.dropped("cases") == {parked.event.id}
    intervene.settle(Action.TAKE_BACK, [target(parked)], WHY)
    assert world.parked.dropped("cases") == frozenset()


def test_others_do_not_wait_for_the_policy(world: World, parked: ParkedEvent) -> None:
    """What is not about parked events is carried out elsewhere, and finished there."""
    begun = world.use_cases.intervene.begin(Action.OPEN, parked.event.id, WHY)
    assert [each.finished_at for each in listed(world)] == [None]
    world.use_cases.carry_out(begun, CommandContext())
    world.use_cases.carry_out("unknown", CommandContext())
    assert [each.finished_at for each in listed(world)] == [None]


def test_the_name_of_an_operator_goes_with_their_account(world: World, parked: ParkedEvent) -> None:
    olga = world.member("Olga", Role.OPERATOR)
    intervene = world.use_cases.intervene
    intervene.settle(Action.RETRY, [target(parked)], replace(WHY, by=olga))
    assert names(listed(world)) == ["Olga"]
    ask_to_be_erased(world, olga)
    assert names(listed(world)) == [""]
    world.build_read_models()
    assert names(listed(world)) == [""]


def names(found: Iterable[InterventionDocument]) -> list[str]:
    return [each.operator for each in found]


def test_neither_the_name_nor_the_reason_is_in_the_log_in_plain_text(
    world: World, parked: ParkedEvent
) -> None:
    olga = Actor(member_id=world.member("Olga").member_id, roles=frozenset({Role.OPERATOR}))
    world.use_cases.intervene.settle(Action.RETRY, [target(parked)], replace(WHY, by=olga))
    bodies = b"".join(commit.body for commit in world.stores["operations"].read_log(0, 99))
    for secret in (b"Olga", b"The disk was full", olga.member_id.encode()):
        assert secret not in bodies
