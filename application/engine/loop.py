"""Repeat one step in a thread, while this process holds the lease for it."""

import logging
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from os import getpid
from threading import Event, Lock, Thread
from uuid import uuid4

from application.engine.subscriber import correlated
from application.ports.codec import NewerProgram
from application.ports.leases import Leases
from application.ports.unavailable import Unavailable

log = logging.getLogger(__name__)

LEASE_SECONDS = 10.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0


def process_name() -> str:
    """Return a unique name of this process, under which it holds leases."""
    return f"{socket.gethostname()}-{getpid()}-{uuid4().hex[:8]}"


class Loop:
    """Calls ``step`` until it returns False, which means that nothing is left to do; then waits for
    ``wake`` or for ``idle_seconds``.

    Only the process that holds the lease ``name`` calls ``step``: it leads. ``on_lead`` is called
    when it begins to lead, and ``on_leave`` when it no longer does.

    An exception of ``step`` is logged, and ``step`` is called again after a growing pause, which
    ``wake`` does not shorten. ``error`` is its type, and ``failing_since`` the time of the first
    failure since a step succeeded. The loop releases the lease while ``outdated`` returns something
    true, and after a step that raised NewerProgram, so that a newer program can take it.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        leases: Leases,
        holder: str,
        *,
        idle_seconds: Callable[[], float],
        on_lead: Callable[[], None] = lambda: None,
        on_leave: Callable[[], None] = lambda: None,
        outdated: Callable[[], object] = lambda: False,
    ) -> None:
        self.name = name
        self._step = step
        self._leases = leases
        self._holder = holder
        self._idle = idle_seconds
        self._on_lead = on_lead
        self._on_leave = on_leave
        self._outdated = outdated
        self.error = ""
        self.failing_since: datetime | None = None
        self._leading = False
        self.lease_changes = 0
        self._met_newer = False
        self._renew_at = 0.0
        self._lease = Lock()
        self._awake = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def leading(self) -> bool:
        """Whether this process holds the lease."""
        return self._leading

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Call ``step`` now instead of waiting longer."""
        self._awake.set()

    def may_continue(self) -> bool:
        """Return whether a long step may continue; renews the lease.

        It may not once ``stop`` was called or the lease was lost. Any thread may ask, and should do
        so at least once a second.
        """
        return not self._stopping.is_set() and self._hold_lease()

    def stop(self) -> None:
        """End the loop after the current step."""
        self._stopping.set()
        self._awake.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            failures = 0 if self._work() else failures + 1
            if self._leading and (self._met_newer or self._outdated()):
                self._leave()
                self._stopping.wait(LEASE_SECONDS / 2)
            if failures:
                self._wait(self._pause_after(failures), self._stopping)
            else:
                self._wait(self._idle(), self._awake)
        self._leave()

    def _work(self) -> bool:
        """Call ``step`` until nothing is left to do. Returns False after a failure."""
        self._met_newer = False
        try:
            if self._lead():
                while not self._stopping.is_set() and self._step() and self._lead():
                    pass
        except NewerProgram as newer:
            log.error("%s waits: %s", self.name, newer, extra=correlated(newer.event))
            self._met_newer = True
            return self._failed(newer)
        except Unavailable as error:
            log.warning("%s waits: %s", self.name, type(error).__name__)
            return self._failed(error)
        except Exception as error:
            log.exception("%s failed and will be tried again", self.name)
            return self._failed(error)
        self.error, self.failing_since = "", None
        return True

    def _failed(self, error: Exception) -> bool:
        """Remember the failure for monitoring. Returns False."""
        self.error = type(error).__name__
        self.failing_since = self.failing_since or datetime.now(UTC)
        return False

    def _lead(self) -> bool:
        """Take or keep the lease, and call the hooks. Returns whether this process leads."""
        has_it = self._hold_lease()
        if has_it and not self._leading:
            self._on_lead()
        self.lease_changes += has_it != self._leading
        lost, self._leading = self._leading and not has_it, has_it
        if lost:
            self._on_leave()
        return has_it

    def _hold_lease(self) -> bool:
        """Take the lease, or renew it after a third of its time. Returns whether it is held."""
        with self._lease:
            now = time.monotonic()
            if now < self._renew_at:
                return True
            has_it = self._leases.acquire(self.name, self._holder, LEASE_SECONDS)
            self._renew_at = now + LEASE_SECONDS / 3 if has_it else 0.0
            return has_it

    def _pause_after(self, failures: int) -> float:
        return min(min(self._idle(), FIRST_PAUSE) * 2.0**failures, LONGEST_PAUSE)

    def _wait(self, seconds: float, until: Event) -> None:
        until.wait(min(seconds, LEASE_SECONDS / 3))
        self._awake.clear()

    def _leave(self) -> None:
        if not self._leading:
            return
        self._leading = False
        self.lease_changes += 1
        try:
            self._on_leave()
            with self._lease:
                self._renew_at = 0.0
                self._leases.release(self.name, self._holder)
        except Unavailable:
            log.warning("%s could not release its lease, which will expire", self.name)
