"""What a member contributed to a log, found by reading all of it: nothing else tells (ADR 17)."""

from collections.abc import Iterator

from application.ports.codec import EventCodec
from application.ports.history import History

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
