"""Schedule jobs fairly: members take turns, and short jobs do not wait behind long ones."""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappop, heappush
from itertools import chain, count, islice
from threading import Condition

from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent

SHORT_SECONDS = 20.0


class Lane(StrEnum):
    """A queue with workers of its own."""

    SHORT = "short"
    LONG = "long"

    @property
    def seconds(self) -> float | None:
        """The time limit of a turn; None for no limit."""
        return SHORT_SECONDS if self is Lane.SHORT else None


class WaitReason(StrEnum):
    """Why an event is waiting."""

    BUSY = "busy"
    TOOL_MISSING = "tool-missing"
    STORE_AWAY = "store-away"
    FAILED = "failed"
    NEWER_PROGRAM = "newer-program"


@dataclass(frozen=True, slots=True)
class Turn:
    """The member whose turn an event uses, and the lane. The member is never logged or served."""

    member: str = ""
    lane: Lane = Lane.SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """How many events of a lane run and wait. ``oldest`` is the age in seconds of the oldest that
    waits."""

    lane: Lane
    running: int
    waiting: Mapping[WaitReason, int]
    oldest: float


@dataclass(slots=True, eq=False)
class Batch:
    """The checkpoint to save once the events that were handed over with it are handled or parked.

    ``unfinished`` counts those that are not.
    """

    checkpoint: Checkpoint
    unfinished: int


@dataclass(slots=True, eq=False)
class Job:
    """One event and its tries so far.

    A job with a ``problem`` is to be parked. One that is ``retried`` is parked already.
    ``forgotten`` means that the job was dropped while it ran. ``finished_before`` is how many
    events the pool had handled when a store was last unavailable for this one.
    """

    event: RecordedEvent
    turn: Turn
    batch: Batch
    retried: bool = False
    running: bool = False
    forgotten: bool = False
    reason: WaitReason = WaitReason.BUSY
    tries: dict[WaitReason, int] = field(default_factory=dict)
    finished_before: int | None = None
    problem: str = ""


