"""Encode events as CloudEvents 1.0 in the JSON batch format.

``data`` is the stored bytes. Log, stream and position are ``source``, ``subject`` and the extension
``sequence``.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from application.ports.codec import MalformedMessage, RecordedEvent

_SOURCE = "/klarity/"
_TYPE = "org.klarity."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _CloudEvent(msgspec.Struct, omit_defaults=True):
    id: str
    source: str
    type: str
    subject: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    sequence: str
    streamversion: int
    data: msgspec.Raw
    specversion: str = msgspec.field(default_factory=lambda: "1.0")
    datacontenttype: str = msgspec.field(default_factory=lambda: "application/json")
    correlationid: str = ""
    causationid: str = ""
    traceparent: str = ""


_batches = msgspec.json.Decoder(list[_CloudEvent])


class CloudEventsWire:
    """A Wire that uses CloudEvents batches."""

    def pack(self, events: Sequence[RecordedEvent]) -> bytes:
        return msgspec.json.encode([_to_cloud(event) for event in events])

    def unpack(self, body: bytes) -> list[RecordedEvent]:
        try:
            return [_from_cloud(event) for event in _batches.decode(body)]
        except (msgspec.MsgspecError, ValueError) as error:
            raise MalformedMessage(str(error)) from error


def _to_cloud(event: RecordedEvent) -> _CloudEvent:
    return _CloudEvent(
        id=event.id,
        source=_SOURCE + event.log,
        type=f"{_TYPE}{event.type}.v{event.schema}",
        subject=event.stream,
        time=_EPOCH + event.stamp * _MICROSECOND,
        sequence=str(event.position),
        streamversion=event.version,
        data=msgspec.Raw(event.data),
        correlationid=event.correlation_id,
        causationid=event.causation_id,
        traceparent=event.traceparent,
    )


def _from_cloud(event: _CloudEvent) -> RecordedEvent:
    name, _, schema = _after(_TYPE, event.type).rpartition(".v")
    return RecordedEvent(
        log=_after(_SOURCE, event.source),
        position=int(event.sequence),
        stream=event.subject,
        version=event.streamversion,
        stamp=(event.time - _EPOCH) // _MICROSECOND,
        type=name,
        schema=int(schema),
        data=bytes(event.data),
        correlation_id=event.correlationid,
        causation_id=event.causationid,
        traceparent=event.traceparent,
    )


def _after(prefix: str, text: str) -> str:
    if not text.startswith(prefix):
        raise ValueError(f"expected {prefix} and a name")
    return text.removeprefix(prefix)
