"""Erase the anonymous cases of an erased member one by one, so that nothing links them."""

from datetime import timedelta
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
        due = self._clock() + SystemRandom().random() * SPREAD
        self._queue.add(self._texts.write(alias.encode(), PURPOSE), due)

    def step(self) -> None:
        """Erase one alias that is due: those of one member must not be erased side by side."""
        now = self._clock()
        for entry in self._queue.due(now)[:1]:
            alias = MemberId(self._texts.read(entry, PURPOSE).decode())
            command = EraseAlias(member_id=alias, by=SYSTEM, at=now)
            self._members.execute(alias, command, CommandContext())
            self._queue.remove(entry)
