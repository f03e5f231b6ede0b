"""Encode events as bytes: for the store and for the bus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from application.ports.event_store import StoredCommit
from application.ports.unavailable import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """The metadata of a commit, which is as public as its events.

    Nothing in it may identify a person, and it holds no time.
    """

    stream: str
    first: int
    command_id: str
    fingerprint: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""


# Neither this class nor StoredCommit is frozen: that would take longer than decoding the bytes.
@dataclass(slots=True, kw_only=True)
class RecordedEvent:
    """One event of a log. ``data`` is the JSON that was made when it was appended.

    ``position`` is 0 before the event is numbered. ``id`` is unique in all logs. ``type`` is the
    stored name, and ``schema`` the version of the data. ``stamp`` is the exact time: never show it.
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
    """A newer program wrote the event: its name, its version or a field is unknown here."""

    def __init__(self, event: RecordedEvent) -> None:
        what = f"{event.type} v{event.schema} at {event.id}"
        super().__init__(f"only a newer program can read {what}")
        self.event = event


class EventCodec(Protocol):
    """Converts typed events to bytes and back. It encrypts the personal fields."""

    def encode(self, events: Sequence[object], meta: Meta) -> bytes:
        """Return the body of a commit. Raises SubjectErased if a subject's key is destroyed."""
        ...

    def meta(self, commit: StoredCommit) -> Meta:
        """Return the metadata of the commit."""
        ...

    def events(self, log: str, commit: StoredCommit) -> list[RecordedEvent]:
        """Return the events of a commit without decoding their data."""
        ...

    def knows(self, name: str) -> bool:
        """Return whether this program knows an event of that stored name."""
        ...

    def decode(self, event: RecordedEvent) -> object:
        """Return the typed event. Personal fields of an erased person are empty; their id is not.

        Raises NewerProgram if this program cannot read the event.
        """
        ...

    def decode_unless_erased(self, event: RecordedEvent) -> object | None:
        """Return the typed event as ``decode`` does, but None if its data subject is erased."""
        ...

    def forget(self, subject: str) -> None:
        """Destroy a subject's key and drop it from memory, so that nothing more is decrypted."""
        ...

    def subject(self, event: RecordedEvent) -> str:
        """Return the subject whose key encrypts the event's personal fields, even once it is
        destroyed; "" without personal fields."""
        ...


class SubjectErased(Exception):
    """The key of the event's data subject is destroyed."""


class Wire(Protocol):
    """Converts recorded events to CloudEvents 1.0 (structured JSON, batches) and back."""

    def pack(self, events: Sequence[RecordedEvent]) -> bytes:
        """Return a CloudEvents JSON batch."""
        ...

    def unpack(self, body: bytes) -> list[RecordedEvent]:
        """Return the events of a batch. Raises MalformedMessage for other bytes."""
        ...


class MalformedMessage(Exception):
    """The bytes are not a CloudEvents batch of Klarity."""
