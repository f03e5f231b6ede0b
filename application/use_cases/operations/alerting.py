"""Raise, ease and resolve alerts from what the monitor finds, without flapping."""

from collections.abc import Callable
from threading import Lock
from typing import Any

from application.engine.executor import CommandContext
from application.executors import AlertExecutor
from application.ports.clock import Clock
from application.ports.codec import EventCodec
from application.ports.history import History
from application.use_cases.operations.overview import Finding, Overview
from domain.actors import SYSTEM
from domain.operations.alert import (
    AlertId,
    AlertResolved,
    ReportTrouble,
    ResolveAlert,
    Severity,
    alert_decider,
)

LOG = "operations"
COMMITS_A_READ = 1000
RAISED_AFTER_SECONDS = 10.0
"""How long a trouble has to last until its alert is raised."""
RESOLVED_AFTER_SECONDS = 30.0
"""How long it has to be over, or less severe, until the alert is resolved or eased."""


class OpenAlerts:
    """The alerts that are open, by their ids. It reads only new events each time."""

    def __init__(self, history: History, codec: EventCodec) -> None:
        self._history = history
        self._codec = codec
        self._lock = Lock()
        self._position = 0
        self._open: dict[AlertId, Severity] = {}

    def __call__(self) -> dict[AlertId, Severity]:
        """Return the severities of the open alerts. Raises HistoryUnavailable."""
        with self._lock:
            while events := self._history.read(LOG, self._position, COMMITS_A_READ):
                for event in events:
                    if event.stream.startswith(f"{alert_decider.category}-"):
                        self._note(self._codec.decode(event))
                    self._position = event.position
            return dict(self._open)

    def _note(self, event: Any) -> None:
        if isinstance(event, AlertResolved):
            self._open.pop(event.alert_id, None)
        else:
            self._open[event.alert_id] = event.severity


class Alerting:
    """Issues the commands of the monitor that leads.

    The aggregate decides on what is open already, so a second leader by accident changes nothing.
    """

    def __init__(
        self,
        overview: Callable[[], Overview],
        alerts: AlertExecutor,
        open_alerts: OpenAlerts,
        clock: Clock,
        seconds: Callable[[], float],
    ) -> None:
        self._overview = overview
        self._alerts = alerts
        self._open = open_alerts
        self._clock = clock
        self._seconds = seconds
        self._seen: dict[AlertId, float] = {}
        self._severe: dict[AlertId, float] = {}
        self._began_at = seconds()

    def step(self) -> bool:
        """Compare what is wrong with the open alerts. Returns False: it is done for now."""
        overview, now = self._overview(), self._seconds()
        if overview.subscribers:
            open_alerts = self._open()
            for finding in overview.findings:
                self._report(finding, open_alerts.get(AlertId(finding.alert_id)), now)
            current = {AlertId(finding.alert_id) for finding in overview.findings}
            for alert_id in open_alerts.keys() - current:
                if overview.complete:
                    self._resolve(alert_id, now)
                else:
                    self._seen[alert_id] = now  # for all that is known, it goes on
        return False

    def lag(self) -> int:
        return 0

    def _report(self, finding: Finding, is_open: Severity | None, now: float) -> None:
        alert_id = AlertId(finding.alert_id)
        self._seen[alert_id] = now
        if finding.severity is Severity.CRITICAL:
            self._severe[alert_id] = now
        if is_open is Severity.CRITICAL and finding.severity is Severity.WARNING:
            is_due = self._has_passed(self._severe, alert_id, now)
        else:
            lasts = (self._clock() - finding.since).total_seconds()
            is_due = is_open is not None or lasts >= RAISED_AFTER_SECONDS
        if is_due and finding.severity is not is_open:
            command = ReportTrouble(
                alert_id=alert_id,
                trouble=finding.trouble,
                subject=finding.subject,
                severity=finding.severity,
                text=finding.text,
                by=SYSTEM,
                at=self._clock(),
            )
            self._alerts.execute(alert_id, command, CommandContext())

    def _resolve(self, alert_id: AlertId, now: float) -> None:
        if self._has_passed(self._seen, alert_id, now):
            command = ResolveAlert(by=SYSTEM, at=self._clock())
            self._alerts.execute(alert_id, command, CommandContext())

    def _has_passed(self, last: dict[AlertId, float], alert_id: AlertId, now: float) -> bool:
        return now - last.get(alert_id, self._began_at) >= RESOLVED_AFTER_SECONDS
