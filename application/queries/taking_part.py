"""Who takes part in which public cases: who supports or follows them, or comments on them.

It is remembered in bounded rows, whose content does not depend on the order in which topics are
read: the last cases of each member, and a sample of the members of each case, drawn by a hash.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice, takewhile
from typing import Any

from application.engine.rows import Rows
from application.ports.read_models import Side, by
from domain.cases.engagement import EngagementDeed, EngagementSigned
from domain.discussions.comment import CommentConcealed, CommentErased, CommentShown, CommentWritten
from domain.members.member import (
    Area,
    InterestsChosen,
    MemberErased,
    MemberRegistered,
    RecommendationsTurnedOff,
    RecommendationsTurnedOn,
)
from domain.times import day_of

MOST_CASES = 500
"""So many of the member's last cases are known. More cost each of their deeds ever more."""
MOST_COMPANIONS = 100
WEEK = timedelta(days=7)

ENDS = {
    EngagementDeed.WITHDREW: EngagementDeed.SUPPORTED,
    EngagementDeed.UNFOLLOWED: EngagementDeed.FOLLOWED,
}
DEEDS = (EngagementDeed.SUPPORTED, EngagementDeed.FOLLOWED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """That a member takes part in a case since a day, and in which ways. Without a way, it ended
    on the day ``until``, and is kept for the rest of that week (see ``took_part``)."""

    case_id: str
    ways: tuple[str, ...] = ()
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A member, what they take part in, the newest first, and what else they follow.

    The parts are in the order of days and cases: the order of the log, in a row that names the
    member, would tell what else they did in the same visit.
    """

    parts: tuple[Participation, ...] = ()
    interests: tuple[str, ...] = ()
    areas: tuple[Area, ...] = ()
    off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """Members who take part in a case: all of them, or a sample."""

    member_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented:
    """Who wrote a comment, and on which case."""

    case_id: str
    member_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The beginning of the week of the newest deed."""

    week: datetime


NOBODY = Participant()
THIS_WEEK = "this week"
TAKING_PART = (
    Side(Participant),
    Side(Companions),
    Side(Commented, (by("member_id"), by("case_id"))),
    Side(Calendar),
)
OfMember = (
    MemberRegistered
    | InterestsChosen
    | RecommendationsTurnedOff
    | RecommendationsTurnedOn
    | MemberErased
)
CommentEvent = CommentWritten | CommentShown | CommentConcealed | CommentErased


def week_of(at: datetime) -> datetime:
    """Return the beginning of the Monday of that week, in UTC."""
    return day_of(at) - timedelta(days=at.weekday())


def engage(rows: Rows[Any], event: EngagementSigned) -> None:
    """Remember what a member begins or ceases to support or to follow."""
    if event.deed in DEEDS:
        _begin(rows, event.by, event.case_id, event.deed, event.at)
    elif event.deed in ENDS:
        _end(rows, event.by, event.case_id, ENDS[event.deed], event.at)


def comment(rows: Rows[Any], event: CommentEvent) -> None:
    """Remember who takes part in a case by a comment that everybody can read."""
    table, key = rows.table(Commented), event.comment_id
    remark = table.get(key)
    match event:
        case CommentWritten():
            table.put(key, Commented(case_id=event.case_id, member_id=event.author))
        case CommentErased():
            table.delete(key)
        case CommentShown() if remark:
            _begin(rows, remark.member_id, remark.case_id, key, event.at)
        case CommentConcealed() if remark:
            _end(rows, remark.member_id, remark.case_id, key, event.at)
        case _:
            pass


def choose(rows: Rows[Any], event: OfMember) -> None:
    """Remember what a member follows, and whether they turned recommendations off."""
    table, key = rows.table(Participant), event.member_id
    member = table.get(key) or NOBODY
    match event:
        case MemberRegistered():
            table.put(key, replace(member, interests=event.interests))
        case InterestsChosen():
            table.put(key, replace(member, interests=event.interests, areas=event.areas))
        case RecommendationsTurnedOff() | RecommendationsTurnedOn():
            table.put(key, replace(member, off=isinstance(event, RecommendationsTurnedOff)))
        case MemberErased():
            _leave(rows, key, member.parts)
            table.delete(key)
            rows.table(Commented).delete_where("member_id", key)


def forget_case(rows: Rows[Any], case_id: str, author_id: str) -> None:
    """Forget an erased case, and who took part in it, its author above all."""
    companions = rows.table(Companions).get(case_id) or Companions()
    participants = rows.table(Participant)
    for member_id in {author_id, *companions.member_ids}:
        member = participants.get(member_id) or NOBODY
        parts = tuple(part for part in member.parts if part.case_id != case_id)
        participants.put(member_id, replace(member, parts=parts))
        if replace(member, parts=parts) == NOBODY:
            participants.delete(member_id)
    rows.table(Companions).delete(case_id)
    rows.table(Commented).delete_where("case_id", case_id)


def took_part(member: Participant, week: datetime, weeks: int, most: int) -> list[str]:
    """Return the last cases that the member took part in when the week began, and not long before.

    So the answer is the same for a whole week, whatever the member does meanwhile.
    """
    if member.off:
        return []
    oldest = week - weeks * WEEK
    recent = takewhile(lambda part: part.since >= oldest, member.parts)
    found = (
        part.case_id
        for part in recent
        if part.since < week and (part.until is None or part.until >= week)
    )
    return list(islice(found, most))


def _begin(rows: Rows[Any], member_id: str, case_id: str, way: str, at: datetime) -> None:
    member, before = _taken(rows, member_id, case_id, at)
    since = before.since if before and not before.until else day_of(at)
    ways = {*before.ways, way} if before else {way}
    part = Participation(case_id=case_id, ways=tuple(sorted(ways)), since=since)
    _remember(rows, member_id, replace(member, parts=(*member.parts, part)))
    _join(rows, member_id, case_id)


def _end(rows: Rows[Any], member_id: str, case_id: str, way: str, at: datetime) -> None:
    member, before = _taken(rows, member_id, case_id, at)
    if before is None:
        return
    ways = tuple(each for each in before.ways if each != way)
    part = replace(before, ways=ways, until=None if ways else day_of(at))
    _remember(rows, member_id, replace(member, parts=(*member.parts, part)))


def _taken(
    rows: Rows[Any], member_id: str, case_id: str, at: datetime
) -> tuple[Participant, Participation | None]:
    """Return the member without their part in the case, and that part, if there is one.

    Let the week begin, if it is a new one.
    """
    calendar = rows.table(Calendar).get(THIS_WEEK)
    if calendar is None or calendar.week < week_of(at):
        rows.table(Calendar).put(THIS_WEEK, Calendar(week=week_of(at)))
    member = rows.table(Participant).get(member_id) or NOBODY
    found = next((part for part in member.parts if part.case_id == case_id), None)
    others = tuple(part for part in member.parts if part is not found)
    return replace(member, parts=others), found


def _remember(rows: Rows[Any], member_id: str, member: Participant) -> None:
    """Put the member, with their last parts alone."""
    calendar = rows.table(Calendar).get(THIS_WEEK)
    week = calendar.week if calendar else None
    newest = sorted(member.parts, key=lambda part: (part.since, part.case_id), reverse=True)
    kept = [part for part in newest if not (part.until and week and part.until < week)]
    kept = kept[:MOST_CASES]
    if len(kept) < len(newest):
        known = {part.case_id for part in kept}
        _leave(rows, member_id, [part for part in newest if part.case_id not in known])
    rows.table(Participant).put(member_id, replace(member, parts=tuple(kept)))


def _join(rows: Rows[Any], member_id: str, case_id: str) -> None:
    """Add the member to those of the case, who are a sample if there are too many."""
    table = rows.table(Companions)
    before = table.get(case_id) or Companions()
    members = {*before.member_ids, member_id}
    drawn = sorted(members, key=lambda each: _lot(case_id, each))[:MOST_COMPANIONS]
    if tuple(drawn) != before.member_ids:
        table.put(case_id, Companions(member_ids=tuple(drawn)))


def _lot(case_id: str, member_id: str) -> bytes:
    return blake2b(f"{case_id}/{member_id}".encode(), digest_size=8).digest()


def _leave(rows: Rows[Any], member_id: str, parts: Iterable[Participation]) -> None:
    for part in parts:
        rows.table(Companions).change(
            part.case_id,
            lambda row: Companions(
                member_ids=tuple(each for each in row.member_ids if each != member_id)
            ),
        )
