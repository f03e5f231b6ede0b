"""Find a member's contributions to a log by reading all of it: no index holds them (ADR 17)."""

import logging
from collections.abc import Callable, Iterator
from random import SystemRandom

from application.engine.erasures import is_erased_in_log, leaves_aliases
from application.engine.whole_log import events_of
from application.ports.aliases import Aliases
from application.ports.codec import EventCodec
from application.ports.history import History

logger = logging.getLogger(__name__)

Contribution = tuple[str, str]
"""The name of a stream, and the id or alias under which the member contributed to it."""


class Contributions:
    """Finds the streams that erased members contributed to."""

    def __init__(
        self,
        history: History,
        codec: EventCodec,
        aliases: Aliases,
        erase_later: Callable[[str], None],
    ) -> None:
        """``erase_later`` lets an alias wait for its turn. It may be called again."""
        self._history = history
        self._codec = codec
        self._aliases = aliases
        self._erase_later = erase_later

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
        found = self._at_once(member_id, list(dict.fromkeys(self._of(member_id, log))))
        for subject in {subject for _, subject in found}:
            self._codec.forget(subject)
        SystemRandom().shuffle(found)
        return found

    def _at_once(self, member_id: str, found: list[Contribution]) -> list[Contribution]:
        """Return what is erased now. If the member chose so, their aliases wait instead."""
        if not leaves_aliases(self._history, self._codec, member_id):
            return found
        for alias in {subject for _, subject in found} - {member_id}:
            self._erase_later(alias)
        return [(stream, subject) for stream, subject in found if subject == member_id]

    def _of(self, member_id: str, log: str) -> Iterator[Contribution]:
        """Yield each stream with an event about the member or an alias, in the order of the log."""
        for event in events_of(self._history, log):
            subject = self._codec.subject(event)
            if self._aliases.is_own(member_id, subject):
                yield event.stream, subject
