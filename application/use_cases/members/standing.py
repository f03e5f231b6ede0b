"""Tell the operator who granted, revoked, suspended and reinstated. Nobody else gets to know it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from application.engine.whole_log import events_of
from application.executors import MemberExecutor
from application.ports.codec import EventCodec
from application.ports.history import History
from domain.ids import MemberId
from domain.members.member import (
    MemberReinstated,
    MemberSuspended,
    RoleGranted,
    RoleRevoked,
    StandingSigned,
    SuspensionRedacted,
    SuspensionUpheld,
)

OPERATOR = "the operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingChange:
    """A change to the standing of a member, and who made it: pseudonyms with ids."""

    what: str
    member: str
    by: str
    at: datetime


class StandingChanges:
    """Reads the changes of standing from the log of members."""

    def __init__(self, history: History, codec: EventCodec, members: MemberExecutor) -> None:
        self._history = history
        self._codec = codec
        self._members = members

    def __iter__(self) -> Iterator[StandingChange]:
        """Yield the changes, oldest first."""
        events = events_of(self._history, "members")
        for _, commit in groupby(events, key=lambda event: (event.stream, event.stamp)):
            yield from self._changes([self._codec.decode(event) for event in commit])

    def _changes(self, commit: list[object]) -> Iterator[StandingChange]:
        signers = [self._named(event.by) for event in commit if isinstance(event, StandingSigned)]
        by = signers[0] if signers else OPERATOR
        for event in commit:
            if what := _described(event):
                member = self._named(event.member_id)  # type: ignore[attr-defined]  # as described
                yield StandingChange(what=what, member=member, by=by, at=event.at)  # type: ignore[attr-defined]  # as described

    def _named(self, member_id: MemberId) -> str:
        return f"{self._members.load(member_id).state.pseudonym or 'erased'} ({member_id})"


def _described(event: object) -> str:
    """Return what the event changed in the standing of its member, if anything."""
    match event:
        case RoleGranted():
            return f"{event.role} granted"
        case RoleRevoked():
            return f"{event.role} revoked"
        case MemberSuspended():
            return "suspended"
        case SuspensionRedacted():
            return "reason of a suspension removed"
        case SuspensionUpheld():
            return "appeal against the suspension turned down"
        case MemberReinstated():
            return "reinstated"
        case _:
            return ""
