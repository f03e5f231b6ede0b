"""Commits and events as JSON, made once when they are appended."""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.codec.personal import PersonalCipher, PersonalFields, personal_fields
from adapters.codec.strict import mirror
from application.ports.codec import Meta, NewerProgram, RecordedEvent
from application.ports.event_store import StoredCommit
from domain.catalog import EventCatalog


class _Event(msgspec.Struct, omit_defaults=True):
    type: str
    data: msgspec.Raw
    v: int = 1


class _Commit(msgspec.Struct, omit_defaults=True):
    stream: str
    first: int
    command: str
    events: list[_Event]
    fingerprint: str = ""
    correlation: str = ""
    causation: str = ""
    traceparent: str = ""


_commits = msgspec.json.Decoder(_Commit)
_MISSING = "Object missing required field"


class JsonCodec:
    """An EventCodec for the events of a catalog. A cipher encrypts the personal fields.

    Missing fields get their defaults, and the catalog's upcasters convert older versions. An event
    with anything unknown raises NewerProgram instead of being read in part.
    """

    def __init__(self, catalog: EventCatalog, cipher: PersonalCipher) -> None:
        self._catalog = catalog
        self._cipher = cipher
        self._names = catalog.names
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            name: msgspec.json.Decoder(event_type) for name, event_type in catalog.types.items()
        }
        self._checks: dict[str, msgspec.json.Decoder[Any]] = {
            name: msgspec.json.Decoder(mirror(event_type, msgspec.Raw))
            for name, event_type in catalog.types.items()
        }
        self._mirrors = {
            name: mirror(event_type, Any) for name, event_type in catalog.types.items()
        }
        # msgspec completes a type at its first use, and crashes if two threads do so at once.
        for each in self._mirrors.values():
            msgspec.json.Decoder(each)
        self._personal: dict[str, PersonalFields] = {
            name: found
            for name, event_type in catalog.types.items()
            if (found := personal_fields(event_type))
        }

    def encode(self, events: Sequence[object], meta: Meta) -> bytes:
        encoded = [
            self._encode(event, _place(meta.stream, meta.first + index))
            for index, event in enumerate(events)
        ]
        body = _Commit(
            stream=meta.stream,
            first=meta.first,
            command=meta.command_id,
            events=encoded,
            fingerprint=meta.fingerprint,
            correlation=meta.correlation_id,
            causation=meta.causation_id,
            traceparent=meta.traceparent,
        )
        return msgspec.json.encode(body)

    def meta(self, commit: StoredCommit) -> Meta:
        body = _commits.decode(commit.body)
        return Meta(
            stream=body.stream,
            first=body.first,
            command_id=body.command,
            fingerprint=body.fingerprint,
            correlation_id=body.correlation,
            causation_id=body.causation,
            traceparent=body.traceparent,
        )

    def events(self, log: str, commit: StoredCommit) -> list[RecordedEvent]:
        body = _commits.decode(commit.body)
        before = commit.position - len(body.events) if commit.position else None
        return [
            RecordedEvent(
                log=log,
                position=0 if before is None else before + number,
                stream=body.stream,
                version=body.first + number - 1,
                stamp=commit.stamp,
                type=event.type,
                schema=event.v,
                data=bytes(event.data),
                correlation_id=body.correlation,
                causation_id=body.causation,
                traceparent=body.traceparent,
            )
            for number, event in enumerate(body.events, start=1)
        ]

    def knows(self, name: str) -> bool:
        return name in self._catalog.types

    def decode(self, event: RecordedEvent) -> object:
        return self._decoded(event)[0]

    def decode_unless_erased(self, event: RecordedEvent) -> object | None:
        decoded, present = self._decoded(event)
        return decoded if present else None

    def _decoded(self, event: RecordedEvent) -> tuple[object, bool]:
        """Return the event, and whether its data subject still exists."""
        today = self._catalog.version(event.type)
        if event.type not in self._decoders or event.schema > today:
            raise NewerProgram(event)
        try:
            if event.schema < today or event.type in self._personal:
                return self._rebuilt(event)
            self._checks[event.type].decode(event.data)
            return self._decoders[event.type].decode(event.data), True
        except msgspec.ValidationError as error:
            if str(error).startswith(_MISSING):
                raise  # a field that this program added lacks a default
            raise NewerProgram(event) from error

    def _rebuilt(self, event: RecordedEvent) -> tuple[object, bool]:
        """Return the event from data that must be opened or upcast first."""
        data: dict[str, Any] = msgspec.json.decode(event.data)
        present = True
        if personal := self._personal.get(event.type):
            present = self._cipher.open(data, personal, _place(event.stream, event.version))
        data = self._catalog.upcast(event.type, event.schema, data)
        msgspec.convert(data, self._mirrors[event.type])
        return msgspec.convert(data, self._catalog.types[event.type]), present

    def forget(self, subject: str) -> None:
        self._cipher.forget(subject)

    def subject(self, event: RecordedEvent) -> str:
        if event.type not in self._personal:
            return ""
        data: dict[str, Any] = msgspec.json.decode(event.data)
        return self._cipher.subject(data, _place(event.stream, event.version))

    def _encode(self, event: object, place: str) -> _Event:
        name = self._names[type(event)]
        personal = self._personal.get(name)
        if personal is None:
            data = msgspec.json.encode(event)
        else:
            fields: dict[str, Any] = msgspec.to_builtins(event)
            self._cipher.seal(fields, personal, place)
            data = msgspec.json.encode(fields)
        return _Event(type=name, data=msgspec.Raw(data), v=self._catalog.version(name))


def _place(stream: str, version: int) -> str:
    return f"{stream}@{version}"
