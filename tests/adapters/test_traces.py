"""What is traced, and what is left out because its time or its place could tell who did it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import Mock

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from adapters.codec.cloudevents import CloudEventsWire
from adapters.telemetry.otlp import OtlpTelemetry
from application.ports.codec import RecordedEvent
from application.ports.event_store import StoredCommit
from application.ports.telemetry import ANY_METHOD, OF_MEMBERS

KEY, OTHER_KEY = bytes(32), bytes([1]) * 32
NOON, MIDNIGHT = 1_772_366_400_000_000, 1_772_323_200_000_001
MARK = "Anna Marked lives here"
ROUTE = ("POST", "/v1/cases", 201, 0)


def event(stream: str = "case-1", stamp: int = NOON, correlation: str = "c1") -> RecordedEvent:
    return RecordedEvent(
        log="cases",
        position=1,
        stream=stream,
        version=1,
        stamp=stamp,
        type="cases.CaseReported",
        schema=1,
        data=f'"{MARK}"'.encode(),
        correlation_id=correlation,
    )


class Process:
    """A process that traces, and what it has sent."""

    def __init__(self, key: bytes = KEY, ratio: float = 1.0) -> None:
        self._sent = InMemorySpanExporter()
        self.codec = Mock()
        self.telemetry = OtlpTelemetry(self._sent, self.codec, key, ratio)

    def append(self, *events: RecordedEvent) -> None:
        self.codec.events.return_value = list(events)
        commit = StoredCommit(
            stream=events[0].stream,
            first=1,
            size=len(events),
            stamp=events[0].stamp,
            command_id="k",
            body=b"",
            hash=b"",
        )
        self.telemetry.appended("cases", commit, 1)

    def answer(self, correlation: str, *events: RecordedEvent) -> None:
        with self.telemetry.answering(correlation):
            self.append(*events)
            self.telemetry.answered(*ROUTE)

    def spans(self) -> dict[str, ReadableSpan]:
        """All spans by name. Nothing is traced afterwards."""
        return {span.name: span for span in self.all_spans()}

    def all_spans(self) -> Sequence[ReadableSpan]:
        self.telemetry.close()
        return self._sent.get_finished_spans()


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def context_of(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def trace_of(span: ReadableSpan) -> int:
    return context_of(span).trace_id


def test_processes_derive_one_trace_without_telling_each_other() -> None:
    serving, working = Process(), Process()
    serving.answer("c1", event())
    working.telemetry.published("cases", [event()], 1)
    with working.telemetry.reacting("when-this-then-that", event()):
        working.append(event("exhibit-1"))
    working.telemetry.projected("cases", [event()], 1)
    request, appended = serving.spans()["POST /v1/cases"], serving.spans()["append cases"]
    assert request.parent is None
    assert parent_of(appended) == context_of(request).span_id
    found = working.spans()
    for name in ("publish cases", "react when-this-then-that", "project cases"):
        assert parent_of(found[name]) == context_of(appended).span_id
    reaction = context_of(found["react when-this-then-that"])
    assert parent_of(found["append cases"]) == reaction.span_id
    assert {trace_of(span) for span in (request, appended, *found.values())} == {reaction.trace_id}


def test_each_request_has_a_trace_of_its_own() -> None:
    process = Process()
    process.answer("c1", event())
    process.answer("c2", event("case-2", correlation="c2"))
    traces = [trace_of(s) for s in process.all_spans() if s.name == "POST /v1/cases"]
    assert len(set(traces)) == 2


def test_nobody_without_the_key_finds_the_trace_of_a_correlation_id() -> None:
    one, other = Process(KEY), Process(OTHER_KEY)
    for process in (one, other):
        process.answer("0f5c2b7a1d3e4f600f5c2b7a1d3e4f60", event(correlation="0f5c2b7a1d3e4f60"))
    mine, theirs = trace_of(one.all_spans()[0]), trace_of(other.all_spans()[0])
    assert mine != theirs
    assert f"{mine:032x}" != "0f5c2b7a1d3e4f600f5c2b7a1d3e4f60"


def test_a_commit_without_a_correlation_id_joins_no_trace() -> None:
    """The use cases that forget a member leave it out: it would join them with their aliases."""
    process = Process()
    with process.telemetry.reacting("when-member-is-erased-then-forget-them", event()):
        process.append(event("case-of-their-alias", correlation=""))
    assert list(process.spans()) == ["react when-member-is-erased-then-forget-them"]


def test_a_commit_of_another_request_is_no_child_of_this_one() -> None:
    process = Process()
    process.answer("c1", event(correlation="c0"))
    assert process.spans()["append cases"].parent is None


def test_a_commit_that_names_a_member_is_not_traced_and_neither_is_its_request() -> None:
    """Its stamp is a whole day, because its time could tell who it was; a span has the time."""
    process, named = Process(), event("member-1", stamp=MIDNIGHT)
    process.answer("c1", named)
    process.telemetry.published("members", [named], 1)
    process.telemetry.projected("members", [named], 1)
    with process.telemetry.reacting("when-member-is-erased-then-forget-them", named):
        pass
    assert process.all_spans() == ()
    assert process.telemetry.traceparent(named) == ""


def test_what_members_do_for_themselves_is_not_traced() -> None:
    process = Process()
    with process.telemetry.answering("c1"):
        process.telemetry.answered(ANY_METHOD, OF_MEMBERS, 200, 0)
    assert process.all_spans() == ()


def test_a_span_names_the_class_of_an_error_and_no_more() -> None:
    process = Process()
    with (
        suppress(ValueError),
        process.telemetry.reacting("when-this-then-that", event()),
    ):
        raise ValueError(MARK)
    (span,) = process.all_spans()
    assert span.status.description == "ValueError"
    assert not span.events
    assert MARK not in span.to_json()


def test_a_reply_of_500_is_an_error() -> None:
    process = Process()
    with process.telemetry.answering("c1"):
        process.telemetry.answered("GET", "/v1/cases", 500, 0)
    assert not process.all_spans()[0].status.is_ok


def test_a_request_without_a_correlation_id_is_not_traced() -> None:
    process = Process()
    process.answer("", event(correlation=""))
    assert process.all_spans() == ()


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_a_trace_is_whole_or_missing_in_all_processes(ratio: float) -> None:
    serving, working = Process(ratio=ratio), Process(ratio=ratio)
    for number in range(40):
        one = event(f"case-{number}", correlation=f"c{number}")
        serving.answer(f"c{number}", one)
        working.telemetry.projected("cases", [one], 1)
    roots = {trace_of(span) for span in serving.all_spans()}
    assert roots == {trace_of(span) for span in working.all_spans()}
    assert (len(roots) == 40 * ratio) if ratio in (0, 1) else (0 < len(roots) < 40)


def test_messages_on_the_bus_name_the_trace_that_the_log_does_not_hold() -> None:
    process, told = Process(), event()
    wire = CloudEventsWire(process.telemetry.traceparent)
    (received,) = wire.unpack(wire.pack([told]))
    process.append(told)
    span = context_of(process.all_spans()[0])
    assert received.traceparent == f"00-{span.trace_id:032x}-{span.span_id:016x}-01"
    assert told.traceparent == ""


def test_nothing_but_names_of_the_program_is_sent() -> None:
    process = Process()
    process.answer("c1", event("case-1"))
    known = {"http.request.method", "http.route", "http.response.status_code", "klarity.event.type"}
    for span in process.all_spans():
        attributes: Any = span.attributes
        assert set(attributes) <= known
        assert "case-1" not in span.to_json()
        assert MARK not in span.to_json()
        assert set(span.resource.attributes) == {
            "service.name",
            "service.instance.id",
            "telemetry.sdk.language",
            "telemetry.sdk.name",
            "telemetry.sdk.version",
        }
