"""Find erasures in the log. Check it before destroying a key: messages on the bus may be forged."""

from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from domain.catalog import ERASURE


def is_erased_in_log(history: History, person_id: str) -> bool:
    """Return whether the person's stream holds their erasure."""
    stream = history.stream(ERASURE.log, ERASURE.stream(person_id))
    return any(event.type == ERASURE.name for event in stream)


def leaves_aliases(history: History, codec: EventCodec, person_id: str) -> bool:
    """Return whether the person's aliases are erased later, each at a time of its own."""
    stream = history.stream(ERASURE.log, ERASURE.stream(person_id))
    erased = [codec.decode(event) for event in stream if event.type == ERASURE.name]
    return any(getattr(event, ERASURE.later) for event in erased)


def erased_person(event: RecordedEvent, codec: EventCodec) -> str:
    """Return the id of the person that the event erases; empty for any other event."""
    if event.type != ERASURE.name:
        return ""
    return str(getattr(codec.decode(event), ERASURE.field))
