"""Group concurrent calls to a store: calls that have to wait are made together."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Waiter(Generic[T, R]):
    """One thread's item, and its outcome once it is done."""

    __slots__ = ("done", "item", "outcome", "woken")

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = False
        self.outcome: R | BaseException
        self.woken = Lock()
        self.woken.acquire()


class Grouping(Generic[T, R]):
    """Calls ``work``, which reads or writes, from one thread at a time.

    An item that arrives while no thread works is worked on at once. Items that arrive meanwhile
    wait in a queue. The thread of the first of them then works on all of them as one batch; for
    appends this is group commit. A read begins after it was submitted, so it sees earlier writes.

    ``work`` takes up to ``largest`` items from an iterator, which ends when the queue is empty. It
    returns one outcome per item. An exception as an outcome is raised in that item's thread only.
    An exception that ``work`` raises is raised in all threads of the batch.
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
        """The number of items in the queue."""
        return len(self._queue)

    def submit(self, item: T) -> R:
        """Have the item worked on. Returns its outcome, or raises it."""
        waiter: _Waiter[T, R] = _Waiter(item)
        if self._leads(waiter):
            self._work_on_batch()
        else:
            self._wait(waiter)
        if isinstance(waiter.outcome, BaseException):
            raise waiter.outcome
        return waiter.outcome

    def _leads(self, waiter: _Waiter[T, R]) -> bool:
        """Queue the waiter. Returns whether no thread is working, so that this one has to."""
        with self._lock:
            self._queue.append(waiter)
            leads = not self._busy
            self._busy = True
            return leads

    def _wait(self, waiter: _Waiter[T, R]) -> None:
        try:
            self._await_turn(waiter)
        except BaseException:
            # A signal handler ended the wait, but this waiter may still be the next to work.
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
                raise ValueError("work must take items and return an outcome for each")
        except BaseException as failure:  # noqa: BLE001 - raised again in each waiting thread
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
        """Make the thread that has waited longest the next one to work."""
        with self._lock:
            if self._queue:
                self._queue[0].woken.release()
            else:
                self._busy = False
