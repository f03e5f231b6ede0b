"""Security events: what is recorded for the operator, and what can never be in it."""

import json
import logging
from dataclasses import fields
from enum import Enum
from typing import Any, get_args, get_type_hints

import pytest

from adapters.log_lines import log_as_json
from application.engine.executor import CommandContext
from application.policies.when_power_is_used_then_record_it import WhenPowerIsUsedThenRecordIt
from application.policy import KlarityPolicy
from application.security import (
    ACTS_A_LINE,
    EVENT_NAMES,
    AccountsErased,
    AccountSuspended,
    CasesExported,
    ExportFormat,
    OpeningsRead,
    SecurityEvent,
    SecurityLog,
    SignInsRefused,
)
from domain.actors import SYSTEM, Actor, Role
from domain.members.member import (
    AppealSuspension,
    GrantRole,
    MemberCommand,
    RedactSuspension,
    ReinstateMember,
    RevokeRole,
    SuspendMember,
    UpholdSuspension,
)
from tests.application import community
from tests.application.community import COMMENT, moderator
from tests.world import World

CLOSED = {
    "SignInsRefused": {"number"},
    "AccountsErased": {"number"},
    "AccountsExported": {"number"},
    "OpeningsRead": {"number"},
    "RoleChanged": {"role", "change"},
    "AccountSuspended": set(),
    "AccountReinstated": set(),
    "SubjectJudged": {"subject_kind", "verdict"},
    "AppealJudged": {"subject_kind", "outcome"},
    "TextRemoved": {"removed"},
    "CasesExported": {"format"},
}


def test_the_list_of_events_and_fields_is_closed() -> None:
    """Before you add one: could an employer, a thief of the logs or a state use it?"""
    kinds = get_args(SecurityEvent)
    found = {kind.__name__: {field.name for field in fields(kind)} for kind in kinds}
    assert found == CLOSED
    assert set(EVENT_NAMES) == CLOSED.keys()


@pytest.mark.parametrize("kind", get_args(SecurityEvent))
def test_no_text_fits_into_an_event(kind: type) -> None:
    for hint in get_type_hints(kind).values():
        assert hint is int or issubclass(hint, Enum), "a text could hold an id or an address"


@pytest.fixture
def json_lines() -> Any:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield log_as_json
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_holds_the_fields_of_its_event_only(
    json_lines: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    json_lines("ERROR")
    SecurityLog().record(CasesExported(format=ExportFormat.CSV))
    logging.getLogger("klarity.security").warning("Odd", extra={"member_id": "anna"})
    exported, odd = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    common = {"level", "logger", "timestamp"}
    assert (exported["event"], exported["logger"]) == ("CasesExported", "klarity.security")
    assert exported["format"] == "csv"
    assert exported.keys() == {"event", "format", *common}
    assert odd.keys() == {"event", *common}


def test_events_are_counted_by_name() -> None:
    log = SecurityLog()
    for event in (AccountSuspended(), AccountSuspended(), SignInsRefused(number=20)):
        log.record(event)
    assert log.counts == {"AccountSuspended": 2, "SignInsRefused": 1}


def test_acts_of_members_for_themselves_are_counted_in_bulk_only() -> None:
    log = SecurityLog()
    for _ in range(ACTS_A_LINE - 1):
        log.count(AccountsErased)
        log.count(OpeningsRead)
    assert log.counts == {}
    log.count(AccountsErased)
    assert log.counts == {"AccountsErased": 1}
    log.count(AccountsErased)
    assert log.counts == {"AccountsErased": 1}


def test_acts_of_moderators_and_admins_are_recorded_without_names(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    cora = community.involved(world, world.member("Anna"))
    mo, ada = moderator(world), moderator(world, "Ada")
    at = world.clock()
    community.dispute(world)
    community.decide(world, COMMENT, "k1", mo)
    world.settle()
    community.appeal(world, cora)
    community.resolve(world, ada)
    world.moderate.redact("d1", mo, CommandContext(), of_outcome=False)
    community.erase_statement(world, mo)
    for command in (
        GrantRole(role=Role.MODERATOR, by=SYSTEM, at=at),
        RevokeRole(role=Role.MODERATOR, by=SYSTEM, at=at),
        SuspendMember(reason="Adverts.", by=mo, at=at),
        RedactSuspension(by=mo, at=at),
        AppealSuspension(statement="I sell nothing.", by=cora, at=at),
        UpholdSuspension(by=ada, at=at),
        ReinstateMember(by=mo, at=at),
    ):
        on_member(world, cora, command)
    community.ask_to_be_erased(world, cora)
    world.settle()
    for number in range(ACTS_A_LINE - 1):
        community.ask_to_be_erased(world, world.member(f"Member {number}"))
    world.settle()
    lines = [line for line in caplog.records if line.name == "klarity.security"]
    assert {line.getMessage() for line in lines} == CLOSED.keys() - {
        "SignInsRefused",
        "AccountsExported",
        "OpeningsRead",
        "CasesExported",
    }
    assert {line.removed for line in lines if line.getMessage() == "TextRemoved"} == {  # type: ignore[attr-defined]  # by extra
        "reason",
        "statement",
        "suspension",
    }
    judged = [line.subject_kind for line in lines if line.getMessage() == "AppealJudged"]  # type: ignore[attr-defined]  # by extra
    assert sorted(judged) == ["comment", "member"]
    told = repr([vars(line) for line in lines])
    for word in (cora.member_id, mo.member_id, "Cora", "c1", "k1", "d1", "p1", "Adverts"):
        assert f"'{word}'" not in told


def test_an_event_other_than_a_use_of_power_is_not_recorded(world: World) -> None:
    policy: KlarityPolicy = WhenPowerIsUsedThenRecordIt(world.use_cases.policy_dependencies)
    nothing: Any = object()
    policy.react(nothing, nothing)
    assert world.use_cases.security.counts == {}


def on_member(world: World, member: Actor, command: MemberCommand) -> None:
    world.executors.members.execute(member.member_id, command, CommandContext())
