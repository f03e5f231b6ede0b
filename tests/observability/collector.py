"""A collector of OpenTelemetry: it decodes what is sent with OpenTelemetry's own definitions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Sent:
    """A span, and which process sent it."""

    process: str
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    error: str


class Collector:
    """Keeps the requests as they came."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["Collector"]:
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
            thread = Thread(target=server.serve_forever, daemon=True)
            thread.start()
            yield self
            server.shutdown()
            thread.join()

    def spans(self) -> Sequence[Sent]:
        """All spans so far."""
        return [span for body in self.bodies.copy() for span in _decoded(body)]


def _decoded(body: bytes) -> Iterator[Sent]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Sent(
                    process=about["service.instance.id"],
                    name=span.name,
                    trace=span.trace_id,
                    id=span.span_id,
                    parent=span.parent_span_id,
                    error=span.status.message,
                )
