"""Events as bytes: how they are stored, and how they travel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.event_store import StoredCommit
from application.ports.unavailable import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is known of a commit besides its events. Nothing in it may identify a person."""

    stream: str
    first: int
    stamp: int
    command_id: str
    fingerprint: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""


# Not frozen, nor is StoredCommit: that would cost more than decoding what they hold.
@dataclass(slots=True, kw_only=True)
class RecordedEvent:
    """One event of a log, its data still the JSON bytes that were made when it was appended.

    ``position`` is 0 for an event that was read before it was numbered. ``id`` is unique in the
    whole system; ``type`` is the stored name, ``schema`` the version it was written in.
    """

    log: str
    position: int
    stream: str
    version: int
    stamp: int
    type: str
    schema: int
    data: bytes
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""

    @property
    def id(self) -> str:
        return f"{self.log}/{self.stream}@{self.version}"


class NewerProgram(Unavailable):
    """A newer program wrote the event: this one does not know its name, its version or a field."""

    def __init__(self, event: RecordedEvent) -> None:
        what = f"{event.type} v{event.schema} at {event.id}"
        super().__init__(f"a newer program, which wrote {what}, is needed to go on")
        self.event = event


class EventCodec(Protocol):
    """Between typed events and bytes. Personal fields are encrypted on the way in."""

    def encode(self, events: Sequence[object], meta: Meta) -> bytes:
        """Return the body of a commit. Raises SubjectErased where a subject's key is destroyed."""
        ...

    def meta(self, commit: StoredCommit) -> Meta:
        """What was known of the commit besides its events."""
        ...

    def events(self, log: str, commit: StoredCommit) -> list[RecordedEvent]:
        """Return the events of a commit, their data not decoded."""
        ...

    def knows(self, name: str) -> bool:
        """Return whether this program has an event of that stored name."""
        ...

    def decode(self, event: RecordedEvent) -> object:
        """Return the typed event. Personal fields of an erased person are empty; their id is not.

        Raises NewerProgram where the event is more than this program can read.
        """
        ...

    def decode_unless_erased(self, event: RecordedEvent) -> object | None:
        """As ``decode``, but None where the person that the event is about was erased."""
        ...

    def forget(self, subject: str) -> None:
        """Destroy a subject's key, so that from now on nothing of theirs is read here either."""
        ...

    def subject(self, event: RecordedEvent) -> str:
        """Whose key seals the event's personal fields, even once it was destroyed; empty where
        there are none."""
        ...


class SubjectErased(Exception):
    """The key of the person that an event is about has been destroyed."""


class Wire(Protocol):
    """Between recorded events and what travels: CloudEvents 1.0, structured JSON, in batches."""

    def pack(self, events: Sequence[RecordedEvent]) -> bytes:
        """Return a CloudEvents JSON batch."""
        ...

    def unpack(self, body: bytes) -> list[RecordedEvent]:
        """Return the events of a batch; MalformedMessage where it is none."""
        ...


class MalformedMessage(Exception):
    """These bytes are no CloudEvents batch of ours."""
