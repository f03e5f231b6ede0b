"""Tell several kinds of telemetry."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from application.ports.codec import RecordedEvent
from application.ports.event_store import StoredCommit
from application.ports.telemetry import Telemetry


class Together:
    """Passes everything on to each of them, in their order."""

    def __init__(self, *parts: Telemetry) -> None:
        self._parts = parts

    @contextmanager
    def answering(self, correlation_id: str) -> Iterator[None]:
        with ExitStack() as stack:
            for part in self._parts:
                stack.enter_context(part.answering(correlation_id))
            yield

    def answered(self, method: str, route: str, status: int, began: int) -> None:
        for part in self._parts:
            part.answered(method, route, status, began)

    def appended(self, log: str, commit: StoredCommit, began: int) -> None:
        for part in self._parts:
            part.appended(log, commit, began)

    def published(self, log: str, events: Sequence[RecordedEvent], began: int) -> None:
        for part in self._parts:
            part.published(log, events, began)

    @contextmanager
    def reacting(self, policy: str, event: RecordedEvent) -> Iterator[None]:
        with ExitStack() as stack:
            for part in self._parts:
                stack.enter_context(part.reacting(policy, event))
            yield

    def projected(self, service: str, events: Sequence[RecordedEvent], began: int) -> None:
        for part in self._parts:
            part.projected(service, events, began)
