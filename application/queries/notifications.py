"""What happened to what a member wants to hear of?"""

from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.filters import equal
from application.engine.query_service import Audience, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, Side, by, by_each
from application.queries.notification import (
    Judgement,
    Notification,
    NotificationKind,
    about,
    judged,
)
from application.queries.watching import Watch, cell, tell, unwatch, watch, watch_interests
from domain.cases import case_events as case
from domain.cases.engagement import CaseFollowed, CaseUnfollowed
from domain.cases.party import PartyNamed
from domain.cases.place import Places, said_at_first
from domain.cases.tags import NumberedTag, numbered, without
from domain.discussions.comment import CommentWritten
from domain.members.member import InterestsChosen, MemberErased, MemberRegistered
from domain.moderation.subject import SubjectKind, SubjectRegistered, subject_key

Changed = case.CaseAmended | PartyNamed
Described = (
    case.CaseTagged
    | case.CaseUntagged
    | case.CaseLocated
    | case.LocationRetracted
    | case.ContributionErased
    | case.CasePublished
    | case.CaseUnpublished
)
EndOfEvidence = case.EvidenceAccepted | case.EvidenceRefused
OfCase = case.CaseReported | case.CaseErased | case.EvidenceAttached | Described | Changed


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCase:
    author_id: str
    tags: tuple[NumberedTag, ...]
    places: Places
    public: bool = False


class Notifications(QueryService[Notification]):
    """What happened to what a member wants to hear of?"""

    name, version = "notifications", 3
    document, key = Notification, "notification_id"
    path, audience = "/me/notifications", Audience.MEMBERS
    indexes = (by("member_id"), by("at"))
    sides = (Side(Watch, (by("member_id"), by_each("watches"))), Side(KnownCase))

    def project(
        self,
        event: MemberRegistered
        | InterestsChosen
        | MemberErased
        | CaseFollowed
        | CaseUnfollowed
        | CommentWritten
        | SubjectRegistered
        | Judgement
        | EndOfEvidence
        | OfCase,
        rows: Rows[Notification],
    ) -> None:
        match event:
            case MemberRegistered() | InterestsChosen():
                watch_interests(rows, event)
            case MemberErased():
                for table in (rows, rows.table(Watch)):
                    for key in table.keys_where("member_id", event.member_id):
                        table.delete(key)
            case CaseFollowed():
                watch(rows, event.member_id, f"case/{event.case_id}", event.at)
            case CaseUnfollowed():
                unwatch(rows, event.member_id, f"case/{event.case_id}", event.at)
            case CommentWritten():
                _project_comment(event, rows)
            case SubjectRegistered():
                watch(rows, event.author, _subject(event), event.at)
            case _ if isinstance(event, Judgement):
                tell(rows, (_subject(event),), judged(event))
            case _ if isinstance(event, EndOfEvidence):
                _project_end_of_evidence(event, rows)
            case _:
                _project_case(event, rows)

    def ask(self, viewer: Viewer) -> Find:
        """What one is told, the newest first."""
        return Find(where=equal(member_id=viewer.member_id), order_by="at")


def _subject(event: SubjectRegistered | Judgement) -> str:
    return f"subject/{subject_key(event.subject_kind, event.subject_id)}"


def _project_comment(event: CommentWritten, rows: Rows[Notification]) -> None:
    discussed = about(NotificationKind.CASE_DISCUSSED, event.case_id, event.at)
    tell(rows, (f"case/{event.case_id}",), discussed, but=event.author)
    answered = replace(
        about(NotificationKind.COMMENT_ANSWERED, event.case_id, event.at),
        notification_id=f"answered/{event.parent_id}",
        subject_kind=SubjectKind.COMMENT,
        subject_id=event.parent_id,
    )
    tell(rows, (f"comment/{event.parent_id}",), answered, but=event.author)
    watch(rows, event.author, f"comment/{event.comment_id}", event.at)


def _project_end_of_evidence(event: EndOfEvidence, rows: Rows[Notification]) -> None:
    """Tell who attached it and the author of the case; evidence that publishes it is no news."""
    known = rows.table(KnownCase).get(event.case_id)
    public, refused = known is not None and known.public, isinstance(event, case.EvidenceRefused)
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
    if known and not refused:
        _tell_of_change(rows, event.case_id, known.author_id, event.at)
    if refused or public:
        of_case = f"evidence/{event.case_id}"
        tell(rows, (of_case, f"{of_case}/{event.evidence_id}"), told)


def _project_case(event: OfCase, rows: Rows[Notification]) -> None:
    cases, case_id = rows.table(KnownCase), event.case_id
    known = cases.get(case_id)
    match event:
        case case.CaseReported():
            watch(rows, event.author, f"case/{case_id}", event.at)
            watch(rows, event.author, f"evidence/{case_id}", event.at)
            places = said_at_first(event.location, event.author)
            tags = numbered(event.tags)
            cases.put(case_id, KnownCase(author_id=event.author, tags=tags, places=places))
        case case.CaseErased():
            cases.delete(case_id)
        case case.EvidenceAttached():
            watch(rows, event.by, f"evidence/{case_id}/{event.evidence_id}", event.at)
        case case.CaseAmended() | PartyNamed():
            _tell_of_change(rows, case_id, event.by, event.at)
        case _:
            cases.change(case_id, lambda row: _after(row, event))
            if isinstance(event, case.CaseLocated):
                _tell_of_change(rows, case_id, event.by, event.at)
            elif isinstance(event, case.LocationRetracted) and known:
                _tell_of_change(rows, case_id, known.author_id, event.at)
            elif isinstance(event, case.CasePublished) and not event.is_restored and known:
                _tell_of_publication(event, known, rows)


def _tell_of_change(rows: Rows[Notification], case_id: str, by: str, at: datetime) -> None:
    known = rows.table(KnownCase).get(case_id)
    if known and known.public:
        changed = about(NotificationKind.CASE_CHANGED, case_id, at)
        tell(rows, (f"case/{case_id}",), changed, but=by)


def _tell_of_publication(
    event: case.CasePublished, known: KnownCase, rows: Rows[Notification]
) -> None:
    """Tell the followers, the author among them, then those who want such cases."""
    published = about(NotificationKind.CASE_PUBLISHED, event.case_id, event.at)
    tell(rows, (f"case/{event.case_id}",), published)
    new = about(NotificationKind.NEW_CASE, event.case_id, event.at)
    place = known.places.current
    wanted = [f"tag/{each.tag}" for each in known.tags]
    wanted += [f"cell/{cell(place)}"] if place else []
    tell(rows, wanted, new, but=known.author_id, place=place)


def _after(known: KnownCase, event: Described) -> KnownCase:
    """What is known of the case after one more of its events."""
    places, tags = known.places, known.tags
    match event:
        case case.CaseTagged():
            tag = NumberedTag(number=event.number, tag=event.tag)
            return replace(known, tags=(*without(tags, event.number), tag))
        case case.CaseUntagged():
            return replace(known, tags=without(tags, event.number))
        case case.CaseLocated():
            return replace(known, places=places.with_(event.number, event.location, event.by))
        case case.LocationRetracted():
            return replace(known, places=places.without(event.number))
        case case.ContributionErased():
            places = places.with_erased(event.places)
            return replace(known, tags=without(tags, *event.tags), places=places)
        case _:
            return replace(known, public=isinstance(event, case.CasePublished))
