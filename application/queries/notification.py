"""What a member is told, and how a judgement of moderation is told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from application.engine.query_service import PrivateText
from domain.moderation.decision import AppealResolved, Outcome
from domain.moderation.subject import SubjectHidden, SubjectKind, SubjectRestored


class NotificationKind(StrEnum):
    CASE_PUBLISHED = "case_published"
    CASE_CHANGED = "case_changed"
    CASE_DISCUSSED = "case_discussed"
    COMMENT_ANSWERED = "comment_answered"
    NEW_CASE = "new_case"
    EVIDENCE_ACCEPTED = "evidence_accepted"
    EVIDENCE_REFUSED = "evidence_refused"
    HIDDEN = "hidden"
    RESTORED = "restored"
    APPEAL_RESOLVED = "appeal_resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a member is told: what happened ``count`` times, the last time ``at``."""

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
    at: datetime
    member_id: PrivateText = ""


Judgement = SubjectHidden | SubjectRestored | AppealResolved

_KINDS = {
    SubjectHidden: NotificationKind.HIDDEN,
    SubjectRestored: NotificationKind.RESTORED,
    AppealResolved: NotificationKind.APPEAL_RESOLVED,
}


def about(kind: NotificationKind, case_id: str, at: datetime) -> Notification:
    """Return the notification of all events of one kind in a case."""
    return Notification(notification_id=f"{kind}/{case_id}", kind=kind, case_id=case_id, at=at)


def judged(event: Judgement) -> Notification:
    """Return the notification of what moderation did, by which rule and why."""
    kind = _KINDS[type(event)]
    return Notification(
        notification_id=f"{kind}/{event.subject_id}/{event.decision_id}/{event.at.isoformat()}",
        kind=kind,
        case_id=getattr(event, "case_id", "") or None,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        rule=getattr(event, "rule", None),
        reason=getattr(event, "reason", None) or None,
        decision_id=event.decision_id or None,
        outcome=getattr(event, "outcome", None),
        at=event.at,
    )
