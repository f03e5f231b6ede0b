"""The rules of an alert."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.actors import SYSTEM, Actor, Role
from domain.decider import DomainError
from domain.ids import MemberId
from domain.operations.alert import (
    Alert,
    AlertCommand,
    AlertEased,
    AlertId,
    AlertRaised,
    AlertResolved,
    ReportTrouble,
    ResolveAlert,
    Severity,
    Trouble,
    alert_decider,
)
from domain.times import HOUR, MINUTE

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MO = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
KEY = AlertId("behind:query:videos")
TEXT = "The query service videos is behind."

WARN = ReportTrouble(
    alert_id=KEY,
    trouble=Trouble.BEHIND,
    subject="query:videos",
    severity=Severity.WARNING,
    text=TEXT,
    by=SYSTEM,
    at=AT,
)
ALARM = replace(WARN, severity=Severity.CRITICAL)
RESOLVE = ResolveAlert(by=SYSTEM, at=AT)
WARNED = AlertRaised(
    alert_id=KEY,
    number=1,
    trouble=Trouble.BEHIND,
    subject="query:videos",
    severity=Severity.WARNING,
    text=TEXT,
    at=AT,
)
ALARMED = replace(WARNED, severity=Severity.CRITICAL)
EASED = AlertEased(alert_id=KEY, number=1, severity=Severity.WARNING, text=TEXT, at=AT)
RESOLVED = AlertResolved(alert_id=KEY, number=1, at=AT)


@pytest.mark.parametrize(
    ("past", "command", "events"),
    [
        ([], WARN, [WARNED]),
        ([], ALARM, [ALARMED]),
        ([WARNED], WARN, []),
        ([WARNED], ALARM, [ALARMED]),
        ([WARNED, ALARMED], ALARM, []),
        ([ALARMED], WARN, [EASED]),
        ([ALARMED, EASED], WARN, []),
        ([ALARMED, EASED], ALARM, [ALARMED]),
        ([ALARMED, EASED], RESOLVE, [RESOLVED]),
        ([ALARMED, RESOLVED], RESOLVE, []),
        ([ALARMED, RESOLVED], WARN, [replace(WARNED, number=2)]),
    ],
)
def test_each_change_of_severity_is_one_event(
    past: list[AlertRaised | AlertEased | AlertResolved],
    command: AlertCommand,
    events: list[object],
) -> None:
    assert alert_decider.decide(command, alert_decider.fold(past)) == events


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (replace(WARN, by=MO), "forbidden"),
        (replace(RESOLVE, by=MO), "forbidden"),
        (RESOLVE, "not-found"),
    ],
)
def test_what_is_refused(command: AlertCommand, code: str) -> None:
    with pytest.raises(DomainError) as refusal:
        alert_decider.decide(command, Alert())
    assert refusal.value.code == code


def test_an_alert_about_events_does_not_tell_their_minute() -> None:
    assert alert_decider.grain(alert_decider.fold([WARNED])) == HOUR
    stopped = replace(WARNED, trouble=Trouble.STOPPED)
    assert alert_decider.grain(alert_decider.fold([stopped])) == MINUTE
    assert alert_decider.stamps([WARNED]) == HOUR
