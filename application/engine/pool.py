"""Policies whose work is slow: turns in a pool, and a checkpoint that is the completed prefix."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import RLock, Thread
from typing import Any

from application.engine.policy import Policy, PolicySubscriber
from application.engine.subscriber import EventsFailed, StillWorking, describe
from application.engine.turns import Batch, Job, Lane, LaneState, Reason, Turn, Turns
from application.ports.checkpoints import START, Checkpoint, Checkpoints, Fenced
from application.ports.codec import EventCodec, NewerProgram, RecordedEvent
from application.ports.parked import ParkedEvent, ParkedEvents
from application.ports.sanitiser import NeedsLonger, SanitiserUnavailable
from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

WINDOW = 20_000
"""In events, of two kilobytes or less: with so many in hand the pool is full. Members take turns
among these, so that a backlog of one member hides nobody else's unless it is larger."""

Seconds = Sequence[float]

WAITS: Mapping[Reason, Seconds] = {
    Reason.TOOL_MISSING: (5, 25, 125, 625),
    Reason.STORE_AWAY: (0, 0, 0, 0),
    Reason.FAILED: (0.2, 0.4),
}
"""By reason, the seconds between the tries of one event. After as many it is parked."""

PAUSES: Seconds = (1, 2, 4, 8, 16, 30)
"""Seconds for which everybody waits while a store is away; the last again and again."""

OUTDATED_SECONDS = 10.0
"""Seconds after which an event is tried again that only a newer program can handle."""

LATER, LATER_TRIES = 3600.0, 24
"""Seconds after which a parked event is tried again, and how often."""

EARLIER_IS_PARKED = "an earlier event of its stream is parked"


class Stopping(Unavailable):
    """The pool takes nothing more; what it was given is handled after the next start."""


