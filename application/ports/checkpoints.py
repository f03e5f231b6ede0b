"""How far a subscriber has come, kept so that two of them can never both move on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol


class Fenced(Exception):
    """Somebody else moved the checkpoint: load it again before going on. Nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The last position handled in each log, and the ids of events that were parked on the way.

    ``revision`` counts the saves: it is what fences.
    """

    revision: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    parked: frozenset[str] = frozenset()

    def at(self, log: str) -> int:
        return self.positions.get(log, 0)

    def moved(self, log: str, position: int) -> "Checkpoint":
        """Return the next checkpoint, with the position in one log moved."""
        return self.next(positions={**self.positions, log: position})

    def past(self, log: str, position: int) -> "Checkpoint":
        """Return the same checkpoint behind events that changed nothing: saved with the next, or never."""
        return replace(self, positions={**self.positions, log: position})

    def next(
        self,
        *,
        positions: Mapping[str, int] | None = None,
        parked: frozenset[str] | None = None,
    ) -> "Checkpoint":
        """Return the checkpoint that may be saved in this one's place."""
        return replace(
            self,
            revision=self.revision + 1,
            positions=self.positions if positions is None else positions,
            parked=self.parked if parked is None else parked,
        )


START = Checkpoint()


class Checkpoints(Protocol):
    """The checkpoints of relays and policies. (Read models keep theirs beside their rows.)"""

    def load(self, name: str) -> Checkpoint:
        """Return the checkpoint of that name, or START."""
        ...

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Durably replace the checkpoint whose revision is one less; Fenced where it is not."""
        ...

    def list(self) -> dict[str, Checkpoint]:
        """Return all checkpoints, by name."""
        ...

    def delete(self, name: str) -> None: ...
