"""What happened to what a member wants to hear of?"""

from dataclasses import replace
from datetime import datetime

from application.engine.filters import equal
from application.engine.query_service import Audience, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, by, by_each
from application.queries.notification import (
    Notification,
    NotificationKind,
    about,
    tell,
    unwatch,
    watch,
    watch_interests,
)
from application.queries.watching import cell
from domain.cases import case, engagement
from domain.cases.party import PartyNamed
from domain.cases.place import NOWHERE, said_at_first
from domain.cases.tags import NumberedTag, numbered
from domain.discussions.comment import CommentWritten
from domain.members.member import InterestsChosen, MemberErased, MemberRegistered
from domain.moderation.decision import AppealResolved
from domain.moderation.subject import (
    SubjectHidden,
    SubjectKind,
    SubjectRegistered,
    SubjectRestored,
    subject_key,
)

OfCase = (
    case.CaseReported
    | case.CaseTagged
    | case.CaseUntagged
    | case.CaseLocated
    | case.LocationRetracted
    | case.CaseAmended
    | PartyNamed
    | case.EvidenceAttached
    | case.EvidenceAccepted
    | case.EvidenceRefused
    | case.CasePublished
    | case.CaseUnpublished
)

Projected = (
    MemberRegistered
    | InterestsChosen
    | MemberErased
    | engagement.CaseFollowed
    | engagement.CaseUnfollowed
    | OfCase
    | SubjectRegistered
    | SubjectHidden
    | SubjectRestored
    | AppealResolved
    | CommentWritten
)


class Notifications(QueryService[Notification]):
    """What happened to what a member wants to hear of?"""

    name, version = "notifications", 3
    document, key = Notification, "notification_id"
    path, audience = "/me/notifications", Audience.MEMBERS
    indexes = (by("served"), by("member_id"), by("at"), by_each("watches"))

    def project(self, event: Projected, rows: Rows[Notification]) -> None:
        match event:
            case MemberRegistered() | InterestsChosen():
                watch_interests(rows, event)
            case MemberErased():
                for key in rows.keys_where("member_id", event.member_id):
                    rows.delete(key)
            case engagement.CaseFollowed():
                watch(rows, event.member_id, _case(event.case_id), event.at)
            case engagement.CaseUnfollowed():
                unwatch(rows, event.member_id, _case(event.case_id), event.at)
            case CommentWritten():
                _hear_comment(rows, event)
            case SubjectRegistered():
                watch(rows, event.author, _subject(event), event.at)
            case SubjectHidden() | SubjectRestored() | AppealResolved():
                _hear_judgement(rows, event)
            case _:
                _hear_of_case(rows, event)

    def ask(self, *, viewer: Viewer) -> Find:
        """What one is told, the newest first."""
        return Find(where=equal(served=True, member_id=viewer.member_id), order_by="at")


def _case(case_id: str) -> str:
    return f"case/{case_id}"


def _evidence_of(case_id: str, evidence_id: str = "all") -> str:
    return f"evidence/{case_id}/{evidence_id}"


def _subject(event: SubjectRegistered | SubjectHidden | SubjectRestored | AppealResolved) -> str:
    return f"subject/{subject_key(event.subject_kind, event.subject_id)}"


def _hear_comment(rows: Rows[Notification], event: CommentWritten) -> None:
    discussed = about(NotificationKind.CASE_DISCUSSED, event.case_id, event.at)
    answered = replace(
        about(NotificationKind.COMMENT_ANSWERED, event.case_id, event.at),
        notification_id=f"answered/{event.parent_id}",
        subject_kind=SubjectKind.COMMENT,
        subject_id=event.parent_id,
    )
    tell(rows, (_case(event.case_id),), discussed, but=event.author)
    if event.parent_id:
        tell(rows, (f"comment/{event.parent_id}",), answered, but=event.author)
    watch(rows, event.author, f"comment/{event.comment_id}", event.at)


