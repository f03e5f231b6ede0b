"""What a member is told, what they watch, and how the one follows from the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from application.engine.derived_ids import derived_id
from application.engine.query_service import Private, PrivateText
from application.engine.rows import Rows
from application.queries.watching import cells_around
from domain.cases.place import NOWHERE, Location, Places
from domain.cases.tags import NumberedTag
from domain.members.member import Area, InterestsChosen, MemberRegistered
from domain.moderation.decision import Outcome
from domain.moderation.subject import SubjectKind
from domain.sphere import km_between


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
    """What a member is told: what happened ``count`` times, the last time ``at``.

    Other rows of the read model, never served, are what a member ``watches``, and what is known of
    a case that members may want to hear of.
    """

    notification_id: str
    kind: NotificationKind | None = None
    case_id: str | None = None
    subject_kind: SubjectKind | None = None
    subject_id: str | None = None
    rule: str | None = None
    reason: str | None = None
    decision_id: str | None = None
    outcome: Outcome | None = None
    count: int = 0
    at: datetime
    member_id: PrivateText = ""
    watches: Annotated[tuple[str, ...], Private()] = ()
    area: Annotated[Area | None, Private()] = None
    until: Annotated[datetime | None, Private()] = None
    numbered_tags: Annotated[tuple[NumberedTag, ...], Private()] = ()
    places: Annotated[Places, Private()] = NOWHERE
    public: Annotated[bool, Private()] = False
    served: Annotated[bool, Private()] = False


def about(kind: NotificationKind, case_id: str, at: datetime) -> Notification:
    """What is told of a case, once for all that is alike."""
    return Notification(notification_id=f"{kind}/{case_id}", kind=kind, case_id=case_id, at=at)


def _watching(member_id: str, what: str) -> str:
    return f"{member_id}/{what}"


def watch(rows: Rows[Notification], member_id: str, what: str, at: datetime) -> None:
    """From that time on the member wants to hear of it; nobody, once they were erased."""
    if member_id:
        key = _watching(member_id, what)
        rows.put(
            key, Notification(notification_id=key, member_id=member_id, watches=(what,), at=at)
        )


def watch_interests(rows: Rows[Notification], event: MemberRegistered | InterestsChosen) -> None:
    """Tags and areas stand in rows of their own, which the next choice replaces."""
    for tag in event.interests:
        watch(rows, event.member_id, f"tag/{tag}", event.at)
    if isinstance(event, InterestsChosen):
        _watch_no_others(rows, event)
        for number, area in enumerate(event.areas):
            _watch_area(rows, event, number, area)


def _watch_no_others(rows: Rows[Notification], event: InterestsChosen) -> None:
    chosen = {_watching(event.member_id, f"tag/{tag}") for tag in event.interests}
    own = (_watching(event.member_id, "tag/"), _watching(event.member_id, "area/"))
    for key in rows.keys_where("member_id", event.member_id):
        if key.startswith(own) and key not in chosen:
            rows.delete(key)


def _watch_area(rows: Rows[Notification], event: InterestsChosen, number: int, area: Area) -> None:
    key = _watching(event.member_id, f"area/{number}")
    row = Notification(
        notification_id=key,
        member_id=event.member_id,
        watches=tuple(f"cell/{name}" for name in cells_around(area, area.km)),
        area=area,
        at=event.at,
    )
    rows.put(key, row)


def unwatch(rows: Rows[Notification], member_id: str, what: str, at: datetime) -> None:
    """From that time on the member does not want to hear of it."""
    rows.change(_watching(member_id, what), lambda row: replace(row, until=at))


def tell(
    rows: Rows[Notification],
    watched: tuple[str, ...],
    told: Notification,
    *,
    but: str = "",
    near: Location | None = None,
) -> None:
    """Tell those who watch any of it, once each, but for who did it; areas only what is near."""
    watchers = [row for what in watched for row in _watchers(rows, what, told.at)]
    members = {row.member_id for row in watchers if _is_near(row, near)}
    for member_id in sorted(members - {but}):
        key = derived_id(member_id, told.notification_id)
        before = rows.get(key)
        count = before.count + 1 if before else 1
        rows.put(
            key,
            replace(told, notification_id=key, member_id=member_id, count=count, served=True),
        )


def _watchers(rows: Rows[Notification], what: str, at: datetime) -> Iterator[Notification]:
    """Who watched it at that time."""
    for key in rows.keys_where("watches", what):
        row = rows.get(key)
        if row and row.at <= at and (row.until is None or at < row.until):
            yield row


def _is_near(row: Notification, place: Location | None) -> bool:
    area = row.area
    return area is None or (place is not None and km_between(area, place) <= area.km)
