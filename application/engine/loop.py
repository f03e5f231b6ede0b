"""A thread that does one thing again and again while it holds the lease for it."""

import logging
import socket
import time
from collections.abc import Callable
from os import getpid
from threading import Event, Lock, Thread
from uuid import uuid4

from application.ports.codec import NewerProgram
from application.ports.leases import Leases
from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

LEASE_SECONDS = 10.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0


def process_name() -> str:
    """Who holds a lease: unique to this process, and it tells nothing of a member."""
    return f"{socket.gethostname()}-{getpid()}-{uuid4().hex[:8]}"


class Loop:
    """Calls ``step`` until it answers False (nothing left to do), then waits to be woken.

    Only the holder of the lease ``name`` works; ``entered`` and ``left`` tell when that begins and
    ends. Whatever ``step`` raises is logged and tried again after a growing pause, which being
    woken does not shorten: what fails shall cost the others little. While it is ``outdated``, or
    after a step that met a newer program, it gives the lease back, so that that program can take
    it.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        leases: Leases,
        holder: str,
        *,
        idle_seconds: Callable[[], float],
        entered: Callable[[], None] = lambda: None,
        left: Callable[[], None] = lambda: None,
        outdated: Callable[[], object] = lambda: False,
    ) -> None:
        self.name = name
        self._step = step
        self._leases = leases
        self._holder = holder
        self._idle = idle_seconds
        self._entered = entered
        self._left = left
        self._outdated = outdated
        self._leading = False
        self._met_newer = False
        self._renew_at = 0.0
        self._lease = Lock()
        self._awake = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def leading(self) -> bool:
        """Whether this process does the work just now."""
        return self._leading

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._awake.set()

    def goes_on(self) -> bool:
        """Whether a long step may go on: its lease is prolonged, and nobody asked it to end.

        Any thread may ask, and should do so every second or more often.
        """
        return not self._stopping.is_set() and self._has_the_lease()

    def stop(self) -> None:
        """Ask the loop to end after the step in hand."""
        self._stopping.set()
        self._awake.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            failures = 0 if self._turn() else failures + 1
            if self._leading and (self._met_newer or self._outdated()):
                self._give_up_the_lead()
                self._stopping.wait(LEASE_SECONDS / 2)
            if failures:
                self._rest(self._pause_after(failures), self._stopping)
            else:
                self._rest(self._idle(), self._awake)
        self._give_up_the_lead()

    def _turn(self) -> bool:
        """One round of work; False after a failure."""
        self._met_newer = False
        try:
            if self._take_the_lead():
                while not self._stopping.is_set() and self._step() and self._take_the_lead():
                    pass
        except NewerProgram as newer:
            log.error("%s waits: %s", self.name, newer)
            self._met_newer = True
            return False
        except Unavailable as error:
            log.warning("%s waits: %s is away", self.name, type(error).__name__)
            return False
        except Exception:
            log.exception("%s failed and will try again", self.name)
            return False
        return True

    def _take_the_lead(self) -> bool:
        """Whether this process leads from now on, or still does."""
        has_it = self._has_the_lease()
        if has_it and not self._leading:
            self._entered()
        lost, self._leading = self._leading and not has_it, has_it
        if lost:
            self._left()
        return has_it

    def _has_the_lease(self) -> bool:
        """Take the lease, or prolong it once a third of it is over."""
        with self._lease:
            now = time.monotonic()
            if now < self._renew_at:
                return True
            has_it = self._leases.acquire(self.name, self._holder, LEASE_SECONDS)
            self._renew_at = now + LEASE_SECONDS / 3 if has_it else 0.0
            return has_it

    def _pause_after(self, failures: int) -> float:
        return min(min(self._idle(), FIRST_PAUSE) * 2.0**failures, LONGEST_PAUSE)

    def _rest(self, seconds: float, until: Event) -> None:
        until.wait(min(seconds, LEASE_SECONDS / 3))
        self._awake.clear()

    def _give_up_the_lead(self) -> None:
        if not self._leading:
            return
        self._leading = False
        try:
            self._left()
            with self._lease:
                self._renew_at = 0.0
                self._leases.release(self.name, self._holder)
        except Unavailable:
            log.warning("%s could not give its lease back; it will run out", self.name)
