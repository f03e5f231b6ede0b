"""Find the events about a member by reading a whole log: no index holds them (ADR 17)."""

from collections.abc import Callable, Iterator
from itertools import groupby

from application.engine.whole_log import events_of
from application.ports.aliases import Aliases
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History


class OwnEvents:
    """Finds what the logs hold about a member, and nothing that is sealed for somebody else."""

    def __init__(self, history: History, codec: EventCodec, aliases: Aliases) -> None:
        self._history = history
        self._codec = codec
        self._aliases = aliases

    def of(
        self, member_id: str, log: str, is_about: Callable[[RecordedEvent], bool]
    ) -> Iterator[RecordedEvent]:
        """Yield the events about the member or an alias, in the order of the log.

        A commit with such an event counts as a whole: a fact and its signature are two events.
        ``is_about`` says which other events are about the member, though nobody signed them.
        """
        found = events_of(self._history, log)
        for _, commit in groupby(found, lambda event: (event.stream, event.stamp)):
            events = [(event, self._codec.subject(event)) for event in commit]
            own = any(self._aliases.is_own(member_id, subject) for _, subject in events)
            for event, subject in events:
                if (own or is_about(event)) and not self._is_anothers(member_id, event, subject):
                    yield event

    def _is_anothers(self, member_id: str, event: RecordedEvent, subject: str) -> bool:
        """Return whether the event is sealed for another person: it does not name them openly."""
        sealed = bool(subject) and subject.encode() not in event.data
        return sealed and not self._aliases.is_own(member_id, subject)
