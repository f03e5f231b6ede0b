"""Grouping: those who must wait for a store anyway go there together the next time."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Waiter(Generic[T, R]):
    """One thread's item and, once it is done, what became of it."""

    __slots__ = ("done", "item", "outcome", "woken")

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = False
        self.outcome: R | BaseException
        self.woken = Lock()
        self.woken.acquire()


class Grouping(Generic[T, R]):
    """Calls ``work``, which writes or reads, from one thread at a time.

    An item that finds nobody at work is worked on at once. Those that arrive meanwhile queue; then
    the thread of the first of them works on them all as one batch. For appends this is known as
    group commit. A read never begins before it was asked for, so it sees all that was there then.

    ``work`` takes items, ``largest`` at most, for as long as it likes: the iterator ends when the
    queue is empty. It answers with one outcome for each item it took; an exception in its place is
    raised to that item's thread alone. An exception that ``work`` raises reaches all who wait.
    """

    def __init__(
        self, work: Callable[[Iterator[T]], Sequence[R | Exception]], largest: int = 500
    ) -> None:
        self._work = work
        self._largest = largest
        self._lock = Lock()
        self._busy = False
        self._queue: deque[_Waiter[T, R]] = deque()

    @property
    def waiting(self) -> int:
        """How many items queue for the next batch."""
        return len(self._queue)

    def submit(self, item: T) -> R:
        """Have the item worked on, and return its outcome or raise it."""
        waiter: _Waiter[T, R] = _Waiter(item)
        if self._leads(waiter):
            self._work_on_batch()
        else:
            self._wait(waiter)
        if isinstance(waiter.outcome, BaseException):
            raise waiter.outcome
        return waiter.outcome

    def _leads(self, waiter: _Waiter[T, R]) -> bool:
        """Queue, and tell whether nobody is at work."""
        with self._lock:
            self._queue.append(waiter)
            leads = not self._busy
            self._busy = True
            return leads

    def _wait(self, waiter: _Waiter[T, R]) -> None:
        try:
            self._await_turn(waiter)
        except BaseException:
            # A signal's handler ends the waiting, yet the turn to work for all may come.
            Thread(target=self._await_turn, args=[waiter], daemon=True).start()
            raise

    def _await_turn(self, waiter: _Waiter[T, R]) -> None:
        waiter.woken.acquire()
        if not waiter.done:
            self._work_on_batch()

    def _work_on_batch(self) -> None:
        batch: list[_Waiter[T, R]] = []
        outcomes: Sequence[R | BaseException]
        try:
            outcomes = self._work(self._take(batch))
            if not batch or len(outcomes) != len(batch):
                raise ValueError("work takes items and has an outcome for each")
        except BaseException as failure:  # noqa: BLE001 - raised again, by each waiting thread
            deque(self._take(batch), maxlen=0)
            outcomes = [failure] * len(batch)
        for waiter, outcome in zip(batch, outcomes, strict=True):
            waiter.outcome = outcome
            waiter.done = True
        self._hand_over()
        for waiter in batch:
            waiter.woken.release()

    def _take(self, batch: list[_Waiter[T, R]]) -> Iterator[T]:
        while self._queue and len(batch) < self._largest:
            batch.append(self._queue.popleft())
            yield batch[-1].item

    def _hand_over(self) -> None:
        """Make the thread that has waited longest the next to work."""
        with self._lock:
            if self._queue:
                self._queue[0].woken.release()
            else:
                self._busy = False
