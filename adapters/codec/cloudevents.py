"""Encode events as CloudEvents 1.0 in the JSON batch format.

``data`` is the stored bytes. Log, stream and position are ``source``, ``subject`` and the extension
``sequence``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from application.ports.codec import MalformedMessage, RecordedEvent

_SOURCE = "/klarity/"
_TYPE = "org.klarity."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DIGITS = 20
"""The length of a sequence, which is ordered as text. Every position has fewer digits."""


def _about(text: str, **more: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, extra_json_schema=more)


class _CloudEvent(msgspec.Struct, omit_defaults=True):
    id: Annotated[str, _about("Unique: the log, the stream and the version of the stream.")]
    source: Annotated[str, _about("The log.", format="uri-reference", pattern="^/klarity/[a-z_]+$")]
    type: str
    subject: Annotated[str, _about("The stream.")]
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    sequence: Annotated[
        str, _about("The position in the log, ordered as text.", pattern=f"^[0-9]{{{_DIGITS}}}$")
    ]
    streamversion: Annotated[int, _about("The position in the stream.", minimum=1)]
    data: msgspec.Raw
    specversion: str = msgspec.field(default_factory=lambda: "1.0")
    datacontenttype: str = msgspec.field(default_factory=lambda: "application/json")
    correlationid: Annotated[str, _about("The id of the request that led to it.")] = ""
    causationid: Annotated[str, _about("The id of the event that a policy reacted to.")] = ""
    traceparent: Annotated[str, _about("W3C Trace Context.")] = ""


_batches = msgspec.json.Decoder(list[_CloudEvent])


class CloudEventsWire:
    """A Wire that uses CloudEvents batches. ``traceparent`` tells where a trace of an event is."""

    def __init__(
        self, traceparent: Callable[[RecordedEvent], str] = attrgetter("traceparent")
    ) -> None:
        self._traceparent = traceparent

    def pack(self, events: Sequence[RecordedEvent]) -> bytes:
        return msgspec.json.encode([_to_cloud(event, self._traceparent(event)) for event in events])

    def unpack(self, body: bytes) -> list[RecordedEvent]:
        try:
            return [_from_cloud(event) for event in _batches.decode(body)]
        except (msgspec.MsgspecError, ValueError) as error:
            raise MalformedMessage(str(error)) from error


def envelope_schema(name: str, version: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the CloudEvent around an event with this schema of its data."""
    schema: dict[str, Any] = msgspec.json.schema(_CloudEvent)["$defs"][_CloudEvent.__name__]
    own = {
        "specversion": {"const": "1.0"},
        "type": {"const": type_of(name, version)},
        "datacontenttype": {"const": "application/json"},
        "data": data,
    }
    properties = {**schema["properties"], **own}
    required = [*schema["required"], "specversion", "datacontenttype"]
    return {"type": "object", "required": required, "properties": properties}


def type_of(name: str, version: int) -> str:
    """Return the type of the CloudEvent for a version of the event with this stored name."""
    return f"{_TYPE}{name}.v{version}"


def _to_cloud(event: RecordedEvent, traceparent: str) -> _CloudEvent:
    return _CloudEvent(
        id=event.id,
        source=_SOURCE + event.log,
        type=type_of(event.type, event.schema),
        subject=event.stream,
        time=_EPOCH + event.stamp * _MICROSECOND,
        sequence=f"{event.position:0{_DIGITS}}",
        streamversion=event.version,
        data=msgspec.Raw(event.data),
        correlationid=event.correlation_id,
        causationid=event.causation_id,
        traceparent=traceparent,
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
