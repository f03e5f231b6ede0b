"""Erase the anonymous cases of an erased member one by one, so that nothing links them."""

from datetime import datetime, timedelta
from random import SystemRandom

from application.engine.executor import CommandContext
from application.executors import MemberExecutor
from application.ports.clock import Clock
from application.ports.later_erasures import LaterErasures
from application.ports.opaque_texts import OpaqueTexts
from domain.actors import SYSTEM
from domain.ids import MemberId
from domain.members.member import EraseAlias

SPREAD = timedelta(days=14)
OVERDUE_SPREAD = timedelta(days=1)
PURPOSE = "alias to erase later"


class EraseLater:
    """Draws a time for each alias, and erases it then as if it were a member (ADR 44).

    An entry is the encrypted alias. Nothing in it or beside it leads to the member.
    """

    def __init__(
        self, queue: LaterErasures, texts: OpaqueTexts, members: MemberExecutor, clock: Clock
    ) -> None:
        self._queue = queue
        self._texts = texts
        self._members = members
        self._clock = clock

    def add(self, alias: str) -> None:
        """Let the alias wait for a time within the next two weeks, unless it waits already."""
        due = _within(self._clock(), SPREAD)
        self._queue.add(self._texts.write(alias.encode(), PURPOSE), due)

    def waits(self, alias: str) -> bool:
        """Return whether the alias waits to be erased."""
        entry = self._texts.write(alias.encode(), PURPOSE)
        return entry in self._queue.due(self._clock() + SPREAD)

    def step(self) -> None:
        """Erase the alias that is due. Of several, as after an outage, erase one, and draw times
        within the next day for the others: aliases of one member must not go side by side."""
        now = self._clock()
        due = self._queue.due(now)
        for entry in due[:1]:
            alias = MemberId(self._texts.read(entry, PURPOSE).decode())
            command = EraseAlias(member_id=alias, by=SYSTEM, at=now)
            self._members.execute(alias, command, CommandContext())
            self._queue.remove(entry)
        for entry in due[1:]:
            self._queue.move(entry, _within(now, OVERDUE_SPREAD))


def _within(now: datetime, duration: timedelta) -> datetime:
    """Return a time that is drawn evenly from the duration after now."""
    return now + SystemRandom().random() * duration
