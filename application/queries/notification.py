"""The notifications that members get about cases and moderation."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from application.engine.query_service import PrivateText
from domain.moderation.decision import AppealResolved, Outcome
from domain.moderation.subject import SubjectAppealed, SubjectHidden, SubjectKind, SubjectRestored
from domain.times import told

Judgement = SubjectHidden | SubjectRestored | SubjectAppealed | AppealResolved


class NotificationKind(StrEnum):
    CASE_PUBLISHED = "case_published"
    CASE_CHANGED = "case_changed"
    CASE_DISCUSSED = "case_discussed"
    COMMENT_ANSWERED = "comment_answered"
    NEW_CASE = "new_case"
    CONTRIBUTION_PROPOSED = "contribution_proposed"
    EVIDENCE_ACCEPTED = "evidence_accepted"
    EVIDENCE_REFUSED = "evidence_refused"
    HIDDEN = "hidden"
    RESTORED = "restored"
    APPEAL_WAITS = "appeal_waits"
    APPEAL_RESOLVED = "appeal_resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification for one member: it happened ``count`` times, the last time ``at``.

    There is no time of what happened in a case before its delayed publication.
    """

    notification_id: str
    kind: NotificationKind
    case_id: str | None = None
    subject_kind: SubjectKind | None = None
    subject_id: str | None = None
    rule: str | None = None
    reason: str | None = None
    decision_id: str | None = None
    outcome: Outcome | None = None
    count: int = 1
    at: datetime | None
    member_id: PrivateText = ""
    reason_id: PrivateText = ""


def about(
    kind: NotificationKind, case_id: str, at: datetime, subject_id: str = "", **more: Any
) -> Notification:
    """Return the notification of all events of one kind about a case, or about a part of it."""
    key = f"{kind}/{case_id}/{subject_id}"
    subject = subject_id or None
    return Notification(
        notification_id=key, kind=kind, case_id=case_id, subject_id=subject, at=told(at), **more
    )


def judged(event: Judgement) -> Notification:
    """Return the notification of what moderation did, by which rule, without the reason."""
    match event:
        case SubjectHidden(case_id=case_id, rule=rule, reason_id=reason_id):
            return _judged(event, NotificationKind.HIDDEN, case_id, rule, reason_id)
        case SubjectRestored(case_id=case_id):
            return _judged(event, NotificationKind.RESTORED, case_id)
        case SubjectAppealed():
            return _judged(event, NotificationKind.APPEAL_WAITS, "")
        case AppealResolved(rule=rule, reason_id=reason_id, outcome=outcome):
            resolved = _judged(event, NotificationKind.APPEAL_RESOLVED, "", rule, reason_id)
            return replace(resolved, outcome=outcome)


def _judged(
    event: Judgement, kind: NotificationKind, case_id: str, rule: str = "", reason_id: str = ""
) -> Notification:
    key = f"{kind}/{event.subject_id}/{event.decision_id}/{event.at.isoformat()}"
    return Notification(
        notification_id=key,
        kind=kind,
        case_id=case_id or None,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        rule=rule or None,
        decision_id=event.decision_id or None,
        reason_id=reason_id,
        at=event.at,
    )
