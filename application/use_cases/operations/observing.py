"""Observe the whole system: logs, subscribers, leases, parked events, chains and processes.

All is read from the stores, so it is right while the bus, a relay or a worker is away. What the
stores do not hold, processes announce. What cannot be read is None.

Subscribers save their checkpoints every few seconds only. An event therefore counts as unhandled
once the log has held it for GRACE_SECONDS: before that, nobody can tell.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from application.engine.announcing import AnnouncedLoop
from application.engine.rolling_verification import RollingVerification
from application.ports.checkpoints import Checkpoint
from application.ports.history import History
from application.ports.leases import LeaseRecord
from application.ports.parked import ParkedEvent
from application.ports.unavailable import Unavailable
from application.use_cases.operations.growth import Growth
from application.use_cases.operations.log_ends import LogEnd
from application.use_cases.operations.overview import (
    ChainState,
    Lag,
    LeaseState,
    LogState,
    ParityState,
    ProcessState,
    SubscriberState,
)
from application.use_cases.operations.sightings import Sightings
from application.use_cases.operations.subjects import WatchedPart, subjects

T = TypeVar("T")

GRACE_SECONDS = 6.0
GRACE_OF_SEALERS = 15.0
FLAPPING_SECONDS, FLAPPING_CHANGES = 300.0, 5
"""So many new leaders in so many seconds mean that processes take a lease from each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the monitor reads.

    ``checkpoints`` returns the stored checkpoints of relays, policies and query services by the
    names of their loops; one that this process cannot read is left out. ``leases`` returns those
    that all processes share. ``parked`` returns a subscriber's parked events. ``chains`` are the
    verifications of the logs whose stores this process reaches. ``parity`` returns what the last
    comparison of a query service found in what serves now, by the names of the services.
    """

    history: History
    checkpoints: Callable[[], Mapping[str, Checkpoint]]
    leases: Callable[[], Mapping[str, LeaseRecord]]
    parked: Callable[[str], Sequence[ParkedEvent]]
    chains: Mapping[str, RollingVerification]
    parity: Mapping[str, Callable[[], ParityState | None]]
    sightings: Sightings
    clock: Callable[[], datetime]
    seconds: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was found in one look. ``leases`` is None if they could not be read.

    ``complete`` says that logs, checkpoints and leases could be read.
    """

    logs: Sequence[LogState]
    subscribers: Sequence[SubscriberState]
    leases: Sequence[LeaseState] | None
    processes: Sequence[ProcessState]
    bus: bool | None
    complete: bool


@dataclass(slots=True)
class _Parked:
    ids: frozenset[str] = frozenset()
    oldest: datetime | None = None


