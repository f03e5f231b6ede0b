"""Policies whose work is slow: a bounded pool, and a checkpoint that is the completed prefix."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event, RLock
from typing import TypeVar

from application.policies.policy import Policy, PolicySubscriber
from application.ports.checkpoints import Checkpoint, Checkpoints, Fenced
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.parked import ParkedEvent, ParkedEvents
from application.ports.unavailable import Unavailable

R = TypeVar("R")

log = logging.getLogger(__name__)

TRIES = 3
LONGEST_PAUSE = 30.0


class Stopping(Unavailable):
    """The pool takes nothing more; what it was given is handled after the next start."""


@dataclass(slots=True)
class _Batch:
    """Events handed to the pool, and the checkpoint that may be saved when all are done."""

    checkpoint: Checkpoint
    jobs: list[Future[None]] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether every job came to its end; one that was cut short did not."""
        return all(
            job.done() and not job.cancelled() and job.exception() is None for job in self.jobs
        )


class PooledPolicySubscriber(PolicySubscriber):
    """Hands events to a pool and reads on.

    After a crash, events behind the completed prefix are handled again. An event that keeps
    failing is parked; ``failed`` is called then, so that whoever feeds this looks again at the
    checkpoint, which now names it. ``failed`` must not wait for whoever feeds this.

    It never makes them wait either, lest they lose their lease: they look whether it is full.
    """

    def __init__(
        self,
        policy: Policy,
        codec: EventCodec,
        checkpoints: Checkpoints,
        parked: ParkedEvents,
        *,
        workers: int,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(policy, codec, checkpoints)
        self.failed: Callable[[], None] = lambda: None
        self._parked = parked
        self._stopping = Event()
        self._pause = pause or self._stopping.wait
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=policy.name)
        self._enough = workers * 2
        self._in_hand = 0
        self._lock = RLock()
        self._handed: Checkpoint | None = None
        self._failures: frozenset[str] = frozenset()
        self._told: frozenset[str] = frozenset()
        self._batches: deque[_Batch] = deque()
        self._latest: dict[str, Future[None]] = {}

    def begin(self) -> None:
        with self._lock:
            self._batches.clear()
            self._handed, self._failures = None, frozenset()

    def full(self) -> bool:
        with self._lock:
            return self._in_hand >= self._enough

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
        for event in filter(self.concerns, events):
            self._codec.decode(event)  # so that the subscription waits for a newer program
        batch = _Batch(checkpoint)
        for event in events:
            if event.id in self._told:
                self.react(event)
            elif self.concerns(event):
                batch.jobs.append(self._hand_over(event))
        with self._lock:
            if self._handed is None:
                raise Fenced
            # Only what the other side knew as parked can have been freed by it.
            self._failures -= self._told - checkpoint.parked
            self._told = checkpoint.parked
            self._handed = checkpoint
            self._batches.append(batch)
        self._save_what_is_done()

    def settled(self) -> bool:
        """Whether everything handed over is done."""
        with self._lock:
            return not self._batches

    def stop(self, *, wait: bool = True) -> None:
        """Take no more; what runs may finish, what waits is handled after the next start."""
        with self._lock:
            self._stopping.set()
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _hand_over(self, event: RecordedEvent) -> Future[None]:
        with self._lock:
            if self._stopping.is_set():
                raise Stopping
            before = self._latest.get(event.stream)
            job = self._pool.submit(self._work, event, before)
            self._latest[event.stream] = job
            self._in_hand += 1
        job.add_done_callback(lambda done: self._finished(event, done))
        return job

    def _work(self, event: RecordedEvent, before: Future[None] | None) -> None:
        if before is not None:
            before.exception()
        if problem := self._patiently(lambda: self._try(event)):
            self._fail(event)
            self._patiently(lambda: self._park(event, problem))

    def _patiently(self, deed: Callable[[], R]) -> R:
        """Do it as soon as the systems behind it are there."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            try:
                return deed()
            except Unavailable:
                self._pause(min(2.0**attempt, LONGEST_PAUSE))
        raise Stopping

    def _try(self, event: RecordedEvent) -> str:
        """React, several times if need be; the error if the event would not be handled."""
        problem = ""
        for attempt in range(1, TRIES + 1):
            try:
                self.react(event)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a poison event may raise anything
                problem = f"{type(error).__name__}: {error}"
                self._pause(2.0**attempt / 10)
            else:
                return ""
        return problem

    def _finished(self, event: RecordedEvent, job: Future[None]) -> None:
        with self._lock:
            self._in_hand -= 1
            if self._latest.get(event.stream) is job:
                del self._latest[event.stream]
        self._save_what_is_done()

    def _fail(self, event: RecordedEvent) -> None:
        """Name the event in the checkpoint, before anybody finds it among the parked ones."""
        with self._lock:
            self._failures |= {event.id}
        self.failed()

    def _park(self, event: RecordedEvent, problem: str) -> None:
        log.error("%s parked %s", self.name, event.id)
        now = datetime.now(UTC).isoformat()
        self._parked.park(
            ParkedEvent(subscriber=self.name, event=event, error=problem, parked_at=now)
        )

    def _save_what_is_done(self) -> None:
        with self._lock:
            while self._batches and self._batches[0].done:
                self._save(self._batches.popleft().checkpoint)

    def _save(self, checkpoint: Checkpoint) -> None:
        try:
            parked = checkpoint.parked | self._failures
            self._checkpoints.save(self.name, replace(checkpoint, parked=parked))
        except (Fenced, Unavailable):
            log.warning("%s begins again from its stored checkpoint", self.name)
            self.begin()
            self.failed()
