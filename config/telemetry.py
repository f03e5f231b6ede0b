"""Choose what measures a process. OpenTelemetry is only imported if traces are wanted."""

from importlib import import_module
from typing import Any

from prometheus_client import CollectorRegistry

from adapters.codec.cloudevents import CloudEventsWire
from adapters.telemetry.log_context import LogContext
from adapters.telemetry.prometheus import PrometheusTelemetry
from adapters.telemetry.together import Together
from application.ports.codec import EventCodec
from application.ports.telemetry import Telemetry


class Traces:
    """Opens the adapter that sends traces to the collector at a URL; without a URL, none."""

    def __init__(self, url: str, codec: EventCodec, key: bytes, ratio: float) -> None:
        self.otlp: Any = None
        if url:
            otlp = import_module("adapters.telemetry.otlp")
            self.otlp = otlp.OtlpTelemetry(otlp.to_collector(url), codec, key, ratio)

    def close(self) -> None:
        if self.otlp:
            self.otlp.close()


def telemetry_of(registry: CollectorRegistry, traces: Traces) -> Telemetry:
    """Return what measures this process."""
    parts = (PrometheusTelemetry(registry), LogContext())
    return Together(*parts, traces.otlp) if traces.otlp else Together(*parts)


def wire_of(traces: Traces) -> CloudEventsWire:
    """Return the format of the wire, in which events name their traces."""
    return CloudEventsWire(traces.otlp.traceparent) if traces.otlp else CloudEventsWire()
