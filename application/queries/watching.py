"""What members watch, such as a case, a tag or an area, and how they are notified of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.rows import Rows
from application.queries.notification import Notification
from domain.cases.place import Location
from domain.members.member import Area, InterestsChosen, MemberRegistered
from domain.sphere import cells_around, km_between
from domain.times import UNTOLD, day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a member watches, from ``since`` until before ``until``; an area is several cells.

    Both are whole days, because most events have no more exact time. A watch that ended is kept,
    because an earlier event may be projected later, from another log.
    """

    member_id: str
    watches: tuple[str, ...]
    area: Area | None = None
    since: datetime
    until: datetime | None = None

    @property
    def is_interest(self) -> bool:
        """Whether it is a tag or an area."""
        return self.area is not None or self.watches[0].startswith("tag/")

    def covers(self, at: datetime, place: Location | None) -> bool:
        """Return whether the member watched at that time, and the place is in their area."""
        in_time = self.since <= at and (self.until is None or at < self.until)
        if self.area is None or not in_time:
            return in_time
        return place is not None and km_between(self.area, place) <= self.area.km


def watch(rows: Rows[Notification], member_id: str, what: str, at: datetime) -> None:
    row = Watch(member_id=member_id, watches=(what,), since=day_of(at))
    rows.table(Watch).put(_key(rows, member_id, what), row)


def unwatch(rows: Rows[Notification], member_id: str, what: str, at: datetime) -> None:
    key = _key(rows, member_id, what)
    rows.table(Watch).change(key, lambda row: replace(row, until=day_of(at)))


def _key(rows: Rows[Notification], member_id: str, what: str) -> str:
    return rows.keyed("watch", member_id, what)


def watch_interests(rows: Rows[Notification], event: MemberRegistered | InterestsChosen) -> None:
    """Let the member watch these tags and areas, and no others."""
    table, member_id = rows.table(Watch), event.member_id
    for key in table.keys_where("member_id", member_id):
        if (row := table.get(key)) and row.is_interest:
            table.delete(key)
    for tag in event.interests:
        watch(rows, member_id, f"tag/{tag}", event.at)
    for number, area in enumerate(event.areas if isinstance(event, InterestsChosen) else ()):
        cells = tuple(f"cell/{name}" for name in cells_around(area, area.km))
        row = Watch(member_id=member_id, watches=cells, area=area, since=day_of(event.at))
        table.put(_key(rows, member_id, f"area/{number}"), row)


def notify(
    rows: Rows[Notification],
    watched: Iterable[str],
    notification: Notification,
    *,
    except_for: str = "",
    place: Location | None = None,
) -> None:
    """Notify each member who watches any of it, once; ``except_for`` is the member who did it."""
    table = rows.table(Watch)
    found = (table.get(key) for what in watched for key in table.keys_where("watches", what))
    members = {
        row.member_id for row in found if row and row.covers(notification.at or UNTOLD, place)
    }
    for member_id in sorted(members - {except_for}):
        key = rows.keyed("notification", member_id, notification.notification_id)
        before = rows.get(key)
        count = before.count + 1 if before else 1
        rows.put(key, replace(notification, notification_id=key, member_id=member_id, count=count))
