"""Fair turns: members take turns, and short work does not wait behind long work."""

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
    """Each lane has workers of its own."""

    SHORT = "short"
    LONG = "long"

    @property
    def seconds(self) -> float | None:
        """How long a turn may last; None for as long as the work takes."""
        return SHORT_SECONDS if self is Lane.SHORT else None


class Reason(StrEnum):
    """Why an event waits."""

    BUSY = "busy"
    TOOL_MISSING = "tool-missing"
    STORE_AWAY = "store-away"
    FAILED = "failed"
    NEWER_PROGRAM = "newer-program"


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn an event takes, and in which lane. The member is never logged or served."""

    member: str = ""
    lane: Lane = Lane.SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """How many events of a lane run and wait, and the age in seconds of the oldest that waits."""

    lane: Lane
    running: int
    waiting: Mapping[Reason, int]
    oldest: float


@dataclass(slots=True, eq=False)
class Batch:
    """Events handed over together, and the checkpoint that may be saved when all are done."""

    checkpoint: Checkpoint
    unfinished: int


@dataclass(slots=True, eq=False)
class Job:
    """One event, and what came of the tries so far. With a ``problem`` it is to be parked.

    One that is ``retried`` is parked already.
    """

    event: RecordedEvent
    turn: Turn
    batch: Batch
    retried: bool = False
    running: bool = False
    forgotten: bool = False
    reason: Reason = Reason.BUSY
    tries: dict[Reason, int] = field(default_factory=dict)
    done_before: int | None = None
    problem: str = ""


class _Line:
    """What waits in one lane. Members take turns, each with their jobs in order.

    A member whose turn it is stands behind all who wait once it is over. Where nobody else waits,
    they have several turns at a time.
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
    """The jobs in hand, in lanes. Whoever had a turn waits until each other member has had one.

    Jobs of one stream come in order: each waits until the one before it is done. Thread-safe.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._lanes = {lane: _Line() for lane in Lane}
        self._streams: dict[str, deque[Job]] = {}
        self._later: list[tuple[float, int, Job]] = []
        self._numbers = count()
        self._in_hand = 0
        self._paused_until = 0.0
        self._closed = False

    def __len__(self) -> int:
        """How many jobs are in hand, waiting or running."""
        return self._in_hand

    def put(self, job: Job) -> None:
        """Let a new job wait for its turn."""
        with self._changed:
            jobs = self._streams.setdefault(job.event.stream, deque())
            jobs.append(job)
            self._in_hand += 1
            if len(jobs) == 1:
                self._queue(job)

    def take(self, lane: Lane) -> Job | None:
        """The job whose turn it is in the lane, as soon as there is one; None once closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                self._queue_due(now)
                if now >= self._paused_until and (job := self._lanes[lane].take()):
                    job.running, job.reason = True, Reason.BUSY
                    return job
                self._changed.wait(self._patience(now))
        return None

    def put_back(self, job: Job, reason: Reason, turn: Turn, after: float = 0) -> None:
        """Let a job wait for another turn, no sooner than after so many seconds."""
        with self._changed:
            self._end_turn(job)
            job.reason, job.turn = reason, turn
            if job.forgotten:
                self._leave(job)
            elif after:
                heappush(self._later, (time.monotonic() + after, next(self._numbers), job))
                self._changed.notify_all()
            else:
                self._queue(job)

    def done(self, job: Job) -> None:
        """Let the next job of the stream wait for its turn."""
        with self._changed:
            self._end_turn(job)
            self._leave(job)

    def behind(self, job: Job) -> list[Job]:
        """The jobs that wait until this one is done."""
        with self._changed:
            return list(islice(self._streams[job.event.stream], 1, None))

    def forget(self) -> None:
        """Drop the jobs that wait. Those that run come to their end, and have no other turn."""
        with self._changed:
            self._later.clear()
            for line in self._lanes.values():
                line.forget()
            running = [jobs[0] for jobs in self._streams.values() if jobs[0].running]
            for job in running:
                job.forgotten = True
            self._streams = {job.event.stream: deque([job]) for job in running}
            self._in_hand = len(running)

    def pause(self, seconds: float) -> None:
        """Begin no turn for so many seconds; 0 ends a pause."""
        with self._changed:
            self._paused_until = time.monotonic() + seconds
            self._changed.notify_all()

    def close(self) -> None:
        """Begin no more turns."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def states(self) -> list[LaneState]:
        """What each lane does just now."""
        with self._changed:
            usual = Reason.STORE_AWAY if time.monotonic() < self._paused_until else Reason.BUSY
            lanes: dict[Lane, list[Job]] = {lane: [] for lane in Lane}
            for job in chain.from_iterable(self._streams.values()):
                lanes[job.turn.lane].append(job)
            return [_state(lane, jobs, usual) for lane, jobs in lanes.items()]

    def _queue(self, job: Job) -> None:
        self._lanes[job.turn.lane].put(job)
        self._changed.notify_all()

    def _queue_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            self._queue(heappop(self._later)[2])

    def _end_turn(self, job: Job) -> None:
        job.running = False
        self._lanes[job.turn.lane].end_turn(job.turn.member)

    def _patience(self, now: float) -> float | None:
        """For how long nothing can begin by itself."""
        if now < self._paused_until:
            return self._paused_until - now
        return max(0.0, self._later[0][0] - now) if self._later else None

    def _leave(self, job: Job) -> None:
        jobs = self._streams[job.event.stream]
        jobs.popleft()
        self._in_hand -= 1
        if jobs:
            self._queue(jobs[0])
        else:
            del self._streams[job.event.stream]


def _state(lane: Lane, jobs: list[Job], usual: Reason) -> LaneState:
    waiting = [job for job in jobs if not job.running]
    reasons = (usual if job.reason is Reason.BUSY else job.reason for job in waiting)
    oldest = min((job.event.stamp for job in waiting), default=None)
    return LaneState(
        lane=lane,
        running=len(jobs) - len(waiting),
        waiting=Counter(reasons),
        oldest=0.0 if oldest is None else max(0.0, time.time() - oldest / 1_000_000),
    )
