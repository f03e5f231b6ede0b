"""The state of the rebuild of a read model, which every process can read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Phase(StrEnum):
    """What happens to the builds of a read model."""

    NONE = "none"
    BUILDING = "building"
    COMPARING = "comparing"
    HELD = "held"
    """Compared; the operator swaps or cancels it."""
    SWAPPING = "swapping"
    SWAPPED = "swapped"
    ROLLING_BACK = "rolling back"
    """The build to roll back to is about to serve; or the newer one again, after a roll back."""
    ROLLED_BACK = "rolled back"
    COMPARED = "compared"
    """Compared and dropped, because nothing else was asked for."""
    CANCELLED = "cancelled"


class Then(StrEnum):
    """What follows the comparison."""

    SWAP = "swap"
    HOLD = "hold"
    DROP = "drop"


class Kind(StrEnum):
    """How a row of the live model differs from the rebuilt one."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row of the live model that is not as the log makes it, without its values.

    ``table`` is empty for documents, otherwise the name of a side table. ``key`` is a keyed digest
    if it may name a member.
    """

    table: str
    key: str
    kind: Kind
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildState:
    """The rebuild of a read model: of the one in progress, or of the last one.

    ``build`` is the new build until it serves or is dropped, ``kept`` the one to roll back to, and
    ``retired`` are the latest builds that are dropped or will be. ``events_a_second`` limits the
    speed, unless it is 0; ``speed`` was measured. ``handled`` and ``total`` count events, and
    ``compared`` rows; ``differences`` names the first of those that are ``different``,
    for a day.
    ``left_by_erasures`` counts the rows that only events of erased persons can have made.
    ``was_compared`` is false if there was nothing of the same program to compare with. ``revision``
    fences every change, and ``asked`` are the ids of the latest wishes that were taken.
    """

    revision: int = 0
    asked: tuple[str, ...] = ()
    phase: Phase = Phase.NONE
    then: Then = Then.SWAP
    build: int = 0
    kept: int = 0
    kept_until: datetime | None = None
    retired: tuple[int, ...] = ()
    events_a_second: float = 0.0
    began_at: datetime | None = None
    told_at: datetime | None = None
    handled: int = 0
    total: int = 0
    speed: float = 0.0
    was_compared: bool = False
    compared: int = 0
    different: int = 0
    left_by_erasures: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def in_progress(self) -> bool:
        """Whether there is a build that does not serve yet."""
        return self.build > 0

    @property
    def is_moving(self) -> bool:
        """Whether it goes on without an operator."""
        return self.phase in _MOVING

    @property
    def time_left(self) -> timedelta | None:
        """The estimate of the time until the new build has handled all events, if there is one."""
        if self.phase is not Phase.BUILDING or not self.speed:
            return None
        return timedelta(seconds=max(0, self.total - self.handled) / self.speed)

    @property
    def is_alike(self) -> bool:
        """Whether the last comparison found no difference."""
        return self.was_compared and not self.different


_MOVING = {Phase.BUILDING, Phase.COMPARING, Phase.SWAPPING, Phase.ROLLING_BACK}
NO_REBUILD = RebuildState()
