"""Alerts: raised, eased and resolved without flapping, listed, and sent to the operator."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.ports.webhook_caller import CallFailed
from application.queries.alerts import AlertDocument
from application.use_cases.operations.alerting import (
    RAISED_AFTER_SECONDS,
    RESOLVED_AFTER_SECONDS,
    Alerting,
    OpenAlerts,
)
from application.use_cases.operations.overview import Finding, Overview, SubscriberState
from application.use_cases.operations.send_alerts import SendAlerts
from domain.actors import SYSTEM, Actor, Role
from domain.ids import MemberId
from domain.operations.alert import (
    AlertEased,
    AlertEvent,
    AlertId,
    AlertRaised,
    AlertResolved,
    Severity,
    Trouble,
)
from domain.operations.intervention import Action, BeginIntervention, InterventionId
from tests.world import START, World

OPERATOR = Actor(member_id=MemberId("olga"), roles=frozenset({Role.OPERATOR}))
WATCHED = SubscriberState(kind="relay", name="relay.cases", service="command:cases")
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


class Stage:
    """A monitor that leads, whose overview a test decides."""

    def __init__(self) -> None:
        self.world = World()
        self.now = self.world.clock
        self.overview = Overview(at=self.now())
        self.start()

    def start(self) -> None:
        """Start the monitor anew: it knows only what the log says."""
        self.alerting = Alerting(
            lambda: self.overview,
            self.world.executors.alerts,
            OpenAlerts(self.world.history, self.world.codec),
            self.now,
            lambda: self.now().timestamp(),
        )

    def see(self, *severities: Severity, lasting: float = RAISED_AFTER_SECONDS) -> None:
        """Let the monitor see a finding of these severities at most, for so many seconds."""
        since = self.now() - timedelta(seconds=lasting)
        findings = [
            Finding(trouble=Trouble.BUS, subject="monitor", severity=one, text="Away.", since=since)
            for one in severities
        ]
        self.overview = Overview(
            at=self.now(), findings=findings, subscribers=[WATCHED], complete=True
        )
        assert self.alerting.step() is False

    def events(self) -> list[str]:
        found = self.world.history.read("operations", 0, 100)
        return [event.type.removeprefix("operations.Alert") for event in found]

    def listed(self, **asked: Any) -> Sequence[AlertDocument]:
        self.world.settle()
        page = self.world.answers["alerts"].page(Viewer(OPERATOR), asked, limit=9)
        return page.documents


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_alert_is_raised_once_the_trouble_lasts(stage: Stage) -> None:
    stage.see(WARNING, lasting=RAISED_AFTER_SECONDS - 1)
    assert stage.events() == []
    stage.see(WARNING)
    stage.see(WARNING)
    stage.start()
    stage.see(WARNING)
    assert stage.events() == ["Raised"]
    assert stage.alerting.lag() == 0


def test_an_alert_that_becomes_critical_is_raised_again_at_once(stage: Stage) -> None:
    stage.see(WARNING)
    stage.see(CRITICAL, lasting=0)
    assert stage.events() == ["Raised", "Raised"]
    (alert,) = stage.listed()
    assert (alert.number, alert.severity, alert.worst) == (1, CRITICAL, CRITICAL)


def test_an_alert_is_eased_when_the_trouble_has_been_less_severe_for_a_while(stage: Stage) -> None:
    stage.see(CRITICAL)
    stage.now.wind(seconds=RESOLVED_AFTER_SECONDS - 1)
    stage.see(WARNING)
    assert stage.events() == ["Raised"]
    stage.now.wind(seconds=1)
    stage.see(WARNING)
    assert stage.events() == ["Raised", "Eased"]
    (alert,) = stage.listed()
    assert (alert.severity, alert.worst, alert.is_open) == (WARNING, CRITICAL, True)


def test_an_alert_is_resolved_when_the_trouble_has_been_over_for_a_while(stage: Stage) -> None:
    for _ in range(3):  # it comes and goes
        stage.see(WARNING)
        stage.now.wind(seconds=RESOLVED_AFTER_SECONDS - 1)
        stage.see()
    assert stage.events() == ["Raised"]
    stage.now.wind(seconds=1)
    stage.see()
    assert stage.events() == ["Raised", "Resolved"]
    assert [alert.is_open for alert in stage.listed()] == [False]


def test_a_monitor_that_starts_gives_open_alerts_their_time(stage: Stage) -> None:
    stage.see(WARNING)
    stage.now.wind(hours=1)
    stage.start()
    stage.see()
    assert stage.events() == ["Raised"]
    stage.now.wind(seconds=RESOLVED_AFTER_SECONDS)
    stage.see()
    assert stage.events() == ["Raised", "Resolved"]


def test_what_operators_do_is_no_alert(stage: Stage) -> None:
    begin = BeginIntervention(
        intervention_id=InterventionId("i1"),
        action=Action.RETRY,
        subject="cases",
        operator="Olga",
        reason="It is mended.",
        by=SYSTEM,
        at=stage.now(),
    )
    stage.world.executors.interventions.execute("i1", begin, CommandContext())
    before = stage.events()
    stage.see(WARNING)
    assert stage.events() == [*before, "Raised"]
    assert len(stage.listed()) == 1


def test_nothing_is_resolved_while_a_store_cannot_be_read(stage: Stage) -> None:
    stage.see(WARNING)
    stage.now.wind(hours=1)
    stage.overview = Overview(at=stage.now(), subscribers=[WATCHED], complete=False)
    stage.alerting.step()
    stage.now.wind(seconds=RESOLVED_AFTER_SECONDS - 1)
    stage.see()
    assert stage.events() == ["Raised"]
    stage.now.wind(seconds=1)
    stage.see()
    assert stage.events() == ["Raised", "Resolved"]


def test_nothing_is_resolved_before_the_first_look(stage: Stage) -> None:
    stage.see(WARNING)
    stage.now.wind(hours=1)
    stage.overview = Overview(at=stage.now())
    stage.alerting.step()
    assert stage.events() == ["Raised"]


def test_each_time_that_the_trouble_begins_is_listed(stage: Stage) -> None:
    for _ in range(2):
        stage.see(WARNING)
        stage.now.wind(minutes=5)
        stage.see()
    stage.see(WARNING)
    assert [(one.number, one.is_open) for one in stage.listed()] == [
        (3, True),
        (2, False),
        (1, False),
    ]
    assert [one.number for one in stage.listed(is_open=True)] == [3]
    assert stage.listed(subject="nothing") == []


@dataclass
class Caller:
    """Calls nobody. ``refusing`` are the addresses that do not accept."""

    refusing: set[str] = field(default_factory=set)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)

    def call(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.calls.append((url, headers["webhook-id"], json.loads(body)))
        if url in self.refusing:
            raise CallFailed("status 500")

    def may_call(self, url: str) -> bool:
        return True


ID = AlertId("bus:monitor")
RAISED = AlertRaised(
    alert_id=ID,
    number=1,
    trouble=Trouble.BUS,
    subject="monitor",
    severity=CRITICAL,
    text="Away.",
    at=START,
)


@pytest.mark.parametrize(
    ("event", "kind", "data"),
    [
        (
            RAISED,
            "alert.raised",
            {"trouble": "bus", "subject": "monitor", "severity": "critical", "text": "Away."},
        ),
        (
            AlertEased(alert_id=ID, number=1, severity=WARNING, text="Slow.", at=START),
            "alert.eased",
            {"severity": "warning", "text": "Slow."},
        ),
        (AlertResolved(alert_id=ID, number=1, at=START), "alert.resolved", {}),
    ],
)
def test_what_is_sent(event: AlertEvent, kind: str, data: Mapping[str, str]) -> None:
    caller = Caller()
    SendAlerts(["https://a.example"], caller, bytes(32), lambda: START)(event, "the event")
    (call,) = caller.calls
    content = {"type": kind, "timestamp": START.isoformat()}
    expected = {**content, "data": {"alert": ID, "number": 1, **data}}
    assert call == ("https://a.example", "the event", expected)


def test_an_event_that_an_address_refuses_is_sent_to_the_others_and_then_fails() -> None:
    caller = Caller({"https://a.example"})
    send = SendAlerts(["https://a.example", "https://b.example"], caller, bytes(32), lambda: START)
    with pytest.raises(CallFailed, match="status 500"):
        send(RAISED, "the event")
    assert [url for url, *_ in caller.calls] == ["https://a.example", "https://b.example"]


def test_an_alert_that_nobody_accepts_is_parked_and_the_next_one_waits(stage: Stage) -> None:
    world = stage.world
    caller = Caller({"https://a.example"})
    send = SendAlerts(["https://a.example"], caller, bytes(32), stage.now)
    policy = next(one for one in world.policies if one.name == "when-alert-changes-then-send-it")
    subscriber: Any = policy.subscriber
    object.__setattr__(subscriber.policy.dependencies, "send_alert", send)
    stage.see(CRITICAL)
    world.settle()
    assert [each.subscriber for each in world.parked.list()] == [policy.name]
    stage.now.wind(seconds=RESOLVED_AFTER_SECONDS)
    stage.see()
    world.settle()
    caller.refusing.clear()
    stage.now.wind(minutes=1)
    world.settle()
    assert world.parked.list() == []
    assert [sent["type"] for *_, sent in caller.calls][-2:] == ["alert.raised", "alert.resolved"]
