"""Read history from the event store, if it is in this process or its database."""

from collections.abc import Mapping

from application.ports.codec import EventCodec, RecordedEvent
from application.ports.event_store import EventStore, StoreUnavailable
from application.ports.history import HistoryUnavailable


class InPlaceHistory:
    """Reads from the event store of each log."""

    def __init__(self, stores: Mapping[str, EventStore], codec: EventCodec) -> None:
        self._stores = stores
        self._codec = codec

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        try:
            commits = self._stores[log].read_log(after, limit)
        except StoreUnavailable as error:
            raise HistoryUnavailable(log) from error
        return [
            event
            for commit in commits
            for event in self._codec.events(log, commit)
            if event.position > after
        ]

    def stream(self, log: str, stream: str) -> list[RecordedEvent]:
        try:
            commits = self._stores[log].load(stream)
        except StoreUnavailable as error:
            raise HistoryUnavailable(log) from error
        return [event for commit in commits for event in self._codec.events(log, commit)]

    def position_of(self, log: str, stream: str, version: int) -> int | None:
        try:
            return self._stores[log].position_of(stream, version)
        except StoreUnavailable as error:
            raise HistoryUnavailable(log) from error

    def last_position(self, log: str) -> int:
        try:
            return self._stores[log].last_position()
        except StoreUnavailable as error:
            raise HistoryUnavailable(log) from error
