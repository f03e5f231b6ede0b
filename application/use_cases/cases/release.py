"""Publish the cases that await publication, each when it is due."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from application.engine.declared_events import stored_names
from application.engine.executor import CommandContext
from application.engine.policy import skipping_erased
from application.engine.whole_log import events_of
from application.executors import CaseExecutor
from application.ports.checkpoints import Checkpoints
from application.ports.clock import Clock
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from domain.actors import SYSTEM
from domain.cases.case_commands import ReleaseCase
from domain.cases.case_events import CaseHeld

LOG = "cases"
HELD = stored_names([CaseHeld])


class Held(NamedTuple):
    """A case that waits, when it is due, and the position of the event that says so."""

    until: datetime
    case_id: str
    author: str
    position: int


class ReleaseCases:
    """Follows the held cases in the log, which alone stores when they are due, and that sealed.

    The checkpoint is the position before the oldest case that still waits. The command may be
    repeated: the case decides whether it is due, and is released once. ``is_leaving`` says whether
    an author waits to be erased (ADR 44): nothing new of theirs is published.
    """

    name = "release-cases"

    def __init__(
        self,
        *,
        history: History,
        codec: EventCodec,
        cases: CaseExecutor,
        checkpoints: Checkpoints,
        clock: Clock,
        is_leaving: Callable[[str], bool],
    ) -> None:
        self._history = history
        self._codec = codec
        self._cases = cases
        self._checkpoints = checkpoints
        self._clock = clock
        self._is_leaving = is_leaving
        self._read_up_to = -1
        self._held: dict[str, Held] = {}

    def step(self) -> None:
        """Publish what is due, in the order of due times: that of the log tells who came first."""
        self._find_held()
        now = self._clock()
        for held in sorted(self._held.values()):
            if held.until <= now and not self._is_leaving(held.author):
                self._release(held.case_id, now)
        self._save()

    def _release(self, case_id: str, now: datetime) -> None:
        """Let the case decide. If it waits on, another event will say so."""
        with skipping_erased():
            self._cases.execute(case_id, ReleaseCase(by=SYSTEM, at=now), CommandContext())
        del self._held[case_id]

    def _find_held(self) -> None:
        if self._read_up_to < 0:
            self._read_up_to = self._checkpoints.load(self.name).at(LOG)
        for event in events_of(self._history, LOG, self._read_up_to):
            if event.type in HELD:
                self._note(event)
            self._read_up_to = event.position

    def _note(self, event: RecordedEvent) -> None:
        match self._codec.decode(event):
            case CaseHeld(case_id=case_id, author=author, until=datetime() as until):
                self._held[case_id] = Held(until, case_id, author, event.position)

    def _save(self) -> None:
        """Save the checkpoint, unless another process has led meanwhile and come further."""
        reached = min((each.position - 1 for each in self._held.values()), default=self._read_up_to)
        checkpoint = self._checkpoints.load(self.name)
        if checkpoint.at(LOG) < reached:
            self._checkpoints.save(self.name, checkpoint.moved(LOG, reached))
