"""Group commit: those who must wait for a write anyway go into the next one together."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Waiter(Generic[T, R]):
    """One thread's item and, once it is written, what became of it."""

    __slots__ = ("item", "outcome", "woken", "written")

    def __init__(self, item: T) -> None:
        self.item = item
        self.written = False
        self.outcome: R | BaseException
        self.woken = Lock()
        self.woken.acquire()


class GroupCommit(Generic[T, R]):
    """Calls ``write`` from one thread at a time.

    An item that finds nobody writing is written alone, at once. Those that arrive meanwhile queue;
    then the thread of the first of them writes them all as one batch, of ``largest`` at most.
    ``write`` answers with one outcome for each item, in order; an exception in its place is raised
    to that item's thread alone. An exception that ``write`` raises reaches the whole batch.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Sequence[R | Exception]], largest: int = 500
    ) -> None:
        self._write = write
        self._largest = largest
        self._lock = Lock()
        self._busy = False
        self._queue: deque[_Waiter[T, R]] = deque()

    @property
    def waiting(self) -> int:
        """How many items queue for the next write."""
        return len(self._queue)

    def submit(self, item: T) -> R:
        """Write the item and return its outcome, or raise it."""
        waiter: _Waiter[T, R] = _Waiter(item)
        if self._finds_nobody_writing(waiter):
            self._write_all([waiter])
        else:
            waiter.woken.acquire()
            if not waiter.written:
                self._write_all(self._next_batch())
        if isinstance(waiter.outcome, BaseException):
            raise waiter.outcome
        return waiter.outcome

    def _finds_nobody_writing(self, waiter: _Waiter[T, R]) -> bool:
        with self._lock:
            if self._busy:
                self._queue.append(waiter)
                return False
            self._busy = True
            return True

    def _next_batch(self) -> list[_Waiter[T, R]]:
        with self._lock:
            size = min(len(self._queue), self._largest)
            return [self._queue.popleft() for _ in range(size)]

    def _write_all(self, batch: list[_Waiter[T, R]]) -> None:
        outcome_of: dict[_Waiter[T, R], R | BaseException]
        try:
            outcomes = self._write([waiter.item for waiter in batch])
            outcome_of = dict(zip(batch, outcomes, strict=True))
        except BaseException as failure:  # noqa: BLE001 - raised again, by each waiting thread
            outcome_of = dict.fromkeys(batch, failure)
        for waiter in batch:
            waiter.outcome = outcome_of[waiter]
            waiter.written = True
        self._hand_over()
        for waiter in batch:
            waiter.woken.release()

    def _hand_over(self) -> None:
        """Make the thread that has waited longest the next to write."""
        with self._lock:
            if self._queue:
                self._queue[0].woken.release()
            else:
                self._busy = False
