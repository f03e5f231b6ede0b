"""Destroy the alias keys of erased members, once nobody needs them any more."""

from collections import deque
from collections.abc import Iterable

from application.engine.erasures import erased_person
from application.engine.whole_log import events_of
from application.ports.aliases import Aliases
from application.ports.checkpoints import Checkpoints
from application.ports.codec import EventCodec
from application.ports.history import History
from domain.catalog import ERASURE


class DestroyAliases:
    """Follows the erasures in the members' log, as far as all policies that erase have come.

    An event that one of them has parked holds it up: the aliases are needed when it is retried.
    The checkpoint is that of the last member whose alias key was destroyed.
    """

    name = "destroy-aliases"

    def __init__(
        self,
        history: History,
        codec: EventCodec,
        aliases: Aliases,
        checkpoints: Checkpoints,
        erasing: Iterable[str],
    ) -> None:
        self._history = history
        self._codec = codec
        self._aliases = aliases
        self._checkpoints = checkpoints
        self._erasing = tuple(erasing)
        self._read_up_to = -1
        self._waiting: deque[tuple[int, str]] = deque()

    def step(self) -> bool:
        """Destroy the alias keys of those whose contributions are erased. It may be repeated."""
        self._find_erased()
        end = self._erased_up_to() if self._waiting else 0
        while self._waiting and self._waiting[0][0] <= end:
            position, member_id = self._waiting[0]
            self._aliases.destroy(member_id)
            self._save(position)
            self._waiting.popleft()
        return False

    def lag(self) -> int:
        """Return how many alias keys are still needed by the policies."""
        return len(self._waiting)

    def _save(self, position: int) -> None:
        """Save the position, unless another process has led meanwhile and come further."""
        checkpoint = self._checkpoints.load(self.name)
        if checkpoint.at(ERASURE.log) < position:
            self._checkpoints.save(self.name, checkpoint.moved(ERASURE.log, position))

    def _find_erased(self) -> None:
        if self._read_up_to < 0:
            self._read_up_to = self._checkpoints.load(self.name).at(ERASURE.log)
        for event in events_of(self._history, ERASURE.log, self._read_up_to):
            if member_id := erased_person(event, self._codec):
                self._waiting.append((event.position, member_id))
            self._read_up_to = event.position

    def _erased_up_to(self) -> int:
        """Return the position up to which every policy has erased what it erases."""
        found = [self._checkpoints.load(name) for name in self._erasing]
        if any(each.parked for each in found):
            return 0
        return min(each.at(ERASURE.log) for each in found)
