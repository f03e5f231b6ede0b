"""Prometheus metrics of relays, subscriptions, pools and uploads."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from application.engine.runtime import Running, Runtime
from application.engine.turns import WaitReason
from application.ports.unavailable import Unavailable
from application.security import EVENT_NAMES, SecurityLog
from application.use_cases.evidence.uploads import ReceiveUploads


class RuntimeCollector(Collector):
    """Collects lag, leadership and handled events of the loops of a runtime, and its pools.

    ``refused`` counts the messages on the bus that other instances sent, by topic.
    """

    def __init__(self, runtime: Runtime, refused: Mapping[str, int]) -> None:
        self._runtime = runtime
        self._refused = refused

    def describe(self) -> Iterator[Metric]:
        """Return no metric: a registry asks at registration, and collecting reads the stores."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "klarity_events_behind", "Events not handled yet", labels=("kind", "name")
        )
        leading = GaugeMetricFamily(
            "klarity_leading", "1 where this process holds the lease", labels=("kind", "name")
        )
        handled = CounterMetricFamily(
            "klarity_events_handled", "Events handled, by their way here", labels=("name", "way")
        )
        outdated = GaugeMetricFamily(
            "klarity_needs_newer_program",
            "1 where it waits at an event that only a newer program can read",
            labels=("kind", "name"),
        )
        for running in self._runtime.running:
            labels = (running.kind, running.name)
            leading.add_metric(labels, running.loop.leading)
            outdated.add_metric(labels, bool(running.unreadable()))
            if (count := _lag(running)) is not None:
                lag.add_metric(labels, count)
            for way, number in running.handled().items():
                handled.add_metric((running.name, way), number)
        yield from (lag, leading, handled, outdated, self._refused_messages())
        yield from self._pools()

    def _refused_messages(self) -> Metric:
        refused = CounterMetricFamily(
            "klarity_messages_refused",
            "Messages on the bus that this instance did not send",
            labels=("topic",),
        )
        for topic, number in list(self._refused.items()):
            refused.add_metric((topic,), number)
        return refused

    def _pools(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "klarity_slow_waiting",
            "Events waiting in a pool, by reason",
            labels=("name", "lane", "reason"),
        )
        oldest = GaugeMetricFamily(
            "klarity_slow_oldest_seconds",
            "Age of the oldest event waiting in a pool",
            labels=("name", "lane"),
        )
        working = GaugeMetricFamily(
            "klarity_slow_running", "Events that a pool is handling", labels=("name", "lane")
        )
        parked = GaugeMetricFamily(
            "klarity_slow_parked", "Events that a pool parked", labels=("name",)
        )
        pools = [running.pool for running in self._runtime.running if running.pool]
        for pool in pools:
            parked.add_metric((pool.name,), pool.parked())
            for state in pool.lanes():
                labels = (pool.name, state.lane.value)
                working.add_metric(labels, state.running)
                oldest.add_metric(labels, state.oldest)
                for reason in WaitReason:
                    waiting.add_metric((*labels, reason.value), state.waiting.get(reason, 0))
        yield from (waiting, oldest, working, parked)


class UploadsCollector(Collector):
    """Counts the uploads that this process refused, by reason."""

    def __init__(self, uploads: ReceiveUploads) -> None:
        self._uploads = uploads

    def collect(self) -> Iterator[Metric]:
        refused = CounterMetricFamily(
            "klarity_uploads_refused", "Uploads refused, and why", labels=("reason",)
        )
        refused.add_metric(("quota",), self._uploads.refused_by_quota)
        yield refused


class SecurityCollector(Collector):
    """Counts the security events of this process, by name."""

    def __init__(self, security: SecurityLog) -> None:
        self._security = security

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily(
            "klarity_security_events", "Security events, by name", labels=("event",)
        )
        for name in EVENT_NAMES:
            counted.add_metric((name,), self._security.counts[name])
        yield counted


def _lag(running: Running) -> int | None:
    try:
        return running.lag()
    except Unavailable:
        return None
