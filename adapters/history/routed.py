"""Read the history of some logs in place and of others over HTTP."""

from collections.abc import Collection

from application.ports.codec import RecordedEvent
from application.ports.history import History


class RoutedHistory:
    """Reads the logs in ``far_logs`` from ``far``, and all others from ``near``."""

    def __init__(self, near: History, far: History, far_logs: Collection[str]) -> None:
        self._near = near
        self._far = far
        self._far_logs = frozenset(far_logs)

    def read(self, log: str, after: int, limit: int) -> list[RecordedEvent]:
        return self._of(log).read(log, after, limit)

    def stream(self, log: str, stream: str) -> list[RecordedEvent]:
        return self._of(log).stream(log, stream)

    def position_of(self, log: str, stream: str, version: int) -> int | None:
        return self._of(log).position_of(log, stream, version)

    def last_position(self, log: str) -> int:
        return self._of(log).last_position(log)

    def _of(self, log: str) -> History:
        return self._far if log in self._far_logs else self._near
