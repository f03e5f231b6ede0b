"""Run a slow policy in a pool of threads, where members take turns.

Events complete in any order. The checkpoint that is stored is the completed prefix: the position up
to which every event was handled or parked.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import RLock, Thread
from typing import Any

from application.engine.parking import EARLIER_IS_PARKED
from application.engine.policy import Policy, PolicySubscriber
from application.engine.subscriber import EventsFailed, StillWorking, correlated, describe
from application.engine.turns import Batch, Job, Lane, LaneState, Turn, Turns, WaitReason
from application.ports.checkpoints import START, Checkpoint, Checkpoints, Fenced
from application.ports.codec import EventCodec, NewerProgram, RecordedEvent
from application.ports.parked import ParkedEvent, ParkedEvents
from application.ports.sanitiser import NeedsLonger, SanitiserUnavailable
from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

WINDOW = 20_000
"""The most events in a pool, each of two kilobytes or less. Members take turns among these, so the
backlog of one member delays the others only if it is larger than this."""

Seconds = Sequence[float]

PAUSES_BY_REASON: Mapping[WaitReason, Seconds] = {
    WaitReason.TOOL_MISSING: (5, 25, 125, 625),
    WaitReason.STORE_AWAY: (0, 0, 0, 0),
    WaitReason.FAILED: (0.2, 0.4),
}
"""By reason, the seconds between the tries of an event. After the last try it is parked."""

OUTAGE_PAUSES: Seconds = (1, 2, 4, 8, 16, 30)
"""Seconds for which the whole pool pauses while a store is unavailable; the last one repeats."""

UNREADABLE_SECONDS = 10.0
"""Seconds until the next try of an event that only a newer program can read."""

PARKED_SECONDS, PARKED_TRIES = 3600.0, 24
"""Seconds between the tries of a parked event, and how many tries there are."""


class Stopping(Unavailable):
    """The pool takes no more events; those it has are handled after the next start."""


class PooledPolicySubscriber(PolicySubscriber):
    """Queues events in a pool and returns at once. Each lane has ``workers`` threads.

    After a crash, events after the completed prefix are handled again. An event that keeps failing
    is parked. The pool then calls ``checkpoint_changed``, so that the subscription loads the
    checkpoint again, which now names the parked event. This callback must not wait for the
    subscription.

    ``handle`` never blocks, because a blocked subscription would lose its lease. The subscription
    asks ``is_full`` first.

    A worker does not sleep between tries; the event goes back to its queue. A missing tool delays
    only the events that need it. An unavailable store pauses the whole pool. A try that failed
    because of the store counts against its event only if the pool has handled another event since
    the try before: the store was available then, so the event itself may be the cause.
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
        pauses: Mapping[WaitReason, Seconds] = PAUSES_BY_REASON,
        outage_pauses: Seconds = OUTAGE_PAUSES,
    ) -> None:
        super().__init__(policy, codec, checkpoints)
        self.checkpoint_changed: Callable[[], None] = lambda: None
        self._parked = parked
        self._workers = workers
        self._window = window
        self._pauses = pauses
        self._outage_pauses = outage_pauses
        self._lock = RLock()
        self._threads: list[Thread] = []
        self._stopping = False
        self._submitted: Checkpoint | None = None
        self._newly_parked: frozenset[str] = frozenset()
        self._being_parked: frozenset[str] = frozenset()
        self._known_parked: frozenset[str] = frozenset()
        self._batches: deque[Batch] = deque()
        self._retried: dict[str, Job] = {}
        # By the id of the waiting event: its log, and the event that only a newer program can read.
        self._unreadable: dict[str, tuple[str, str]] = {}
        self._turns = Turns()
        self._finished = 0
        self._outages = 0

    def begin(self) -> None:
        """Drop the queued events. The subscription hands them over again."""
        with self._lock:
            self._turns.forget()
            self._retried.clear()
            self._unreadable.clear()
            self._batches.clear()
            self._submitted = None
            self._newly_parked = self._being_parked = frozenset()

    def is_full(self) -> bool:
        return len(self._turns) >= self._window

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint of the newest batch in the pool. The stored one is behind it."""
        with self._lock:
            if self._submitted is None:
                self._submitted = super().checkpoint()
            self._known_parked = self._submitted.parked | self._newly_parked
            return replace(self._submitted, parked=self._known_parked)

    def positions(self) -> Mapping[str, int]:
        with self._lock:
            return self._submitted.positions if self._submitted else super().positions()

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        for event in events:
            if event.id in self._known_parked:
                self._retry(event)
        fresh = [
            event for event in events if event.id not in self._known_parked and self.concerns(event)
        ]
        batch = Batch(checkpoint, len(fresh))
        jobs = [Job(event, self._turn(event), batch) for event in fresh]
        with self._lock:
            self._submit(jobs, batch)
        self._save_completed_prefix()

    def settled(self) -> bool:
        """Return whether every event that was handed over is handled or parked."""
        with self._lock:
            return not self._batches

    def lanes(self) -> list[LaneState]:
        """Return how many events run and wait in each lane."""
        return self._turns.states()

    def unreadable(self) -> Mapping[str, str]:
        with self._lock:
            return dict(self._unreadable.values())

    def parked(self) -> int:
        """Return how many events are parked, as far as this process knows."""
        with self._lock:
            return len(self._known_parked | self._newly_parked)

    def stop(self, *, wait: bool = True) -> None:
        """Take no more events. Running ones finish; queued ones are handled after a restart."""
        with self._lock:
            self._stopping = True
            self._turns.close()
        for thread in self._threads if wait else ():
            thread.join()

    def _turn(self, event: RecordedEvent) -> Turn:
        return self.policy.turn(self._codec.decode(event))

    def _retry(self, event: RecordedEvent) -> None:
        """Queue a parked event like any other.

        Raises StillWorking until it is handled, or EventsFailed if it failed again.
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

    def _submit(self, jobs: Sequence[Job], batch: Batch) -> None:
        if self._submitted is None:
            raise Fenced
        self._put(jobs)
        # The subscription has released those parked events that it knew and no longer names.
        self._newly_parked -= self._known_parked - batch.checkpoint.parked
        self._known_parked = batch.checkpoint.parked
        self._submitted = batch.checkpoint
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
            self._run(job)

    def _run(self, job: Job) -> None:
        try:
            if job.problem:
                self._park(job)
            else:
                self.react(job.event, job.turn.lane.seconds)
        except NeedsLonger:
            self._turns.put_back(job, WaitReason.BUSY, replace(job.turn, lane=Lane.LONG))
        except SanitiserUnavailable as error:
            self._try_again(job, WaitReason.TOOL_MISSING, error)
        except NewerProgram as newer:
            self._wait_for_newer_program(job, newer)
        except Unavailable as error:
            self._wait_for_store(job, error)
        except Exception as error:  # noqa: BLE001 - a poison event may raise anything
            self._try_again(job, WaitReason.FAILED, error)
        else:
            self._finish(job)

    def _try_again(self, job: Job, reason: WaitReason, error: Exception) -> None:
        """Queue the event again after a pause, or for parking after the last try."""
        tries, pauses = job.tries.get(reason, 0), self._pauses[reason]
        job.tries[reason] = tries + 1
        if tries < len(pauses) or job.problem:
            self._turns.put_back(job, reason, job.turn, pauses[min(tries, len(pauses) - 1)])
        else:
            job.problem = describe(error)
            self._turns.put_back(job, WaitReason.BUSY, replace(job.turn, lane=Lane.SHORT))

    def _wait_for_store(self, job: Job, error: Unavailable) -> None:
        """Pause the pool, and queue the event again."""
        with self._lock:
            seconds = self._outage_pauses[min(self._outages, len(self._outage_pauses) - 1)]
            self._outages += 1
            # The store was available if another event was handled since the last try.
            store_was_available = job.finished_before not in (None, self._finished)
            job.finished_before = self._finished
        log.warning("%s waits: %s", self.name, type(error).__name__, extra=correlated(job.event))
        self._turns.pause(seconds)
        if store_was_available and not job.problem:
            self._try_again(job, WaitReason.STORE_AWAY, error)
        else:
            self._turns.put_back(job, WaitReason.STORE_AWAY, job.turn)

    def _wait_for_newer_program(self, job: Job, newer: NewerProgram) -> None:
        """Queue the event again: it needs a stream that a newer program has changed."""
        log.error("%s waits: %s", self.name, newer, extra=correlated(newer.event))
        with self._lock:
            self._unreadable[job.event.id] = (job.event.log, newer.event.id)
        self._turns.put_back(job, WaitReason.NEWER_PROGRAM, job.turn, UNREADABLE_SECONDS)

    def _finish(self, job: Job) -> None:
        with self._lock:
            if self._outages:
                self._turns.pause(0)
            self._outages = 0
            self._finished += 1
            self._unreadable.pop(job.event.id, None)
            job.batch.unfinished -= 1
            self._turns.done(job)
        self._save_completed_prefix()

    def _park(self, job: Job) -> None:
        """Park the event, and the later ones of its stream after it (see ``parking``).

        The checkpoint in memory names the event before it is in the list: the subscription, which
        retries events of the list in another thread, would take it for a handled one otherwise. The
        stored checkpoint names it only afterwards.
        """
        key = job.event.id
        with self._lock:
            if job.forgotten or job.retried:
                return
            self._newly_parked |= {key}
            self._being_parked |= {key}
            for later in self._turns.queued_after(job):
                later.problem = EARLIER_IS_PARKED
        self.checkpoint_changed()
        log.error("%s parked %s", self.name, key, extra=correlated(job.event))
        self._parked.park(_parked(self.name, job))
        with self._lock:
            self._being_parked -= {key}

    def _save_completed_prefix(self) -> None:
        with self._lock:
            while self._batches and not self._batches[0].unfinished:
                self._save(self._batches.popleft().checkpoint)

    def _save(self, checkpoint: Checkpoint) -> None:
        try:
            parked = (checkpoint.parked | self._newly_parked) - self._being_parked
            self._checkpoints.save(self.name, replace(checkpoint, parked=parked))
        except (Fenced, Unavailable):
            log.warning("%s starts again from its stored checkpoint", self.name)
            self._restart()
        except Exception:
            log.exception("%s could not save its checkpoint and starts again", self.name)
            self._restart()

    def _restart(self) -> None:
        self.begin()
        self.checkpoint_changed()


def _parked(subscriber: str, job: Job) -> ParkedEvent:
    now, is_blocked = datetime.now(UTC), job.problem == EARLIER_IS_PARKED
    return ParkedEvent(
        subscriber=subscriber,
        event=job.event,
        error=job.problem,
        parked_at=now.isoformat(),
        tries=0 if is_blocked else 1,
        retry_at=None if is_blocked else now + timedelta(seconds=PARKED_SECONDS),
    )