class _LaneQueue:
    """The waiting jobs of one lane. Members take turns; the jobs of each stay in order.

    After a turn, a member queues behind all waiting members. If no other member waits, one member
    may have several turns at the same time.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()
        self._in_turn: OrderedDict[str, deque[Job]] = OrderedDict()
        self._turns: Counter[str] = Counter()

    def put(self, job: Job) -> None:
        member = job.turn.member
        jobs = self._in_turn.get(member)
        if jobs is None:
            jobs = self._waiting.setdefault(member, deque())
        jobs.append(job)

    def take(self) -> Job | None:
        if self._waiting:
            member, jobs = self._waiting.popitem(last=False)
            self._in_turn[member] = jobs
        else:
            member = next((who for who, jobs in self._in_turn.items() if jobs), "")
            jobs = self._in_turn.get(member, deque())
        if not jobs:
            return None
        self._in_turn.move_to_end(member)
        self._turns[member] += 1
        return jobs.popleft()

    def end_turn(self, member: str) -> None:
        self._turns[member] -= 1
        if not self._turns[member]:
            del self._turns[member]
            if jobs := self._in_turn.pop(member):
                self._waiting[member] = jobs

    def forget(self) -> None:
        self._waiting.clear()
        for jobs in self._in_turn.values():
            jobs.clear()


class Turns:
    """All jobs of a pool, by lane. After a turn, a member waits until each other has had one.

    The jobs of one stream run in order, one at a time. Thread-safe.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._lanes = {lane: _LaneQueue() for lane in Lane}
        self._streams: dict[str, deque[Job]] = {}
        self._later: list[tuple[float, int, Job]] = []
        self._numbers = count()
        self._size = 0
        self._paused_until = 0.0
        self._closed = False

    def __len__(self) -> int:
        """Return how many jobs wait or run."""
        return self._size

    def put(self, job: Job) -> None:
        """Add a new job."""
        with self._changed:
            jobs = self._streams.setdefault(job.event.stream, deque())
            jobs.append(job)
            self._size += 1
            if len(jobs) == 1:
                self._queue(job)

    def take(self, lane: Lane) -> Job | None:
        """Block until a job of the lane may run, and return it; None once closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                self._queue_due(now)
                if now >= self._paused_until and (job := self._lanes[lane].take()):
                    job.running, job.reason = True, WaitReason.BUSY
                    return job
                self._changed.wait(self._seconds_to_next(now))
        return None

    def put_back(self, job: Job, reason: WaitReason, turn: Turn, after: float = 0) -> None:
        """End the job's turn, and queue it for another one after so many seconds."""
        with self._changed:
            self._end_turn(job)
            job.reason, job.turn = reason, turn
            if job.forgotten:
                self._remove(job)
            elif after:
                heappush(self._later, (time.monotonic() + after, next(self._numbers), job))
                self._changed.notify_all()
            else:
                self._queue(job)

    def done(self, job: Job) -> None:
        """Remove a job that has run, and queue the next one of its stream."""
        with self._changed:
            self._end_turn(job)
            self._remove(job)

    def queued_after(self, job: Job) -> list[Job]:
        """Return the later jobs of the same stream."""
        with self._changed:
            return list(islice(self._streams[job.event.stream], 1, None))

    def forget(self) -> None:
        """Drop the waiting jobs. Running ones finish, and are not queued again."""
        with self._changed:
            self._later.clear()
            for queue in self._lanes.values():
                queue.forget()
            running = [jobs[0] for jobs in self._streams.values() if jobs[0].running]
            for job in running:
                job.forgotten = True
            self._streams = {job.event.stream: deque([job]) for job in running}
            self._size = len(running)

    def pause(self, seconds: float) -> None:
        """Start no job for so many seconds; 0 ends a pause."""
        with self._changed:
            self._paused_until = time.monotonic() + seconds
            self._changed.notify_all()

    def close(self) -> None:
        """Start no more jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def states(self) -> list[LaneState]:
        """Return how many jobs run and wait in each lane."""
        with self._changed:
            default = (
                WaitReason.STORE_AWAY if time.monotonic() < self._paused_until else WaitReason.BUSY
            )
            lanes: dict[Lane, list[Job]] = {lane: [] for lane in Lane}
            for job in chain.from_iterable(self._streams.values()):
                lanes[job.turn.lane].append(job)
            return [_state(lane, jobs, default) for lane, jobs in lanes.items()]

    def _queue(self, job: Job) -> None:
        self._lanes[job.turn.lane].put(job)
        self._changed.notify_all()

    def _queue_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            self._queue(heappop(self._later)[2])

    def _end_turn(self, job: Job) -> None:
        job.running = False
        self._lanes[job.turn.lane].end_turn(job.turn.member)

    def _seconds_to_next(self, now: float) -> float | None:
        """Return the seconds to the end of a pause or to the next delayed job, if there is one."""
        if now < self._paused_until:
            return self._paused_until - now
        return max(0.0, self._later[0][0] - now) if self._later else None

    def _remove(self, job: Job) -> None:
        jobs = self._streams[job.event.stream]
        jobs.popleft()
        self._size -= 1
        if jobs:
            self._queue(jobs[0])
        else:
            del self._streams[job.event.stream]


def _state(lane: Lane, jobs: list[Job], default: WaitReason) -> LaneState:
    waiting = [job for job in jobs if not job.running]
    reasons = (default if job.reason is WaitReason.BUSY else job.reason for job in waiting)
    oldest = min((job.event.stamp for job in waiting), default=None)
    return LaneState(
        lane=lane,
        running=len(jobs) - len(waiting),
        waiting=Counter(reasons),
        oldest=0.0 if oldest is None else max(0.0, time.time() - oldest / 1_000_000),
    )
