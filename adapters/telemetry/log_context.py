"""Add the correlation id to every line that is logged while a request or event is handled."""

from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars

from application.ports.codec import RecordedEvent
from application.ports.telemetry import NoTelemetry


class LogContext(NoTelemetry):
    """Binds the correlation id to the lines of the current thread."""

    def answering(self, correlation_id: str) -> AbstractContextManager[object]:
        return bound_contextvars(correlation_id=correlation_id)

    def reacting(self, policy: str, event: RecordedEvent) -> AbstractContextManager[object]:  # noqa: ARG002 - the line names it
        return bound_contextvars(correlation_id=event.correlation_id)
