"""Remember which processes announce themselves, and notice when one no longer does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from application.engine.announcing import AnnouncedLoop, Announcement, read
from application.ports.message_bus import Delivery
from application.use_cases.operations.overview import LoopState, ProcessState, ProcessStatus

LOST_SECONDS = 7.0
"""More than three announcements are missing."""
STOPPED_SECONDS, FORGOTTEN_SECONDS = 60.0, 3600.0
"""How long a process that has stopped, or that was lost, is shown."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    announced: Announcement
    at: float


class Sightings:
    """The processes that this one has heard of. ``seconds`` is a clock that never goes back.

    A process is lost if others have been heard for a while after it fell silent: while the bus is
    away, nobody becomes lost. One that is lost remains so until it is heard of again.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._began_at = seconds()
        self._heard_at = self._began_at - LOST_SECONDS
        self._hearing_since = self._began_at
        self._found: dict[str, _Sighting] = {}
        self._lost: set[str] = set()

    def hear(self, deliveries: Sequence[Delivery]) -> None:
        """Take announcements from the bus. Others, and repetitions, are ignored."""
        announced = [one for each in deliveries if (one := read(each.body))]
        with self._lock:
            for each in announced:
                self._note(each)

    def hears(self) -> bool | None:
        """Return whether announcements arrive; None in the first seconds, when none may yet."""
        now = self._seconds()
        if now - self._heard_at < LOST_SECONDS:
            return True
        return None if now - self._began_at < LOST_SECONDS else False

    def announced(self) -> list[Announcement]:
        """Return the last announcement of each process that is running, as far as is known."""
        running = (ProcessStatus.RUNNING,)
        with self._lock:
            return [one.announced for one in self._found.values() if self._status(one) in running]

    def processes(self) -> list[ProcessState]:
        """Return the processes, those that run first. Forget those that ended long ago."""
        with self._lock:
            self._found = {key: one for key, one in self._found.items() if self._is_shown(one)}
            self._lost &= self._found.keys()
            found = [self._state(one) for one in self._found.values()]
        order = list(ProcessStatus)
        return sorted(found, key=lambda one: (order.index(one.status), one.services, one.id))

    def _note(self, announced: Announcement) -> None:
        now, before = self._seconds(), self._found.get(announced.id)
        if now - self._heard_at > LOST_SECONDS:
            self._hearing_since = now
        if before is None or announced.number > before.announced.number:
            self._heard_at = now
            self._found[announced.id] = _Sighting(announced, now)
            self._lost.discard(announced.id)

    def _status(self, one: _Sighting) -> ProcessStatus:
        if one.announced.stopping:
            return ProcessStatus.STOPPED
        silent_since = max(one.at, self._hearing_since)
        if self._heard_at - silent_since > LOST_SECONDS:
            self._lost.add(one.announced.id)
        return ProcessStatus.LOST if one.announced.id in self._lost else ProcessStatus.RUNNING

    def _is_shown(self, one: _Sighting) -> bool:
        shown_for = STOPPED_SECONDS if one.announced.stopping else FORGOTTEN_SECONDS
        return self._seconds() - one.at < shown_for

    def _state(self, one: _Sighting) -> ProcessState:
        announced = one.announced
        return ProcessState(
            id=announced.id,
            version=announced.version,
            services=tuple(announced.services),
            started_at=datetime.fromisoformat(announced.started_at),
            seen_seconds=int(self._seconds() - one.at),
            status=self._status(one),
            bus=announced.bus,
            loops=tuple(map(_loop, announced.loops)),
            pools=announced.pools,
        )


def _loop(announced: AnnouncedLoop) -> LoopState:
    failing = announced.failing_since
    return LoopState(
        kind=announced.kind,
        name=announced.name,
        leading=announced.leading,
        handled=announced.handled,
        error=announced.error,
        failing_since=datetime.fromisoformat(failing) if failing else None,
    )
