"""What happened to what a member watches?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from application.engine.query_service import ALIASES, Alias, Audience, QueryService, Viewer
from application.engine.rows import Rows
from application.ports.read_models import Find, OneOf, Side, by, by_each, by_range
from application.queries.notification import (
    Judgement,
    Notification,
    NotificationKind,
    about,
    judged,
)
from application.queries.watching import Watch, notify, unwatch, watch, watch_interests
from domain.cases import case_events as case
from domain.cases.engagement import EngagementDeed, EngagementSigned
from domain.cases.party import PartyNamed
from domain.cases.place import Location
from domain.cases.tags_and_place import TagOrPlaceEvent, place_after, tags_after
from domain.discussions.comment import CommentWritten
from domain.members.member import InterestsChosen, MemberErased, MemberRegistered
from domain.moderation.decision import ReasonGiven, ReasonRedacted
from domain.moderation.subject import SubjectKind, SubjectRegistered, subject_key
from domain.sphere import cell

OfMember = MemberRegistered | InterestsChosen | MemberErased | EngagementSigned
OfKnownCase = (
    TagOrPlaceEvent
    | PartyNamed
    | case.CaseAmended
    | case.CasePublished
    | case.CaseUnpublished
    | case.EvidenceAccepted
)
OfModeration = SubjectRegistered | Judgement | ReasonGiven | ReasonRedacted
OfCase = (
    OfKnownCase
    | case.EvidenceAttached
    | case.EvidenceRefused
    | case.ContributionProposed
    | case.CaseErased
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCase:
    """What must be known of a case to notify the right members."""

    author_id: str
    tags: Mapping[int, str]
    place: Location | None
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionReason:
    """The reason for a decision, which is applied to its subject later."""

    text: str


class Notifications(QueryService[Notification]):
    """What happened to what a member watches?"""

    name, version = "notifications", 6
    document, key = Notification, "notification_id"
    path, audience, by_order = "/me/notifications", Audience.MEMBERS, True
    indexes = (by("member_id"), by_range("at"), by("reason_id"))
    sides = (
        Side(Watch, (by("member_id"), by_each("watches"))),
        Side(KnownCase),
        Side(DecisionReason),
        ALIASES,
    )

    def project(
        self,
        event: OfMember | OfCase | OfModeration | CommentWritten,
        rows: Rows[Notification],
    ) -> None:
        match event:
            case MemberRegistered() | InterestsChosen():
                watch_interests(rows, event)
            case MemberErased():
                rows.delete_where("member_id", event.member_id)
                rows.table(Watch).delete_where("member_id", event.member_id)
            case EngagementSigned():
                _follow(event, rows)
            case CommentWritten():
                _notify_of_comment(event, rows)
            case _ if isinstance(event, OfModeration):
                _notify_of_moderation(event, rows)
            case case.CaseReported():
                watch(rows, event.author, f"case/{event.case_id}", event.at)
                watch(rows, event.author, f"author/{event.case_id}", event.at)
                new = KnownCase(author_id=event.author, tags={}, place=None)
                rows.table(KnownCase).put(event.case_id, _after(new, event))
                if event.anonymous:
                    alias = Alias(alias=event.author, since=event.at)
                    rows.table(Alias).put(event.author, alias)
            case case.EvidenceAttached():
                watch(rows, event.by, f"evidence/{event.case_id}/{event.evidence_id}", event.at)
            case case.EvidenceRefused():
                _notify_of_evidence(event, NotificationKind.EVIDENCE_REFUSED, rows, event.reason)
            case case.ContributionProposed():
                proposed = about(NotificationKind.CONTRIBUTION_PROPOSED, event.case_id, event.at)
                notify(rows, (f"author/{event.case_id}",), proposed)
            case case.CaseErased():
                _forget_case(event.case_id, rows)
            case _:
                if known := rows.table(KnownCase).get(event.case_id):
                    _notify_of_case(event, known, rows)
                    rows.table(KnownCase).put(event.case_id, _after(known, event))

    def ask(self, viewer: Viewer) -> Find:
        """The notifications of the member who asks, the newest first."""
        return Find(where=(OneOf("member_id", viewer.ids),), order_by="at")


def _subject(event: SubjectRegistered | Judgement) -> str:
    return f"subject/{subject_key(event.subject_kind, event.subject_id)}"


def _follow(event: EngagementSigned, rows: Rows[Notification]) -> None:
    """Let a member watch the case if they follow it, and no longer if they ceased to."""
    match event.deed:
        case EngagementDeed.FOLLOWED:
            watch(rows, event.by, f"case/{event.case_id}", event.at)
        case EngagementDeed.UNFOLLOWED:
            unwatch(rows, event.by, f"case/{event.case_id}", event.at)
        case _:
            pass


def _forget_case(case_id: str, rows: Rows[Notification]) -> None:
    """Forget a case, and the notifications of an alias of its author."""
    known = rows.table(KnownCase).get(case_id)
    if known and rows.table(Alias).get(known.author_id):
        rows.delete_where("member_id", known.author_id)
        rows.table(Watch).delete_where("member_id", known.author_id)
        rows.table(Alias).delete(known.author_id)
    rows.table(KnownCase).delete(case_id)


def _notify_of_moderation(event: OfModeration, rows: Rows[Notification]) -> None:
    match event:
        case SubjectRegistered(subject_kind=SubjectKind.DISPUTE):
            pass  # a party has no account
        case SubjectRegistered():
            watch(rows, event.author, _subject(event), event.at)
        case ReasonGiven():
            rows.table(DecisionReason).put(event.reason_id, DecisionReason(text=event.reason))
            _change_reason(rows, event, event.reason)
        case ReasonRedacted():
            rows.table(DecisionReason).delete(event.reason_id)
            _change_reason(rows, event, None)
        case _:
            judgement = judged(event)
            reason = rows.table(DecisionReason).get(judgement.reason_id)
            judgement = replace(judgement, reason=reason.text if reason else None)
            notify(rows, (_subject(event),), judgement)


def _change_reason(
    rows: Rows[Notification], event: ReasonGiven | ReasonRedacted, reason: str | None
) -> None:
    rows.change_where("reason_id", event.reason_id, lambda row: replace(row, reason=reason))


def _notify_followers(
    event: OfKnownCase | CommentWritten,
    kind: NotificationKind,
    rows: Rows[Notification],
    except_for: str = "",
) -> None:
    """Notify the followers of the case; its author is one of them."""
    notification = about(kind, event.case_id, event.at)
    notify(rows, (f"case/{event.case_id}",), notification, except_for=except_for)


def _notify_of_comment(event: CommentWritten, rows: Rows[Notification]) -> None:
    _notify_followers(event, NotificationKind.CASE_DISCUSSED, rows, except_for=event.author)
    kind, parent = NotificationKind.COMMENT_ANSWERED, event.parent_id
    answered = about(kind, event.case_id, event.at, parent, subject_kind=SubjectKind.COMMENT)
    notify(rows, (f"comment/{parent}",), answered, except_for=event.author)
    watch(rows, event.author, f"comment/{event.comment_id}", event.at)


def _notify_of_evidence(
    event: case.EvidenceAccepted | case.EvidenceRefused,
    kind: NotificationKind,
    rows: Rows[Notification],
    reason: str | None = None,
) -> None:
    """Notify the member who attached it, and the author of the case."""
    item = event.evidence_id
    watched = (f"author/{event.case_id}", f"evidence/{event.case_id}/{item}")
    notification = about(
        kind, event.case_id, event.at, item, subject_kind=SubjectKind.EVIDENCE, reason=reason
    )
    notify(rows, watched, notification)


def _notify_of_case(event: OfKnownCase, known: KnownCase, rows: Rows[Notification]) -> None:
    """Notify of the publication of a case, and of changes while it is public."""
    changed = NotificationKind.CASE_CHANGED
    match event:
        case case.CasePublished(is_restored=False):
            _notify_followers(event, NotificationKind.CASE_PUBLISHED, rows)
            _notify_of_new_case(event, known, rows)
        case _ if not known.public:
            pass
        case case.CaseAmended(by=by) | case.CaseLocated(by=by) | PartyNamed(by=by):
            _notify_followers(event, changed, rows, except_for=by)
        case case.LocationRetracted():
            _notify_followers(event, changed, rows, except_for=known.author_id)
        case case.EvidenceAccepted():
            _notify_followers(event, changed, rows, except_for=known.author_id)
            _notify_of_evidence(event, NotificationKind.EVIDENCE_ACCEPTED, rows)
        case _:
            pass


def _notify_of_new_case(
    event: case.CasePublished, known: KnownCase, rows: Rows[Notification]
) -> None:
    """Notify the members who watch one of its tags or an area around it."""
    wanted = [f"tag/{tag}" for tag in known.tags.values()]
    wanted += [f"cell/{cell(known.place)}"] if known.place else []
    new = about(NotificationKind.NEW_CASE, event.case_id, event.at)
    notify(rows, wanted, new, except_for=known.author_id, place=known.place)


def _after(known: KnownCase, event: OfKnownCase) -> KnownCase:
    """Return what is known of the case after one more of its events."""
    match event:
        case case.CasePublished():
            return replace(known, public=True)
        case case.CaseUnpublished():
            return replace(known, public=False)
        case _ if isinstance(event, TagOrPlaceEvent):
            tags, place = tags_after(known.tags, event), place_after(known.place, event)
            return replace(known, tags=tags, place=place)
        case _:
            return known
