"""What the monitor shows: how all services are right now, as one value.

Its times are those of processes and of the monitor itself. None of them is the time of an event:
ages of events are whole seconds, and are never stored. None means that the monitor does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.operations.alert import Severity, Trouble


class Level(StrEnum):
    """How well the system is. UNKNOWN: the monitor cannot see enough to say."""

    WELL = "well"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class ProcessStatus(StrEnum):
    """LOST: it has not announced itself for a while, and did not say that it stops."""

    RUNNING = "running"
    STOPPED = "stopped"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallVerdict:
    """One sentence about the whole system, and since when it holds."""

    level: Level = Level.UNKNOWN
    sentence: str = "The monitor has not looked yet."
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong. ``subject`` is the name of a log, subscriber, lease or process."""

    trouble: Trouble
    subject: str
    severity: Severity
    text: str
    since: datetime

    @property
    def alert_id(self) -> str:
        return f"{self.trouble}:{self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a subscriber is behind one log.

    ``oldest_seconds`` is the age of the oldest event that it has not handled; 0 if there is none.
    ``at_least`` says that the age may be greater, because the monitor has not seen the event come.
    """

    log: str
    position: int | None
    end: int | None
    behind: int | None
    oldest_seconds: int | None
    at_least: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberState:
    """A relay, a sealer, a policy or a query service.

    ``name`` is that of its loop, such as ``relay.cases`` or ``query.videos``. ``service`` is the
    id of the service that it belongs to. ``leader`` is the id of the process that runs it.
    ``waits_for_newer`` means that it waits at an event that only a newer program can read.
    """

    kind: str
    name: str
    service: str
    lags: Sequence[Lag] = ()
    behind: int | None = None
    oldest_seconds: int | None = None
    at_least: bool = False
    handled_a_second: float | None = None
    parked: int | None = None
    oldest_parked_seconds: int | None = None
    leader: str | None = None
    failing_since: datetime | None = None
    error: str = ""
    waits_for_newer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """What the continuous verification of a log has found. ``verified`` is its position."""

    verified: int = 0
    sealed: int | None = None
    faults: Sequence[str] = ()
    checked_at: datetime | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """A log: its end, how many events a second are appended, and its chain."""

    log: str
    end: int | None
    appended_a_second: float | None
    chain: ChainState = ChainState()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """Who leads. ``number`` is the fencing number: it grows by one with every new leader.

    ``changes`` counts the new leaders of the last minutes. ``process`` is the id of the leading
    process, if it announces itself.
    """

    name: str
    holder: str | None
    process: str | None
    number: int
    held_seconds: int | None
    changes: int
    is_flapping: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """A loop of a process, as the process announced it."""

    kind: str
    name: str
    leading: bool
    handled: int
    error: str = ""
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """A process, as it last announced itself. ``bus`` says whether its consumers are connected."""

    id: str
    version: str
    services: Sequence[str]
    started_at: datetime
    seen_seconds: int
    status: ProcessStatus
    bus: bool | None
    loops: Sequence[LoopState] = ()
    pools: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityState:
    """The last comparison of a read model with its logs.

    ``differences`` must be 0, unless its rows depend on the order in which logs are read
    (``by_order``).
    """

    service: str
    differences: int
    compared: int
    at: datetime
    by_order: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole system as the monitor sees it. ``findings`` are the most severe first.

    ``bus`` says whether announcements arrive. ``complete`` says that all stores could be read: if
    not, a finding may be missing because nothing is known of its subject.
    """

    at: datetime
    verdict: OverallVerdict = OverallVerdict()
    findings: Sequence[Finding] = ()
    logs: Sequence[LogState] = ()
    subscribers: Sequence[SubscriberState] = ()
    leases: Sequence[LeaseState] = ()
    processes: Sequence[ProcessState] = ()
    parity: Sequence[ParityState] = ()
    parked: int | None = None
    bus: bool | None = None
    complete: bool = False


def as_json(overview: Overview) -> dict[str, Any]:
    """Return the overview as JSON's own types."""
    converted: dict[str, Any] = _plain(asdict(overview))
    return converted


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