class PooledPolicySubscriber(PolicySubscriber):
    """Hands events to a pool and reads on. Each lane has ``workers`` threads.

    After a crash, events behind the completed prefix are handled again. An event that keeps
    failing is parked; ``failed`` is called then, so that whoever feeds this looks again at the
    checkpoint, which now names it. ``failed`` must not wait for whoever feeds this.

    It never makes them wait either, or they would lose their lease: they look whether it is full.

    Nobody waits inside a worker. A tool that is missing is the matter of one event, which is tried
    some more times. A store that is away is everybody's: all pause. A try counts against its event
    only where another one was handled since the try before, for then the store was there.
    """

    def __init__(
        self,
        policy: Policy[Any],
        codec: EventCodec,
        checkpoints: Checkpoints,
        parked: ParkedEvents,
        *,
        workers: int,
        window: int = WINDOW,
        waits: Mapping[Reason, Seconds] = WAITS,
        pauses: Seconds = PAUSES,
    ) -> None:
        super().__init__(policy, codec, checkpoints)
        self.failed: Callable[[], None] = lambda: None
        self._parked = parked
        self._workers = workers
        self._window = window
        self._waits = waits
        self._pauses = pauses
        self._lock = RLock()
        self._threads: list[Thread] = []
        self._stopping = False
        self._handed: Checkpoint | None = None
        self._failures: frozenset[str] = frozenset()
        self._told: frozenset[str] = frozenset()
        self._batches: deque[Batch] = deque()
        self._retried: dict[str, Job] = {}
        self._newer: dict[str, tuple[str, str]] = {}
        self._turns = Turns()
        self._done = 0
        self._times_away = 0

    def begin(self) -> None:
        """Forget what waits: it will be handed over again."""
        with self._lock:
            self._turns.forget()
            self._retried.clear()
            self._newer.clear()
            self._batches.clear()
            self._handed, self._failures = None, frozenset()

    def full(self) -> bool:
        return len(self._turns) >= self._window

    def checkpoint(self) -> Checkpoint:
        """How far events were handed over, which is ahead of what is stored."""
        with self._lock:
            if self._handed is None:
                self._handed = super().checkpoint()
            self._told = self._handed.parked | self._failures
            return replace(self._handed, parked=self._told)

    def positions(self) -> Mapping[str, int]:
        with self._lock:
            return self._handed.positions if self._handed else super().positions()

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        for event in events:
            if event.id in self._told:
                self._retry(event)
        fresh = [event for event in events if event.id not in self._told and self.concerns(event)]
        batch = Batch(checkpoint, len(fresh))
        jobs = [Job(event, self._turn(event), batch) for event in fresh]
        with self._lock:
            self._hand_over(jobs, batch)
        self._save_what_is_done()

    def settled(self) -> bool:
        """Whether everything handed over is done."""
        with self._lock:
            return not self._batches

    def lanes(self) -> list[LaneState]:
        """What each lane does just now."""
        return self._turns.states()

    def waits(self) -> Mapping[str, str]:
        with self._lock:
            return dict(self._newer.values())

    def parked(self) -> int:
        """How many events are parked, as far as is known here."""
        with self._lock:
            return len(self._told | self._failures)

    def stop(self, *, wait: bool = True) -> None:
        """Take no more; what runs may finish, what waits is handled after the next start."""
        with self._lock:
            self._stopping = True
            self._turns.close()
        for thread in self._threads if wait else ():
            thread.join()

    def _turn(self, event: RecordedEvent) -> Turn:
        return self.policy.turn(self._codec.decode(event))

    def _retry(self, event: RecordedEvent) -> None:
        """Let a parked event wait for its turn like any other.

        Raises StillWorking until that is over, and EventsFailed where it failed again.
        """
        turn = self._turn(event)
        with self._lock:
            job = self._retried.get(event.id)
            if job is None:
                job = Job(event, turn, Batch(START, 1), retried=True)
                self._retried[event.id] = job
                self._put([job])
            if job.batch.unfinished:
                raise StillWorking
            del self._retried[event.id]
        if job.problem:
            raise EventsFailed({event.id: job.problem})

    def _hand_over(self, jobs: Sequence[Job], batch: Batch) -> None:
        if self._handed is None:
            raise Fenced
        self._put(jobs)
        # Only what the other side knew as parked can have been freed by it.
        self._failures -= self._told - batch.checkpoint.parked
        self._told = batch.checkpoint.parked
        self._handed = batch.checkpoint
        self._batches.append(batch)

    def _put(self, jobs: Sequence[Job]) -> None:
        if jobs and self._stopping:
            raise Stopping
        for job in jobs:
            self._turns.put(job)
        if jobs and not self._threads:
            self._start()

    def _start(self) -> None:
        self._threads = [
            Thread(target=self._work, args=(lane,), name=f"{self.name} {lane}", daemon=True)
            for lane in Lane
            for _ in range(self._workers)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, lane: Lane) -> None:
        while job := self._turns.take(lane):
            self._have_turn(job)

    def _have_turn(self, job: Job) -> None:
        try:
            if job.problem:
                self._park(job)
            else:
                self.react(job.event, job.turn.lane.seconds)
        except NeedsLonger:
            self._turns.put_back(job, Reason.BUSY, replace(job.turn, lane=Lane.LONG))
        except SanitiserUnavailable as error:
            self._try_again(job, Reason.TOOL_MISSING, error)
        except NewerProgram as newer:
            self._wait_for_newer_program(job, newer)
        except Unavailable as error:
            self._wait_for_store(job, error)
        except Exception as error:  # noqa: BLE001 - a poison event may raise anything
            self._try_again(job, Reason.FAILED, error)
        else:
            self._finish(job)

    def _try_again(self, job: Job, reason: Reason, error: Exception) -> None:
        """Try once more after a while, or park after the last time."""
        tries, waits = job.tries.get(reason, 0), self._waits[reason]
        job.tries[reason] = tries + 1
        if tries < len(waits) or job.problem:
            self._turns.put_back(job, reason, job.turn, waits[min(tries, len(waits) - 1)])
        else:
            job.problem = describe(error)
            self._turns.put_back(job, Reason.BUSY, replace(job.turn, lane=Lane.SHORT))

    def _wait_for_store(self, job: Job, error: Unavailable) -> None:
        with self._lock:
            seconds = self._pauses[min(self._times_away, len(self._pauses) - 1)]
            self._times_away += 1
            store_was_there = job.done_before not in (None, self._done)
            job.done_before = self._done
        log.warning("%s waits: %s is away", self.name, type(error).__name__)
        self._turns.pause(seconds)
        if store_was_there and not job.problem:
            self._try_again(job, Reason.STORE_AWAY, error)
        else:
            self._turns.put_back(job, Reason.STORE_AWAY, job.turn)

    def _wait_for_newer_program(self, job: Job, newer: NewerProgram) -> None:
        """Let this event alone wait: what it is about was changed by a newer program."""
        log.error("%s waits: %s", self.name, newer)
        with self._lock:
            self._newer[job.event.id] = (job.event.log, newer.event.id)
        self._turns.put_back(job, Reason.NEWER_PROGRAM, job.turn, OUTDATED_SECONDS)

    def _finish(self, job: Job) -> None:
        with self._lock:
            if self._times_away:
                self._turns.pause(0)
            self._times_away = 0
            self._done += 1
            self._newer.pop(job.event.id, None)
            job.batch.unfinished -= 1
            self._turns.done(job)
        self._save_what_is_done()

    def _park(self, job: Job) -> None:
        """Name the event in the checkpoint, before anybody finds it among the parked ones."""
        with self._lock:
            if job.forgotten or job.retried:
                return
            self._failures |= {job.event.id}
            for later in self._turns.behind(job):
                later.problem = EARLIER_IS_PARKED
        self.failed()
        log.error("%s parked %s", self.name, job.event.id)
        now, waits = datetime.now(UTC), job.problem == EARLIER_IS_PARKED
        self._parked.park(
            ParkedEvent(
                subscriber=self.name,
                event=job.event,
                error=job.problem,
                parked_at=now.isoformat(),
                tries=0 if waits else 1,
                retry_at=None if waits else now + timedelta(seconds=LATER),
            )
        )

    def _save_what_is_done(self) -> None:
        with self._lock:
            while self._batches and not self._batches[0].unfinished:
                self._save(self._batches.popleft().checkpoint)

    def _save(self, checkpoint: Checkpoint) -> None:
        try:
            parked = checkpoint.parked | self._failures
            self._checkpoints.save(self.name, replace(checkpoint, parked=parked))
        except (Fenced, Unavailable):
            log.warning("%s begins again from its stored checkpoint", self.name)
            self._begin_again()
        except Exception:
            log.exception("%s could not save its checkpoint, and begins again", self.name)
            self._begin_again()

    def _begin_again(self) -> None:
        self.begin()
        self.failed()
