"""Measure durations for Prometheus. Labels are names of the program, and never of a request."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics

from application.ports.codec import RecordedEvent
from application.ports.event_store import StoredCommit
from application.ports.telemetry import ANY_METHOD, NoTelemetry

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ANY_METHOD)
SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
REPLY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REACTION = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 20, 60, 300)
_NANOSECONDS = 1e-9


class PrometheusTelemetry(NoTelemetry):
    """Keeps a histogram of each kind of step."""

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # each would be a series more, and none of them a measurement
        self._requests = Histogram(
            "klarity_http_request_duration_seconds",
            "Time until a request is answered",
            ("method", "route", "status"),
            registry=registry,
            buckets=REPLY,
        )
        self._commits = Histogram(
            "klarity_commit_duration_seconds",
            "Time until a commit is durable",
            ("log",),
            registry=registry,
            buckets=SHORT,
        )
        self._publications = Histogram(
            "klarity_publish_duration_seconds",
            "Time until the broker has confirmed what a relay publishes together",
            ("log",),
            registry=registry,
            buckets=SHORT,
        )
        self._reactions = Histogram(
            "klarity_reaction_duration_seconds",
            "Time in which a policy reacts to an event, failures included",
            ("policy",),
            registry=registry,
            buckets=REACTION,
        )
        self._projections = Histogram(
            "klarity_projection_duration_seconds",
            "Time until events that are handled together are in the read model",
            ("query",),
            registry=registry,
            buckets=SHORT,
        )

    def answered(self, method: str, route: str, status: int, began: int) -> None:
        """Note the reply. An unknown method is counted as other, so that clients make no labels."""
        known = method if method in METHODS else "other"
        labels = (known, route, f"{status // 100}xx")
        self._requests.labels(*labels).observe(_seconds_since(began))

    def appended(self, log: str, commit: StoredCommit, began: int) -> None:  # noqa: ARG002 - any commit counts
        self._commits.labels(log).observe(_seconds_since(began))

    def published(self, log: str, events: Sequence[RecordedEvent], began: int) -> None:  # noqa: ARG002 - together
        self._publications.labels(log).observe(_seconds_since(began))

    @contextmanager
    def reacting(self, policy: str, event: RecordedEvent) -> Iterator[None]:  # noqa: ARG002 - any event counts
        with self._reactions.labels(policy).time():
            yield

    def projected(self, service: str, events: Sequence[RecordedEvent], began: int) -> None:  # noqa: ARG002 - together
        self._projections.labels(service).observe(_seconds_since(began))


def _seconds_since(began: int) -> float:
    return max(0, time.time_ns() - began) * _NANOSECONDS
