"""Measure what a process does. Nothing that is measured may tell who did it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from application.ports.codec import RecordedEvent
from application.ports.event_store import StoredCommit

OF_MEMBERS = "members"
"""The route of all requests by which members act for themselves. They are not traced."""
ANY_METHOD = "any"


class Telemetry(Protocol):
    """Takes note of requests, commits, publications and handled events.

    ``began`` is the result of ``time.time_ns`` before the step.
    """

    def answering(self, correlation_id: str) -> AbstractContextManager[object]:
        """Return a context for the time in which a request is answered."""
        ...

    def answered(self, method: str, route: str, status: int, began: int) -> None:
        """Note the reply, within the context of ``answering``. ``route`` is a template."""
        ...

    def appended(self, log: str, commit: StoredCommit, began: int) -> None:
        """Note that a commit is durable."""
        ...

    def published(self, log: str, events: Sequence[RecordedEvent], began: int) -> None:
        """Note that the broker has confirmed the events."""
        ...

    def reacting(self, policy: str, event: RecordedEvent) -> AbstractContextManager[object]:
        """Return a context for the time in which a policy reacts to the event."""
        ...

    def projected(self, service: str, events: Sequence[RecordedEvent], began: int) -> None:
        """Note that the events are in the read model of the query service."""
        ...


class NoTelemetry:
    """Measures nothing."""

    def answering(self, correlation_id: str) -> AbstractContextManager[object]:  # noqa: ARG002 - nothing is measured
        return nullcontext()

    def answered(self, method: str, route: str, status: int, began: int) -> None: ...

    def appended(self, log: str, commit: StoredCommit, began: int) -> None: ...

    def published(self, log: str, events: Sequence[RecordedEvent], began: int) -> None: ...

    def reacting(self, policy: str, event: RecordedEvent) -> AbstractContextManager[object]:  # noqa: ARG002 - nothing is measured
        return nullcontext()

    def projected(self, service: str, events: Sequence[RecordedEvent], began: int) -> None: ...


NO_TELEMETRY = NoTelemetry()