@dataclass(slots=True)
class Observer:
    """Looks at the system, and remembers what rates and ages need."""

    sources: Sources
    watched: Sequence[WatchedPart] = field(default_factory=lambda: tuple(subjects()))
    _ends: dict[str, LogEnd] = field(init=False)
    _appended: dict[str, Growth] = field(init=False)
    _handled: defaultdict[str, Growth] = field(init=False)
    _leaders: defaultdict[str, Growth] = field(init=False)
    _parked: defaultdict[str, _Parked] = field(init=False)

    def __post_init__(self) -> None:
        logs = sorted({log for subject in self.watched for log in subject.topics})
        history, seconds = self.sources.history, self.sources.seconds
        self._ends = {log: LogEnd(log, history, seconds) for log in logs}
        self._appended = {log: Growth() for log in logs}
        self._handled = defaultdict(Growth)
        self._leaders = defaultdict(lambda: Growth(FLAPPING_SECONDS))
        self._parked = defaultdict(_Parked)

    def look(self) -> Observation:
        """Look once. It raises nothing because a store or the bus is away."""
        # Checkpoints first: what a subscriber handles meanwhile must not look unhandled.
        checkpoints = _unless_away(self.sources.checkpoints)
        leases = _unless_away(self.sources.leases)
        for end in self._ends.values():
            end.look()
        loops = self._leading_loops()
        shown = None if leases is None else self._lease_states(leases)
        found = [
            self._subscriber(subject, checkpoints or {}, loops.get(subject.name), shown)
            for subject in self.watched
        ]
        self._forget_handled(found)
        return Observation(
            logs=[self._log(end) for end in self._ends.values()],
            subscribers=found,
            leases=shown,
            processes=self.sources.sightings.processes(),
            bus=self.sources.sightings.hears(),
            complete=None not in (checkpoints, leases, *(end.end for end in self._ends.values())),
        )

    def _leading_loops(self) -> dict[str, tuple[str, AnnouncedLoop]]:
        """Return the announced loops that lead, with their processes, by name."""
        return {
            loop.name: (process.id, loop)
            for process in self.sources.sightings.announced()
            for loop in process.loops
            if loop.leading
        }

    def _log(self, end: LogEnd) -> LogState:
        rate = self._appended[end.log]
        if end.end is not None:
            rate.note(self.sources.seconds(), end.end)
        chain = self.sources.chains.get(end.log)
        return LogState(
            log=end.log,
            end=end.end,
            appended_a_second=None if end.end is None else rate.a_second(),
            chain=ChainState() if chain is None else _chain(chain),
        )

    def _lease_states(self, leases: Mapping[str, LeaseRecord]) -> list[LeaseState]:
        known = {process.id for process in self.sources.sightings.announced()}
        return [self._lease(name, lease, known) for name, lease in sorted(leases.items())]

    def _lease(self, name: str, lease: LeaseRecord, known: Container[str | None]) -> LeaseState:
        numbers = self._leaders[name]
        numbers.note(self.sources.seconds(), lease.number)
        return LeaseState(
            name=name,
            holder=lease.holder,
            process=lease.holder if lease.holder in known else None,
            number=lease.number,
            held_seconds=int(lease.held_seconds) if lease.holder else None,
            changes=numbers.growth(),
            is_flapping=numbers.growth() >= FLAPPING_CHANGES,
        )

    def _subscriber(
        self,
        subject: WatchedPart,
        checkpoints: Mapping[str, Checkpoint],
        announced: tuple[str, AnnouncedLoop] | None,
        leases: Sequence[LeaseState] | None,
    ) -> SubscriberState:
        stored = checkpoints.get(subject.name)
        process, loop = announced or (None, None)
        lags = [self._lag(subject, log, stored, loop) for log in subject.topics]
        oldest = max(lags, key=lambda lag: lag.oldest_seconds or 0, default=None)
        return SubscriberState(
            kind=subject.kind,
            name=subject.name,
            service=subject.service,
            lags=lags,
            behind=_sum(lag.behind for lag in lags),
            oldest_seconds=oldest.oldest_seconds if oldest else None,
            at_least=bool(oldest and oldest.at_least),
            handled_a_second=self._rate(subject.name, lags),
            leader=_leader(subject, leases) or process,
            failing_since=_failing_since(loop),
            error=loop.error if loop else "",
            waits_for_newer=bool(loop and loop.newer),
            **self._parked_of(subject, stored),
        )

    def _lag(
        self, subject: WatchedPart, log: str, stored: Checkpoint | None, loop: AnnouncedLoop | None
    ) -> Lag:
        grace = GRACE_OF_SEALERS if subject.kind == "sealer" else GRACE_SECONDS
        told = loop.positions.get(log) if loop else None
        known = [at for at in (stored.at(log) if stored else None, told) if at is not None]
        end, position = self._ends[log], max(known, default=None)
        settled = end.was(grace)
        if position is None or end.end is None or settled is None:
            return Lag(log=log, position=position, end=end.end, behind=None, oldest_seconds=None)
        if position >= settled:
            return Lag(log=log, position=position, end=end.end, behind=0, oldest_seconds=0)
        age, at_least = end.age(position + 1)
        return Lag(
            log=log,
            position=position,
            end=end.end,
            behind=end.end - position,
            oldest_seconds=int(age),
            at_least=at_least,
        )

    def _rate(self, name: str, lags: Sequence[Lag]) -> float | None:
        if (handled := _sum(lag.position for lag in lags)) is None:
            return None
        self._handled[name].note(self.sources.seconds(), handled)
        return self._handled[name].a_second()

    def _parked_of(self, subject: WatchedPart, stored: Checkpoint | None) -> dict[str, int | None]:
        """Count the parked events that the checkpoint names; list them only if these changed."""
        if stored is None:
            return {}
        known = self._parked[subject.name]
        if stored.parked != known.ids:
            found = _unless_away(lambda: self.sources.parked(subject.name)) or ()
            times = [datetime.fromisoformat(each.parked_at) for each in found]
            known = self._parked[subject.name] = _Parked(stored.parked, min(times, default=None))
        age = self.sources.clock() - known.oldest if known.oldest and stored.parked else None
        return {
            "parked": len(stored.parked),
            "oldest_parked_seconds": int(age.total_seconds()) if age else None,
        }

    def _forget_handled(self, found: Sequence[SubscriberState]) -> None:
        """Forget when events were first seen that every subscriber has handled."""
        handled = defaultdict[str, list[int]](list)
        for lag in (lag for subscriber in found for lag in subscriber.lags):
            handled[lag.log].append(lag.position or 0)
        for log, positions in handled.items():
            self._ends[log].forget(min(positions))


def _unless_away(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Unavailable:
        return None


def _chain(chain: RollingVerification) -> ChainState:
    return ChainState(
        verified=chain.position,
        sealed=chain.sealed,
        faults=tuple(chain.faults),
        checked_at=chain.checked_at,
        complete=chain.is_complete,
    )


def _leader(subject: WatchedPart, leases: Sequence[LeaseState] | None) -> str | None:
    exact = not subject.lease.endswith(".")
    for lease in leases or ():
        named = lease.name == subject.lease if exact else lease.name.startswith(subject.lease)
        if named and lease.holder:
            return lease.holder
    return None


def _failing_since(loop: AnnouncedLoop | None) -> datetime | None:
    return datetime.fromisoformat(loop.failing_since) if loop and loop.failing_since else None


def _sum(numbers: Iterable[int | None]) -> int | None:
    """Return the sum, or None if a number is unknown or there is none."""
    known = list(numbers)
    return sum(n for n in known if n is not None) if known and None not in known else None
