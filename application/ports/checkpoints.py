"""Checkpoints: the positions that a subscriber has handled, fenced against a second consumer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol


class Fenced(Exception):
    """Another consumer moved the checkpoint; nothing was written. Load it again, then continue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The last position handled in each log, and the ids of the events parked before it.

    ``revision`` counts the saves and fences them: a save succeeds only on the revision before.
    """

    revision: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    parked: frozenset[str] = frozenset()

    def at(self, log: str) -> int:
        return self.positions.get(log, 0)

    def moved(self, log: str, position: int) -> "Checkpoint":
        """Return the next checkpoint, with a new position in one log."""
        return self.next(positions={**self.positions, log: position})

    def skipped_to(self, log: str, position: int) -> "Checkpoint":
        """Return the checkpoint with a new position and the same revision.

        It is for events that changed nothing: the position is saved with the next change.
        """
        return replace(self, positions={**self.positions, log: position})

    def next(
        self,
        *,
        positions: Mapping[str, int] | None = None,
        parked: frozenset[str] | None = None,
    ) -> "Checkpoint":
        """Return the checkpoint with the next revision and these changes."""
        return replace(
            self,
            revision=self.revision + 1,
            positions=self.positions if positions is None else positions,
            parked=self.parked if parked is None else parked,
        )


START = Checkpoint()


class Checkpoints(Protocol):
    """The checkpoints of relays and policies. A read model keeps its own beside its rows."""

    def load(self, name: str) -> Checkpoint:
        """Return the checkpoint of that name, or START."""
        ...

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint durably. Raises Fenced unless its revision was one less."""
        ...

    def list(self) -> dict[str, Checkpoint]:
        """Return all checkpoints, by name."""
        ...

    def delete(self, name: str) -> None: ...
