"""Read a document as it was, its history and its proof from its stream in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.engine.declared_events import is_decoded, stored_names
from application.engine.past import redacted
from application.engine.query_service import QueryService, Viewer, value_of
from application.engine.rows import NoRows, UnitOfWork
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.event_store import EventStore, StoredCommit
from domain.times import told


class PastHidden(Exception):
    """The document, or a part of it, was hidden once. Only moderators may see its past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One event of a document: its name, the role of the actor, the time and the version.

    The time is None if the event does not tell it.
    """

    what: str
    role: str
    at: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofStep:
    """A commit with its hash in hex: ``hash = sha256(hash of the step before + body)``.

    The hash before the first step is the SHA-256 of the stream's name, such as ``case-<case_id>``.
    Personal fields in ``body`` are encrypted.
    """

    version: int
    body: str
    hash: str


class TimeTravel:
    """Reads single streams from the event stores, which are given by log."""

    def __init__(self, stores: Mapping[str, EventStore], codec: EventCodec) -> None:
        self._stores = stores
        self._codec = codec

    def as_of(self, service: QueryService[Any], now: Any, at: datetime, viewer: Viewer) -> Any:
        """Return what the viewer may see of a document as it was at that time, or None.

        ``now`` is the document as it is: what has become private since is not shown. Raises
        PastHidden.
        """
        key = getattr(now, service.key)
        # What is visible now may differ from the text that was hidden then.
        if not viewer.moderates and self._was_hidden(service, key):
            raise PastHidden(key)
        folded = self._folded(service, key, at)
        then = folded and redacted(folded, now)
        if then is None or not service.may_see(then, viewer):
            return None
        return service.as_seen_by(then, viewer)

    def history(self, service: QueryService[Any], key: str) -> list[Change]:
        """Return the document's events, oldest first."""
        return [self._change(event) for event in self._events(service, key)]

    def proof(self, service: QueryService[Any], key: str) -> list[ProofStep]:
        """Return the document's hash chain, oldest first."""
        return [
            ProofStep(version=commit.last, body=commit.body.decode(), hash=commit.hash.hex())
            for commit in self._commits(service, key)
        ]

    def _was_hidden(self, service: QueryService[Any], key: str) -> bool:
        """Return whether the document, or a part of it, was ever hidden.

        Only an event that hides is decoded, or one of an unknown name, which raises NewerProgram.
        """
        hiding = stored_names(service.hiding)
        return any(
            self._codec.decode(event)
            for event in self._events(service, key)
            if is_decoded(event.type, hiding, self._codec)
        )

    def _folded(self, service: QueryService[Any], key: str, until: datetime) -> Any:
        """Return the document as its own stream made it by that time, or None.

        The times are those in the events: the exact ones could be found by asking again and again.
        """
        rows: UnitOfWork[Any] = UnitOfWork(NoRows(), value_of)
        for event in self._events(service, key):
            if is_decoded(event.type, service.handles, self._codec):
                decoded: Any = self._codec.decode_unless_erased(event)
                if decoded is not None and decoded.at <= until:
                    rows.version = event.version
                    service.project(decoded, rows)
        return rows.get(key)

    def _change(self, event: RecordedEvent) -> Change:
        decoded: Any = self._codec.decode(event)
        return Change(
            what=event.type.partition(".")[2],
            role=getattr(decoded, "role", "system"),
            at=told(decoded.at),
            version=event.version,
        )

    def _events(self, service: QueryService[Any], key: str) -> list[RecordedEvent]:
        log, _ = _source(service)
        commits = self._commits(service, key)
        return [event for commit in commits for event in self._codec.events(log, commit)]

    def _commits(self, service: QueryService[Any], key: str) -> list[StoredCommit]:
        log, category = _source(service)
        return self._stores[log].load(f"{category}-{key}")


def _source(service: QueryService[Any]) -> tuple[str, str]:
    if service.streams is None:
        raise ValueError(f"{service.name} is not made from one stream")
    return service.streams
