"""Destroy the alias keys of erased members, once nobody needs them any more."""

from collections.abc import Iterable

from application.engine.erasures import erased_person
from application.ports.aliases import Aliases
from application.ports.checkpoints import Checkpoints
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from domain.catalog import ERASURE

COMMITS_A_READ = 100


class DestroyAliases:
    """Follows the erasures in the members' log, as far as all policies that erase have come.

    An event that one of them has parked holds it up: the aliases are needed when it is retried.
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

    def __call__(self) -> None:
        """Destroy the alias keys of those whose contributions are erased. It may be repeated."""
        checkpoint, end = self._checkpoints.load(self.name), self._erased_up_to()
        after = checkpoint.at(ERASURE.log)
        while after < end and (events := self._history.read(ERASURE.log, after, COMMITS_A_READ)):
            for event in events:
                if event.position <= end:
                    self._destroy(event)
            after = min(events[-1].position, end)
        if after > checkpoint.at(ERASURE.log):
            self._checkpoints.save(self.name, checkpoint.moved(ERASURE.log, after))

    def _destroy(self, event: RecordedEvent) -> None:
        if member_id := erased_person(event, self._codec):
            self._aliases.destroy(member_id)

    def _erased_up_to(self) -> int:
        """Return the position up to which every policy has erased what it erases."""
        found = [self._checkpoints.load(name) for name in self._erasing]
        if any(each.parked for each in found):
            return 0
        return min(each.at(ERASURE.log) for each in found)