def _hear_judgement(
    rows: Rows[Notification], event: SubjectHidden | SubjectRestored | AppealResolved
) -> None:
    kinds = {
        SubjectHidden: NotificationKind.HIDDEN,
        SubjectRestored: NotificationKind.RESTORED,
        AppealResolved: NotificationKind.APPEAL_RESOLVED,
    }
    kind = kinds[type(event)]
    told = Notification(
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
    tell(rows, (_subject(event),), told)


def _hear_of_case(rows: Rows[Notification], event: OfCase) -> None:
    match event:
        case case.CaseReported():
            watch(rows, event.author, _case(event.case_id), event.at)
            watch(rows, event.author, _evidence_of(event.case_id), event.at)
            facts = Notification(
                notification_id=_case(event.case_id),
                member_id=event.author,
                numbered_tags=numbered(event.tags),
                places=said_at_first(event.location, event.author),
                at=event.at,
            )
            rows.put(facts.notification_id, facts)
        case case.CaseTagged() | case.CaseUntagged():
            rows.change(_case(event.case_id), lambda row: _tagged(row, event))
        case case.CaseLocated():
            rows.change(_case(event.case_id), lambda row: _placed(row, event))
            _hear_change(rows, event.case_id, event.by, event.at)
        case case.LocationRetracted():
            rows.change(_case(event.case_id), lambda row: _placed(row, event))
            _hear_change(rows, event.case_id, _author(rows, event.case_id), event.at)
        case case.CaseAmended() | PartyNamed():
            _hear_change(rows, event.case_id, event.by, event.at)
        case case.EvidenceAttached():
            watch(rows, event.by, _evidence_of(event.case_id, event.evidence_id), event.at)
        case case.EvidenceAccepted():
            _hear_change(rows, event.case_id, _author(rows, event.case_id), event.at)
            _hear_end_of_evidence(rows, event)
        case case.EvidenceRefused():
            _hear_end_of_evidence(rows, event)
        case case.CasePublished(is_restored=True):
            rows.change(_case(event.case_id), lambda row: replace(row, public=True))
        case case.CasePublished():
            _hear_publication(rows, event)
        case case.CaseUnpublished():
            rows.change(_case(event.case_id), lambda row: replace(row, public=False))


def _author(rows: Rows[Notification], case_id: str) -> str:
    facts = rows.get(_case(case_id))
    return facts.member_id if facts else ""


def _hear_change(rows: Rows[Notification], case_id: str, actor: str, at: datetime) -> None:
    facts = rows.get(_case(case_id))
    if facts and facts.public:
        told = about(NotificationKind.CASE_CHANGED, case_id, at)
        tell(rows, (_case(case_id),), told, but=actor)


def _hear_end_of_evidence(
    rows: Rows[Notification], event: case.EvidenceAccepted | case.EvidenceRefused
) -> None:
    """Who attached it hears of it, and so does the author of the case.

    What publishes the case they hear of as its publication.
    """
    facts = rows.get(_case(event.case_id))
    refused = isinstance(event, case.EvidenceRefused)
    kind = NotificationKind.EVIDENCE_REFUSED if refused else NotificationKind.EVIDENCE_ACCEPTED
    told = Notification(
        notification_id=f"{kind}/{event.case_id}/{event.evidence_id}",
        kind=kind,
        case_id=event.case_id,
        subject_kind=SubjectKind.EVIDENCE,
        subject_id=event.evidence_id,
        reason=event.reason if isinstance(event, case.EvidenceRefused) else None,
        at=event.at,
    )
    if refused or (facts and facts.public):
        attached = _evidence_of(event.case_id, event.evidence_id)
        tell(rows, (attached, _evidence_of(event.case_id)), told)


def _hear_publication(rows: Rows[Notification], event: case.CasePublished) -> None:
    """Its followers hear that it is public, its author among them; then who wants such cases.

    What it is like is not needed any more then, and others may have contributed to that.
    """
    facts = rows.get(_case(event.case_id))
    if facts is None or facts.public or not facts.member_id:
        return
    rows.put(_case(event.case_id), replace(facts, public=True, numbered_tags=(), places=NOWHERE))
    published = about(NotificationKind.CASE_PUBLISHED, event.case_id, event.at)
    tell(rows, (_case(event.case_id),), published)
    new = about(NotificationKind.NEW_CASE, event.case_id, event.at)
    wanted = tuple(f"tag/{each.tag}" for each in facts.numbered_tags)
    place = facts.places.current
    if place:
        wanted = (*wanted, f"cell/{cell(place)}")
    tell(rows, wanted, new, but=facts.member_id, near=place)


def _tagged(facts: Notification, event: case.CaseTagged | case.CaseUntagged) -> Notification:
    if facts.public:
        return facts
    others = tuple(each for each in facts.numbered_tags if each.number != event.number)
    if isinstance(event, case.CaseTagged):
        others = (*others, NumberedTag(number=event.number, tag=event.tag))
    return replace(facts, numbered_tags=others)


def _placed(facts: Notification, event: case.CaseLocated | case.LocationRetracted) -> Notification:
    if facts.public:
        return facts
    if isinstance(event, case.CaseLocated):
        return replace(facts, places=facts.places.with_(event.number, event.location, event.by))
    return replace(facts, places=facts.places.without(event.number))
