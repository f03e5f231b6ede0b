"""The rules of an intervention."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.actors import SYSTEM, Actor, Role
from domain.decider import DomainError
from domain.ids import MemberId
from domain.operations.intervention import (
    MOST_TARGETS,
    Action,
    BeginIntervention,
    FinishIntervention,
    ForgetOperator,
    Intervention,
    InterventionBegun,
    InterventionCommand,
    InterventionFinished,
    InterventionId,
    InterventionSigned,
    OperatorForgotten,
    Target,
    intervention_decider,
)
from domain.times import MINUTE

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = InterventionId("i1")
OLGA = Actor(member_id=MemberId("olga"), roles=frozenset({Role.OPERATOR}))
MO = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR, Role.ADMIN}))
BEGIN = BeginIntervention(
    intervention_id=KEY,
    action=Action.DROP,
    subject="cases",
    targets=(Target(subscriber="cases.1000", event_id="cases/case-c1@1", tries=7),),
    operator="Olga",
    reason="It cannot be read.",
    by=OLGA,
    at=AT,
)
FINISH = FinishIntervention(done=1, by=SYSTEM, at=AT)
FORGET = ForgetOperator(by=SYSTEM, at=AT)
BEGUN = InterventionBegun(
    intervention_id=KEY, action=Action.DROP, subject="cases", targets=BEGIN.targets, at=AT
)


def given(*commands: InterventionCommand) -> Intervention:
    """The state after these commands."""
    state = Intervention()
    for command in commands:
        for event in intervention_decider.decide(command, state):
            state = intervention_decider.evolve(state, event)
    return state


def refusal(command: InterventionCommand, *before: InterventionCommand) -> str:
    with pytest.raises(DomainError) as refused:
        intervention_decider.decide(command, given(*before))
    return refused.value.code


def test_it_is_recorded_with_the_operator_and_the_reason_beside_it() -> None:
    signed = InterventionSigned(
        intervention_id=KEY, by=OLGA.member_id, operator="Olga", reason=BEGIN.reason, at=AT
    )
    assert intervention_decider.decide(BEGIN, Intervention()) == [BEGUN, signed]


def test_an_operator_who_did_not_sign_in_is_sealed_with_a_key_of_the_intervention() -> None:
    _, signed = intervention_decider.decide(replace(BEGIN, by=SYSTEM), Intervention())
    assert isinstance(signed, InterventionSigned)
    assert signed.by == MemberId(KEY)


def test_moderators_and_admins_do_not_operate() -> None:
    assert refusal(replace(BEGIN, by=MO)) == "forbidden"


@pytest.mark.parametrize(
    "change",
    [
        {"operator": " "},
        {"operator": "x" * 101},
        {"reason": ""},
        {"reason": "two\nlines"},
        {"reason": "x" * 501},
        {"targets": BEGIN.targets * (MOST_TARGETS + 1)},
        {"events_a_second": -1.0},
        {"events_a_second": float("inf")},
        {"events_a_second": float("nan")},
    ],
)
def test_a_name_a_reason_and_a_limited_number_of_targets_are_required(
    change: dict[str, Any],
) -> None:
    assert refusal(replace(BEGIN, **change)) == "bad-intervention"


def test_it_begins_and_finishes_once() -> None:
    assert intervention_decider.decide(FINISH, given(BEGIN)) == [
        InterventionFinished(intervention_id=KEY, done=1, at=AT)
    ]
    assert intervention_decider.decide(FINISH, given(BEGIN, FINISH)) == []
    assert intervention_decider.decide(BEGIN, given(BEGIN)) == []


def test_its_operator_is_forgotten_once() -> None:
    assert intervention_decider.decide(FORGET, given(BEGIN)) == [
        OperatorForgotten(intervention_id=KEY, at=AT)
    ]
    assert intervention_decider.decide(FORGET, given(BEGIN, FORGET)) == []


@pytest.mark.parametrize("command", [FINISH, FORGET])
def test_what_follows_is_done_by_the_system_to_what_exists(
    command: FinishIntervention | ForgetOperator,
) -> None:
    assert refusal(command) == "not-found"
    assert refusal(replace(command, by=OLGA), BEGIN) == "forbidden"


def test_its_times_are_rounded_to_the_minute() -> None:
    assert intervention_decider.grain(given(BEGIN)) == MINUTE
