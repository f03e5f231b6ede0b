"""Updates: what becomes public, told to whoever listens, from any point in the logs on.

They are read from history, so that nothing is missed or told twice whatever the bus does, and told
only when a client that asks then sees what it was told of. An update never says who did something.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from threading import Event, Lock
from typing import Any

from application.engine.answers import Answers, NotCaughtUp, Token
from application.engine.query_service import Viewer
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from application.ports.unavailable import Unavailable
from application.queries.case_document import CaseDocument
from domain.cases.case_details import CaseCategory

TOPICS = ("cases", "discussions")
COMMITS_A_READ = 100
PAUSE_SECONDS = 0.25

Positions = Mapping[str, int]


class UpdateKind(StrEnum):
    """What happened to a case. The last four mean that one of its numbers changed."""

    PUBLISHED = "case-published"
    CHANGED = "case-changed"
    SUPPORTED = "case-supported"
    FOLLOWED = "case-followed"
    SHARED = "case-shared"
    DISCUSSED = "case-discussed"


# By stored names, so that nothing else needs to be decoded.
KINDS = {
    "cases.CasePublished": UpdateKind.PUBLISHED,
    "cases.EvidenceShown": UpdateKind.CHANGED,
    "cases.EvidenceConcealed": UpdateKind.CHANGED,
    "cases.PartyShown": UpdateKind.CHANGED,
    "cases.PartyConcealed": UpdateKind.CHANGED,
    "cases.PartyDisputed": UpdateKind.CHANGED,
    "cases.CaseAmended": UpdateKind.CHANGED,
    "cases.CaseLocated": UpdateKind.CHANGED,
    "cases.LocationRetracted": UpdateKind.CHANGED,
    "cases.CaseTagged": UpdateKind.CHANGED,
    "cases.CaseUntagged": UpdateKind.CHANGED,
    "cases.ContributionErased": UpdateKind.CHANGED,
    "cases.CaseSupported": UpdateKind.SUPPORTED,
    "cases.SupportWithdrawn": UpdateKind.SUPPORTED,
    "cases.CaseFollowed": UpdateKind.FOLLOWED,
    "cases.CaseUnfollowed": UpdateKind.FOLLOWED,
    "cases.CaseShared": UpdateKind.SHARED,
    "discussions.CommentShown": UpdateKind.DISCUSSED,
    "discussions.CommentConcealed": UpdateKind.DISCUSSED,
}


def _events(topic: str, names: str) -> tuple[str, ...]:
    """The stored names of a topic's events, which are named one after the other."""
    return tuple(f"{topic}.{name}" for name in names.split())


# What changes nothing that is public, or comes with one of those above.
IGNORED = frozenset(
    (
        *_events(
            "cases",
            "CaseReported CaseWithdrawn CaseUnpublished CaseHidden CaseRestored CaseErased "
            "PartyAdded PartyNamed PartyRetracted PartyHidden PartyRestored PartyErased "
            "LocationReturned EvidenceAttached EvidenceAccepted EvidenceRefused EvidenceRetracted "
            "EvidenceWithheld EvidenceReturned "
            "ExhibitCited ExhibitVerified ExhibitAdmitted ExhibitWithheld ExhibitReturned "
            "ExhibitRejected ExhibitRefused",
        ),
        *_events(
            "discussions",
            "DiscussionOpened DiscussionClosed DiscussionLocked DiscussionUnlocked CommentWritten "
            "CommentEdited CommentRemoved CommentHidden CommentRestored CommentErased",
        ),
    )
)


class MalformedPositions(ValueError):
    """This text names no positions in the logs that updates are read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """All that is told."""

    kind: UpdateKind
    case_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """Where a listener has come to, and what happened there, if anything."""

    positions: Positions
    update: Update | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which cases a listener wants to hear of: those that are like this now."""

    case_id: str | None = None
    tag: str | None = None
    category: CaseCategory | None = None

    def fits(self, case: CaseDocument) -> bool:
        return (
            self.case_id in (None, case.case_id)
            and (self.tag is None or self.tag in case.tags)
            and self.category in (None, case.category)
        )


def written_positions(positions: Positions) -> str:
    """The positions as a text such as ``cases:123``."""
    return ",".join(f"{log}:{position}" for log, position in positions.items())


_POSITION = re.compile(r"([a-z-]+):(0|[1-9][0-9]{0,17})")


def read_positions(text: str) -> dict[str, int]:
    """The positions that ``written_positions`` wrote. Raises MalformedPositions."""
    found = [_POSITION.fullmatch(part) for part in text.split(",")]
    positions = {match[1]: int(match[2]) for match in found if match}
    if len(positions) != len(found) or not positions.keys() <= set(TOPICS):
        raise MalformedPositions(text)
    return positions


class Updates:
    """Tells listeners, which have a thread each. The ends of the logs are read once for all."""

    def __init__(
        self,
        history: History,
        codec: EventCodec,
        cases: Answers[CaseDocument],
        *,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history = history
        self._codec = codec
        self._cases = cases
        self._stopping = Event()
        self._pause = pause or self._stopping.wait
        self._clock = clock
        self._lock = Lock()
        self._ends: Positions = {}
        self._looked_at = -PAUSE_SECONDS

    def begin(self, last: str = "") -> Positions:
        """Where to go on after the positions that were told ``last``; without any, from now on.

        Where a log does not reach that far, its end is it. Raises MalformedPositions.
        """
        known = read_positions(last) if last else {}
        ends = self._look()
        return {log: min(known.get(log, end), end) for log, end in ends.items()}

    def follow(self, after: Positions, wanted: Wanted) -> Iterator[Told]:
        """What happens after the positions; every now and then just how far it came."""
        reached = after
        while not self._stopping.is_set():
            before = reached
            try:
                for told in self._news(reached, wanted) if self._grown(reached) else ():
                    reached = told.positions
                    yield told
                if reached is before:
                    self._pause(PAUSE_SECONDS)
            except (NotCaughtUp, Unavailable):
                self._pause(PAUSE_SECONDS)
            yield Told(reached)

    def stop(self) -> None:
        """End all that follow, so that their threads may end."""
        self._stopping.set()

    def _news(self, after: Positions, wanted: Wanted) -> Iterator[Told]:
        """What the next page of each log holds."""
        for log in TOPICS:
            events = self._history.read(log, after[log], COMMITS_A_READ)
            if events:
                self._cases.wait_for(Token(log, events[-1].stream, events[-1].version))
            # One update for each commit: what was done together is told at once.
            for _, commit in groupby(events, key=lambda event: (event.stream, event.stamp)):
                done = list(commit)
                after = {**after, log: done[-1].position}
                yield Told(after, self._update(done, wanted))

    def _update(self, events: Sequence[RecordedEvent], wanted: Wanted) -> Update | None:
        telling = [event for event in events if event.type in KINDS]
        if not telling:
            return None
        event: Any = self._codec.decode(telling[-1])
        case = self._cases.one(event.case_id, Viewer())
        if case is None or self._cases.service.gone(case) or not wanted.fits(case):
            return None
        return Update(kind=KINDS[telling[-1].type], case_id=event.case_id, at=event.at)

    def _grown(self, reached: Positions) -> bool:
        with self._lock:
            if self._clock() - self._looked_at >= PAUSE_SECONDS:
                self._looked_at = self._clock()
                self._ends = self._look()
            return any(end > reached[log] for log, end in self._ends.items())

    def _look(self) -> Positions:
        return {log: self._history.last_position(log) for log in TOPICS}
