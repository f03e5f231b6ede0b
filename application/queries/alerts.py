"""Which alerts were raised, and which of them are open?"""

from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.filters import equal
from application.engine.query_service import Audience, QueryService
from application.engine.rows import Rows
from application.ports.read_models import Find, by, by_range
from domain.operations.alert import AlertEased, AlertRaised, AlertResolved, Severity, Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDocument:
    """One time that something was wrong. ``severity`` is the last one, ``worst`` the highest.

    Its times are rounded down to the minute, or to the hour if they could tell when an event
    happened.
    """

    incident: str
    alert_id: str
    number: int
    trouble: Trouble
    subject: str
    severity: Severity
    worst: Severity
    text: str
    is_open: bool
    raised_at: datetime
    changed_at: datetime


class Alerts(QueryService[AlertDocument]):
    """Which alerts were raised, and which of them are open?"""

    name = "alerts"
    path, audience = "/operations/alerts", Audience.OPERATORS
    document, key = AlertDocument, "incident"
    indexes = (by_range("raised_at"), by("is_open"), by("subject"))

    def project(
        self, event: AlertRaised | AlertEased | AlertResolved, rows: Rows[AlertDocument]
    ) -> None:
        key = f"{event.alert_id} {event.number}"
        match event:
            case AlertRaised():
                before = rows.get(key)
                rows.put(key, _raised(key, event, before.raised_at if before else event.at))
            case AlertEased():
                rows.change(key, lambda row: _eased(row, event))
            case AlertResolved():
                rows.change(key, lambda row: replace(row, is_open=False, changed_at=event.at))

    def ask(self, *, is_open: bool | None = None, subject: str | None = None) -> Find:
        """Alerts, the newest first."""
        return Find(where=equal(is_open=is_open, subject=subject), order_by="raised_at")


def _raised(key: str, event: AlertRaised, raised_at: datetime) -> AlertDocument:
    return AlertDocument(
        incident=key,
        alert_id=event.alert_id,
        number=event.number,
        trouble=event.trouble,
        subject=event.subject,
        severity=event.severity,
        worst=event.severity,
        text=event.text,
        is_open=True,
        raised_at=raised_at,
        changed_at=event.at,
    )


def _eased(row: AlertDocument, event: AlertEased) -> AlertDocument:
    return replace(row, severity=event.severity, text=event.text, changed_at=event.at)
