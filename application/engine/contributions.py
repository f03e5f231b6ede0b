"""Find a member's contributions to a log by reading all of it: no index holds them (ADR 17)."""

import logging
from collections.abc import Iterator
from random import SystemRandom

from application.engine.erasures import is_erased_in_log
from application.ports.aliases import Aliases
from application.ports.codec import EventCodec
from application.ports.history import History

logger = logging.getLogger(__name__)

COMMITS_A_READ = 1000


Contribution = tuple[str, str]
"""The name of a stream, and the id or alias under which the member contributed to it."""


class Contributions:
    """Finds the streams that erased members contributed to."""

    def __init__(self, history: History, codec: EventCodec, aliases: Aliases) -> None:
        self._history = history
        self._codec = codec
        self._aliases = aliases

    def of_erased(self, member_id: str, log: str) -> list[Contribution]:
        """Return the member's streams; none while the members' log does not hold their erasure.

        The keys of the member and of each alias are destroyed first, so that nothing of theirs is
        appended meanwhile. The order is random, so that the order of the erasing commits does not
        tell that of the events.
        """
        if not is_erased_in_log(self._history, member_id):
            logger.error("did not erase the contributions of a member who is not erased in the log")
            return []
        self._codec.forget(member_id)
        found = list(dict.fromkeys(self._of(member_id, log)))
        for subject in {subject for _, subject in found}:
            self._codec.forget(subject)
        SystemRandom().shuffle(found)
        return found

    def _of(self, member_id: str, log: str) -> Iterator[Contribution]:
        """Yield each stream with an event about the member or an alias, in the order of the log."""
        position = 0
        while events := self._history.read(log, position, COMMITS_A_READ):
            for event in events:
                subject = self._codec.subject(event)
                if self._aliases.is_own(member_id, subject):
                    yield event.stream, subject
            position = events[-1].position
