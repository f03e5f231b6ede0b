"""Announce on the bus what this process runs, so that monitors see it.

An announcement names services, loops and types of errors. It holds nothing of events, members or
requests.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from application.engine.runtime import Running, Runtime
from application.ports.message_bus import Message, MessageBus
from application.ports.unavailable import Unavailable

T = TypeVar("T")

TOPIC = "monitor"
SECONDS = 2.0
"""How often a process announces itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedLoop:
    """A loop. ``positions`` are how far it has come in each log, as it knows itself.

    ``failing_since`` is a time in ISO 8601, or "". ``newer`` says that it waits at an event that
    only a newer program can read.
    """

    kind: str
    name: str
    leading: bool = False
    handled: int = 0
    error: str = ""
    failing_since: str = ""
    newer: bool = False
    positions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a process says of itself. ``number`` grows: an older announcement is a repetition.

    ``bus`` says whether all its consumers are connected; None if it has none. ``pools`` are the
    numbers of events that wait in the pools of slow policies.
    """

    id: str
    number: int
    version: str
    services: Sequence[str]
    started_at: str
    stopping: bool = False
    bus: bool | None = None
    loops: Sequence[AnnouncedLoop] = ()
    pools: Mapping[str, int] = field(default_factory=dict)


class Announcer:
    """Announces one process."""

    def __init__(
        self,
        runtime: Runtime,
        bus: MessageBus,
        *,
        services: Sequence[str],
        version: str,
        started_at: datetime,
    ) -> None:
        self._runtime = runtime
        self._bus = bus
        self._services = services
        self._version = version
        self._started_at = started_at
        self._numbers = count(1)

    def announce(self) -> None:
        """Announce this process. Raises BusUnavailable."""
        self._publish(stopping=False)

    def leave(self) -> None:
        """Announce that this process stops."""
        with suppress(Unavailable):
            self._publish(stopping=True)

    def _publish(self, *, stopping: bool) -> None:
        body = written(self._announcement(stopping))
        self._bus.publish(TOPIC, [Message(body, key=TOPIC, lasting=False)])

    def _announcement(self, stopping: bool) -> Announcement:
        running = self._runtime.running
        links = [each.connected() for each in running]
        known = [link for link in links if link is not None]
        return Announcement(
            id=self._runtime.holder,
            number=next(self._numbers),
            version=self._version,
            services=self._services,
            started_at=self._started_at.isoformat(),
            stopping=stopping,
            bus=all(known) if known else None,
            loops=[_loop(each) for each in running],
            pools={
                each.name: sum(sum(lane.waiting.values()) for lane in each.pool.lanes())
                for each in running
                if each.pool
            },
        )


def _loop(running: Running) -> AnnouncedLoop:
    failing = running.loop.failing_since
    return AnnouncedLoop(
        kind=running.kind,
        name=running.name,
        leading=running.loop.leading,
        handled=sum(running.handled().values()),
        error=running.loop.error,
        failing_since=failing.isoformat() if failing else "",
        newer=bool(running.unreadable()),
        positions=running.positions(),
    )


def written(announcement: Announcement) -> bytes:
    """Return the announcement as JSON."""
    return json.dumps(asdict(announcement)).encode()


def read(body: bytes) -> Announcement | None:
    """Return the announcement, or None for anything else. Fields of newer programs are ignored."""
    try:
        found = json.loads(body)
        loops = [_known(AnnouncedLoop, loop) for loop in found.pop("loops", ())]
        datetime.fromisoformat(found["started_at"])
        return _known(Announcement, {**found, "loops": loops})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _known(kind: type[T], values: Mapping[str, Any]) -> T:
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # both are dataclasses
    return kind(**{name: value for name, value in values.items() if name in names})
