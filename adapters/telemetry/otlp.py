"""Trace requests and events with OpenTelemetry, and send the spans over OTLP/HTTP.

Nothing is stored for it. The ids of a trace and of its spans are keyed digests of the correlation
id and of the ids of events, so every process of the instance derives the same ids, and nobody
without its secret can look for the trace of a case (ADR 68).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from threading import local
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from application.ports.codec import EventCodec, RecordedEvent
from application.ports.event_store import StoredCommit
from application.ports.telemetry import OF_MEMBERS

_TRACE_BYTES, _SPAN_BYTES = 16, 8
_FAILED = 500
SECONDS_A_DAY = 24 * 60 * 60
_current: ContextVar[Span | None] = ContextVar("span", default=None)


class OtlpTelemetry:
    """Makes one span for each step of a request or an event that has a correlation id.

    ``ratio`` is the part of the traces that is sent. It depends on the id of a trace alone, so a
    trace is whole or missing.
    """

    def __init__(self, exporter: SpanExporter, codec: EventCodec, key: bytes, ratio: float) -> None:
        self._codec = codec
        self._key = key
        self._ids = DerivedIds()
        self._sampler = TraceIdRatioBased(ratio)
        identity = {"service.name": "klarity", "service.instance.id": uuid4().hex}
        self._provider = TracerProvider(
            sampler=self._sampler,
            resource=Resource.create(identity),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("klarity")

    @contextmanager
    def answering(self, correlation_id: str) -> Iterator[None]:
        """Make the root span of a request. A traceparent of the client is not read."""
        with _ended(self._start("request", correlation_id, SpanKind.SERVER)):
            yield

    def answered(self, method: str, route: str, status: int, began: int) -> None:  # noqa: ARG002 - the span began
        """Name the span of the request by its route."""
        if route == OF_MEMBERS:
            _hide_current()
        elif (span := _current.get()) is not None:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            if status >= _FAILED:
                span.set_status(StatusCode.ERROR)

    def appended(self, log: str, commit: StoredCommit, began: int) -> None:
        """Make a span of each event, to which the spans of other processes are added."""
        if _is_whole_day(commit.stamp):
            _hide_current()
            return
        for event in self._codec.events(log, commit):
            parent = self._current_in(event.correlation_id)
            own = self._span_id_of(event)
            self._record(f"append {log}", event, SpanKind.INTERNAL, parent, began, span_id=own)

    def published(self, log: str, events: Sequence[RecordedEvent], began: int) -> None:
        self._record_each(f"publish {log}", events, SpanKind.PRODUCER, began)

    @contextmanager
    def reacting(self, policy: str, event: RecordedEvent) -> Iterator[None]:
        span = None
        if parent := self._span_of(event):
            span = self._start(f"react {policy}", event.correlation_id, SpanKind.CONSUMER, parent)
        with _ended(_of_type(span, event)):
            yield

    def projected(self, service: str, events: Sequence[RecordedEvent], began: int) -> None:
        self._record_each(f"project {service}", events, SpanKind.CONSUMER, began)

    def traceparent(self, event: RecordedEvent) -> str:
        """Return the W3C traceparent of the event; "" if it is not traced."""
        found = self._span_of(event)
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-01" if found else ""

    def close(self) -> None:
        """Send the spans that are left."""
        self._provider.shutdown()

    def _record_each(
        self, name: str, events: Sequence[RecordedEvent], kind: SpanKind, began: int
    ) -> None:
        for event in events:
            if parent := self._span_of(event):
                self._record(name, event, kind, parent, began)

    def _record(
        self,
        name: str,
        event: RecordedEvent,
        kind: SpanKind,
        parent: SpanContext | None,
        began: int,
        *,
        span_id: int | None = None,
    ) -> None:
        """Make a span of a step that is over. Its id is random unless it is given."""
        span = self._start(name, event.correlation_id, kind, parent, began=began, span_id=span_id)
        if (started := _of_type(span, event)) is not None:
            started.end()

    def _start(
        self,
        name: str,
        correlation_id: str,
        kind: SpanKind,
        parent: SpanContext | None = None,
        *,
        began: int | None = None,
        span_id: int | None = None,
    ) -> Span | None:
        """Start a span; None if the trace is not sent."""
        trace_id = self._trace_of(correlation_id)
        if not trace_id:
            return None
        self._ids.choose(trace_id, span_id)
        context = set_span_in_context(NonRecordingSpan(parent or NO_PARENT))
        return self._tracer.start_span(name, context, kind, start_time=began)

    def _trace_of(self, correlation_id: str) -> int:
        """Return the id of the trace; 0 if there is none, or it is not to be sent."""
        if not correlation_id:
            return 0
        trace_id = self._digest(f"trace {correlation_id}", _TRACE_BYTES)
        decision = self._sampler.should_sample(None, trace_id, "").decision
        return trace_id if decision is Decision.RECORD_AND_SAMPLE else 0

    def _span_of(self, event: RecordedEvent) -> SpanContext | None:
        """Return the span that ``appended`` made of the event, perhaps in another process."""
        trace_id = self._trace_of(event.correlation_id)
        if not trace_id or _is_whole_day(event.stamp):
            return None
        span_id = self._span_id_of(event)
        return SpanContext(trace_id, span_id, is_remote=True, trace_flags=SAMPLED)

    def _span_id_of(self, event: RecordedEvent) -> int:
        return self._digest(f"span {event.id}", _SPAN_BYTES)

    def _current_in(self, correlation_id: str) -> SpanContext | None:
        """Return the span of this thread, unless it belongs to another trace."""
        span = _current.get()
        found = span.get_span_context() if span is not None else None
        return found if found and found.trace_id == self._trace_of(correlation_id) else None

    def _digest(self, text: str, size: int) -> int:
        digest = blake2b(text.encode(), key=self._key, digest_size=size, person=b"klarity trace")
        return int.from_bytes(digest.digest())


class DerivedIds(RandomIdGenerator):
    """Gives the next span of this thread the ids that were chosen for it."""

    def __init__(self) -> None:
        self._chosen = local()

    def choose(self, trace_id: int, span_id: int | None) -> None:
        """Choose the ids. Without one, the id of the span is random."""
        self._chosen.trace_id, self._chosen.span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        found: int = self._chosen.trace_id
        return found

    def generate_span_id(self) -> int:
        return self._chosen.span_id or super().generate_span_id()


SAMPLED = TraceFlags(TraceFlags.SAMPLED)
NO_PARENT = SpanContext(0, 0, is_remote=False)


def to_collector(url: str) -> SpanExporter:
    """Return the exporter to an OTLP/HTTP address. OTEL_EXPORTER_OTLP_* say how to send."""
    return OTLPSpanExporter(endpoint=url)


@contextmanager
def _ended(span: Span | None) -> Iterator[None]:
    """Make the span current, and end it unless it is hidden meanwhile.

    Of an error, it names the class only: messages can quote texts.
    """
    token = _current.set(span)
    try:
        yield
    except BaseException as error:
        if span is not None:
            span.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        if (shown := _current.get()) is not None:
            shown.end()
        _current.reset(token)


def _hide_current() -> None:
    """Keep the span of this thread from being sent. A span that does not end is not sent."""
    _current.set(None)


def _is_whole_day(stamp: int) -> bool:
    """Return whether the stamp is rounded, because its commit names a member (ADR 47)."""
    return stamp // 1_000_000 % SECONDS_A_DAY == 0


def _of_type(span: Span | None, event: RecordedEvent) -> Span | None:
    """Set the type of the event. Its id would tell which case it is about."""
    if span is not None:
        span.set_attribute("klarity.event.type", event.type)
    return span
