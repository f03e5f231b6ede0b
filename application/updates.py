"""Send public changes of cases to clients as they happen, starting at any position in the logs.

Updates are read from history, not from the bus, so that none is lost or repeated. An update is sent
only after the query service for cases includes it, so that a client that asks then sees the change.
An update never says who did something.
"""

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from threading import Event, Lock, Thread
from typing import Any

from application.engine.answers import Answers, NotCaughtUp
from application.engine.query_service import Viewer
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from application.ports.unavailable import Unavailable
from application.queries.case_document import CaseDocument
from domain.cases.case import case_decider
from domain.cases.case_details import CaseCategory

TOPICS = ("cases", "discussions")
COMMITS_A_READ = 100
PAUSE_SECONDS = 0.25
SHARED_READS = 16
"""How many reads are kept until the next look: clients that are up to date all read the same."""

Positions = Mapping[str, int]
Wake = Callable[[], object]


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
            "ContributionProposed ContributionAccepted ContributionDeclined CaseHeld CaseReleased "
            "LocationReturned EvidenceAttached EvidenceAccepted EvidenceRefused EvidenceRetracted "
            "EvidenceWithheld EvidenceReturned "
            "ExhibitCited ExhibitVerified ExhibitAdmitted ExhibitWithheld ExhibitReturned "
            "ExhibitRejected ExhibitRefused EngagementSigned",
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
    """One change of a case, with the present category of the case."""

    kind: UpdateKind
    case_id: str
    category: CaseCategory
    at: datetime


@dataclass(frozen=True, slots=True)
class Reached:
    """The positions that a client has reached, and the update there, if any."""

    positions: Positions
    update: Update | None = None


@dataclass(frozen=True, slots=True)
class PublicChange:
    """A public update, and the case as it is now."""

    update: Update
    case: CaseDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFilter:
    """Selects updates by their kind and by the present state of the case. None selects all."""

    kind: UpdateKind | None = None
    case_id: str | None = None
    tag: str | None = None
    category: CaseCategory | None = None

    def matches(self, change: PublicChange) -> bool:
        case = change.case
        return (
            self.kind in (None, change.update.kind)
            and self.case_id in (None, case.case_id)
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
    """Makes the updates for clients.

    While there are clients, one thread looks at how far the query service for cases has come, and
    wakes them if it has come further. A waiting client costs no thread.
    """

    def __init__(
        self,
        history: History,
        codec: EventCodec,
        cases: Answers[CaseDocument],
        *,
        start: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._history = history
        self._codec = codec
        self._cases = cases
        self._start = start or _start_thread
        self._stopping = Event()
        self._lock = Lock()
        self._clients: set[Wake] = set()
        self._ends: Positions = dict.fromkeys(TOPICS, 0)
        self._watching = False
        self._failed = False
        self._changes = lru_cache(SHARED_READS)(self._read_changes)

    def resume(self, last: str = "") -> Positions:
        """Return the positions to start from: those in ``last``, or the ends of the logs.

        A position after the end of its log becomes the end. Raises MalformedPositions.
        """
        known = read_positions(last) if last else {}
        ends = {log: self._history.last_position(log) for log in TOPICS}
        return {log: min(known.get(log, end), end) for log, end in ends.items()}

    def follow(
        self, after: Positions, wanted: UpdateFilter, wake: Wake
    ) -> Generator[Reached | None, None, None]:
        """Yield the updates after the positions, and the positions where there is no update.

        None means that the caller should wait until ``wake`` is called. Any thread may call it.
        """
        reached = after
        with self._client(wake):
            while not self._stopping.is_set():
                before = reached
                try:
                    for step in self._read(reached, wanted):
                        reached = step.positions
                        yield step
                except (NotCaughtUp, Unavailable):
                    self._failed = True
                if reached is not before and self._is_behind(reached):
                    wake()
                yield None

    def look(self) -> None:
        """Look at how far the cases have come, and wake the clients if there is news for them."""
        self._changes.cache_clear()  # a case may have been hidden by now
        try:
            ends = {log: self._cases.position(log) for log in TOPICS}
        except Unavailable:
            return
        if self._failed or ends != self._ends:
            self._failed, self._ends = False, ends
            self._wake_all()

    def stop(self) -> None:
        """Make no more updates, so that the streams of the clients end."""
        self._stopping.set()
        self._wake_all()

    @contextmanager
    def _client(self, wake: Wake) -> Iterator[None]:
        with self._lock:
            self._clients.add(wake)
            if not self._watching:
                self._watching = True
                self._changes.cache_clear()
                self._start(self._watch)
        try:
            yield
        finally:
            with self._lock:
                self._clients.discard(wake)

    def _watch(self) -> None:
        """Look again and again while there are clients."""
        while self._has_clients():
            self.look()
            self._stopping.wait(PAUSE_SECONDS)

    def _has_clients(self) -> bool:
        with self._lock:
            self._watching = bool(self._clients) and not self._stopping.is_set()
            return self._watching

    def _wake_all(self) -> None:
        with self._lock:
            clients = tuple(self._clients)
        for wake in clients:
            wake()

    def _is_behind(self, reached: Positions) -> bool:
        return any(end > reached[log] for log, end in self._ends.items())

    def _read(self, after: Positions, wanted: UpdateFilter) -> Iterator[Reached]:
        """Yield the next commits of each log that the query service for cases includes."""
        for log, end in self._ends.items():
            if end > after[log]:
                for position, change in self._changes(log, after[log], end):
                    after = {**after, log: position}
                    is_wanted = change is not None and wanted.matches(change)
                    yield Reached(after, change.update if change and is_wanted else None)

    def _read_changes(
        self, log: str, after: int, end: int
    ) -> list[tuple[int, PublicChange | None]]:
        """Return the next commits up to the end by their last positions, with what they changed."""
        events = self._history.read(log, after, COMMITS_A_READ)
        # A commit makes at most one update.
        groups = groupby(events, key=lambda event: (event.stream, event.stamp))
        commits = [list(group) for _, group in groups]
        return [
            (commit[-1].position, self._change(commit))
            for commit in commits
            if commit[-1].position <= end
        ]

    def _change(self, events: Sequence[RecordedEvent]) -> PublicChange | None:
        relevant = [event for event in events if event.type in KINDS]
        if not relevant:
            return None
        event: Any = self._codec.decode(relevant[-1])
        case = self._cases.one(event.case_id, Viewer())
        if case is None or self._cases.service.is_erased(case):
            return None
        if not self._is_public_since(relevant[-1], case):
            return None
        kind = KINDS[relevant[-1].type]
        update = Update(kind=kind, case_id=case.case_id, category=case.category, at=event.at)
        return PublicChange(update, case)

    def _is_public_since(self, event: RecordedEvent, case: CaseDocument) -> bool:
        """Return whether the case had been published when the event happened.

        An earlier event would tell where in the log the case was reported.
        """
        stream, version = case_decider.stream(case.case_id), case.published_version
        published = self._history.position_of("cases", stream, version) or 0
        return event.log != "cases" or event.position >= published


def _start_thread(work: Callable[[], None]) -> None:
    Thread(target=work, name="updates", daemon=True).start()
