"""Send public changes of cases to clients as they happen, starting at any position in the logs.

Updates are read from history, not from the bus, so that none is lost or repeated. An update is sent
only after the query service for cases includes it, so that a client that asks then sees the change.
An update never says who did something.
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
    """What happened to a case. The last four mean that one of its counts changed."""

    PUBLISHED = "case-published"
    CHANGED = "case-changed"
    SUPPORTED = "case-supported"
    FOLLOWED = "case-followed"
    SHARED = "case-shared"
    DISCUSSED = "case-discussed"


# By stored names, so that no other event needs to be decoded.
KINDS = {
    "cases.CasePublished": UpdateKind.PUBLISHED,
    "cases.EvidenceShown": UpdateKind.CHANGED,
    "cases.EvidenceConcealed": UpdateKind.CHANGED,
    "cases.PartyShown": UpdateKind.CHANGED,
    "cases.PartyConcealed": UpdateKind.CHANGED,
    "cases.StatementShown": UpdateKind.CHANGED,
    "cases.StatementConcealed": UpdateKind.CHANGED,
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
    """Return the stored names of a topic's events, given as names with spaces between them."""
    return tuple(f"{topic}.{name}" for name in names.split())


# Events that change nothing public, or are always appended together with one of those above.
IGNORED = frozenset(
    (
        *_events(
            "cases",
            "CaseReported CaseWithdrawn CaseUnpublished CaseHidden CaseRestored CaseErased "
            "PartyAdded PartyNamed PartyRetracted PartyHidden PartyRestored PartyErased "
            "PartyDisputed StatementHidden StatementRestored StatementErased "
            "ContributionProposed ContributionAccepted ContributionDeclined "
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
    """The text does not contain positions in the logs that updates are read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One change of a case."""

    kind: UpdateKind
    case_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reached:
    """The positions that a client has reached, and the update there, if any."""

    positions: Positions
    update: Update | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFilter:
    """Selects cases by their present state. None selects all."""

    case_id: str | None = None
    tag: str | None = None
    category: CaseCategory | None = None

    def matches(self, case: CaseDocument) -> bool:
        return (
            self.case_id in (None, case.case_id)
            and (self.tag is None or self.tag in case.tags)
            and self.category in (None, case.category)
        )


def written_positions(positions: Positions) -> str:
    """Return the positions as a text such as ``cases:123,discussions:45``."""
    return ",".join(f"{log}:{position}" for log, position in positions.items())


_POSITION = re.compile(r"([a-z-]+):(0|[1-9][0-9]{0,17})")


def read_positions(text: str) -> dict[str, int]:
    """Return the positions in a text from ``written_positions``. Raises MalformedPositions."""
    found = [_POSITION.fullmatch(part) for part in text.split(",")]
    positions = {match[1]: int(match[2]) for match in found if match}
    if len(positions) != len(found) or not positions.keys() <= set(TOPICS):
        raise MalformedPositions(text)
    return positions


class Updates:
    """Makes the updates for clients, each in a thread of its own. All share one look at the ends of
    the logs."""

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

    def resume(self, last: str = "") -> Positions:
        """Return the positions to start from: those in ``last``, or the ends of the logs.

        A position after the end of its log becomes the end. Raises MalformedPositions.
        """
        known = read_positions(last) if last else {}
        ends = self._last_positions()
        return {log: min(known.get(log, end), end) for log, end in ends.items()}

    def follow(self, after: Positions, wanted: UpdateFilter) -> Iterator[Reached]:
        """Yield the updates after the positions, and from time to time only the positions."""
        reached = after
        while not self._stopping.is_set():
            before = reached
            try:
                for step in self._read(reached, wanted) if self._has_grown(reached) else ():
                    reached = step.positions
                    yield step
                if reached is before:
                    self._pause(PAUSE_SECONDS)
            except (NotCaughtUp, Unavailable):
                self._pause(PAUSE_SECONDS)
            yield Reached(reached)

    def stop(self) -> None:
        """Make no more updates, so that the threads of the clients can end."""
        self._stopping.set()

    def _read(self, after: Positions, wanted: UpdateFilter) -> Iterator[Reached]:
        """Yield the updates in the next commits of each log."""
        for log in TOPICS:
            events = self._history.read(log, after[log], COMMITS_A_READ)
            if events:
                self._cases.wait_for(Token(log, events[-1].stream, events[-1].version))
            # A commit makes at most one update.
            for _, group in groupby(events, key=lambda event: (event.stream, event.stamp)):
                commit = list(group)
                after = {**after, log: commit[-1].position}
                yield Reached(after, self._update(commit, wanted))

    def _update(self, events: Sequence[RecordedEvent], wanted: UpdateFilter) -> Update | None:
        relevant = [event for event in events if event.type in KINDS]
        if not relevant:
            return None
        event: Any = self._codec.decode(relevant[-1])
        case = self._cases.one(event.case_id, Viewer())
        if case is None or self._cases.service.is_erased(case) or not wanted.matches(case):
            return None
        return Update(kind=KINDS[relevant[-1].type], case_id=event.case_id, at=event.at)

    def _has_grown(self, reached: Positions) -> bool:
        with self._lock:
            if self._clock() - self._looked_at >= PAUSE_SECONDS:
                self._looked_at = self._clock()
                self._ends = self._last_positions()
            return any(end > reached[log] for log, end in self._ends.items())

    def _last_positions(self) -> Positions:
        return {log: self._history.last_position(log) for log in TOPICS}
