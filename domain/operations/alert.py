"""An alert: something that is wrong with the running system, until it is resolved.

There is one stream for each thing that can be wrong, so that an alert that is open is never raised
again. An alert names services and logs, never an event, a stream or a member.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, assert_never

from domain.actors import Actor
from domain.decider import Decider, DomainError, must_be_system
from domain.times import HOUR, MINUTE

AlertId = NewType("AlertId", str)


class Trouble(StrEnum):
    """What can be wrong with the subject of an alert."""

    CHAIN = "chain"
    PARKED = "parked"
    BEHIND = "behind"
    STOPPED = "stopped"
    FAILING = "failing"
    FLAPPING = "flapping"
    LOST = "lost"
    DIFFERENT = "different"
    BUS = "bus"
    UNKNOWN = "unknown"

    @property
    def tells_of_events(self) -> bool:
        """Whether the time of the alert is near the time of an event."""
        return self in (Trouble.PARKED, Trouble.BEHIND)


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTrouble:
    """The trouble exists, this severely. ``text`` says what is wrong in a sentence."""

    alert_id: AlertId
    trouble: Trouble
    subject: str
    severity: Severity
    text: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveAlert:
    """The trouble is over."""

    by: Actor
    at: datetime


AlertCommand = ReportTrouble | ResolveAlert


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised:
    """The trouble began, or became more severe. ``number`` counts the times that it began."""

    alert_id: AlertId
    number: int
    trouble: Trouble
    subject: str
    severity: Severity
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEased:
    """The trouble became less severe."""

    alert_id: AlertId
    number: int
    severity: Severity
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertResolved:
    """The trouble is over."""

    alert_id: AlertId
    number: int
    at: datetime


AlertEvent = AlertRaised | AlertEased | AlertResolved


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """``raised`` is the last raising, ``severity`` that of the open alert."""

    raised: AlertRaised | None = None
    severity: Severity | None = None


def decide(command: AlertCommand, state: Alert) -> list[AlertEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    must_be_system(command.by, "Only the system raises and resolves alerts.")
    match command:
        case ReportTrouble():
            return _report(command, state)
        case ResolveAlert():
            return _resolve(command, state)
        case _:
            assert_never(command)


def evolve(state: Alert, event: AlertEvent) -> Alert:
    """Return the state after the event."""
    match event:
        case AlertRaised():
            return Alert(raised=event, severity=event.severity)
        case AlertEased():
            return replace(state, severity=event.severity)
        case AlertResolved():
            return replace(state, severity=None)
        case _:
            assert_never(event)


def _report(command: ReportTrouble, state: Alert) -> list[AlertEvent]:
    if state.severity == command.severity:
        return []
    if state.raised and state.severity is Severity.CRITICAL:
        eased = AlertEased(
            alert_id=command.alert_id,
            number=state.raised.number,
            severity=command.severity,
            text=command.text,
            at=command.at,
        )
        return [eased]
    before = state.raised.number if state.raised else 0
    raised = AlertRaised(
        alert_id=command.alert_id,
        number=before if state.severity else before + 1,
        trouble=command.trouble,
        subject=command.subject,
        severity=command.severity,
        text=command.text,
        at=command.at,
    )
    return [raised]


def _resolve(command: ResolveAlert, state: Alert) -> list[AlertEvent]:
    if state.raised is None:
        raise DomainError("not-found", "There is no such alert.")
    if state.severity is None:
        return []
    resolved = AlertResolved(
        alert_id=state.raised.alert_id, number=state.raised.number, at=command.at
    )
    return [resolved]


def _grain(state: Alert) -> timedelta:
    """Return the hour if the time of the alert is near that of an event, or else the minute."""
    return HOUR if state.raised and state.raised.trouble.tells_of_events else MINUTE


def _stamps(_: Sequence[AlertEvent]) -> timedelta:
    """Return the hour: what is known of a commit is its events, which need not tell the trouble."""
    return HOUR


alert_decider: Decider[AlertCommand, Alert, AlertEvent] = Decider(
    category="alert",
    initial=Alert(),
    decide=decide,
    evolve=evolve,
    grain=_grain,
    stamps=_stamps,
)
