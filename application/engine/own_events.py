"""Find the events about a member by reading a whole log: no index holds them (ADR 17)."""

from collections.abc import Callable, Iterator
from itertools import groupby

from application.ports.aliases import Aliases
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History

COMMITS_A_READ = 1000


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
        for _, commit in groupby(self._all(log), lambda event: (event.stream, event.stamp)):
            events = [(event, self._codec.subject(event)) for event in commit]
            own = any(self._aliases.is_own(member_id, subject) for _, subject in events)
            for event, subject in events:
                if (own or is_about(event)) and not self._is_anothers(member_id, event, subject):
                    yield event

    def _all(self, log: str) -> Iterator[RecordedEvent]:
        position = 0
        while events := self._history.read(log, position, COMMITS_A_READ):
            yield from events
            position = events[-1].position

    def _is_anothers(self, member_id: str, event: RecordedEvent, subject: str) -> bool:
        """Return whether the event is sealed for another person: it does not name them openly."""
        sealed = bool(subject) and subject.encode() not in event.data
        return sealed and not self._aliases.is_own(member_id, subject)
