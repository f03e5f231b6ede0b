"""Find a member's contributions to a log by reading all of it: no index holds them (ADR 17)."""

import logging
from collections.abc import Iterator
from random import SystemRandom

from application.engine.erasures import is_erased_in_log
from application.ports.codec import EventCodec
from application.ports.history import History

logger = logging.getLogger(__name__)

COMMITS_A_READ = 1000


def streams_of(history: History, codec: EventCodec, log: str, member_id: str) -> Iterator[str]:
    """Yield the name of each stream with an event about the member, in the order of the log."""
    found: set[str] = set()
    position = 0
    while events := history.read(log, position, COMMITS_A_READ):
        for event in events:
            if event.stream not in found and codec.subject(event) == member_id:
                found.add(event.stream)
                yield event.stream
        position = events[-1].position


class Contributions:
    """Finds the streams that erased members contributed to."""

    def __init__(self, history: History, codec: EventCodec) -> None:
        self._history = history
        self._codec = codec

    def of_erased(self, member_id: str, log: str) -> list[str]:
        """Return the member's streams; none while the members' log does not hold their erasure.

        The member's key is destroyed first, so that nothing of theirs is appended meanwhile. The
        order is random, so that the order of the erasing commits does not tell that of the events.
        """
        if not is_erased_in_log(self._history, member_id):
            logger.error("did not erase the contributions of a member who is not erased in the log")
            return []
        self._codec.forget(member_id)
        streams = list(streams_of(self._history, self._codec, log, member_id))
        SystemRandom().shuffle(streams)
        return streams
