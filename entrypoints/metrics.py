"""Prometheus metrics of relays, subscriptions, pools and uploads."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from application.engine.runtime import Running, Runtime
from application.engine.turns import WaitReason
from application.engine.waiting import Waiting
from application.ports.parked import ParkedEvents
from application.ports.unavailable import Unavailable
from application.security import EVENT_NAMES, SecurityLog
from application.system import CONTEXTS
from application.use_cases.evidence.uploads import ReceiveUploads

SUBSCRIBERS = ("policy", "query")


class RuntimeCollector(Collector):
    """Collects what the loops of a runtime do, and what waits for them.

    What waits is read from the logs, so it is right while a relay or the bus is down, and in a
    process that does not lead. ``refused`` counts the messages on the bus that other instances
    sent, by topic.
    """

    def __init__(
        self,
        runtime: Runtime,
        waiting: Waiting,
        parked: ParkedEvents,
        refused: Mapping[str, int],
    ) -> None:
        self._runtime = runtime
        self._waiting = waiting
        self._parked = parked
        self._refused = refused

    def describe(self) -> Iterator[Metric]:
        """Return no metric: a registry asks at registration, and collecting reads the stores."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from self._unhandled()
        yield from self._loops()
        yield from (self._handled(), self._parked_events(), self._refused_messages())
        yield from self._pools()

    def _unhandled(self) -> Iterator[Metric]:
        behind = GaugeMetricFamily(
            "klarity_events_behind", "Events not handled yet", labels=("kind", "name")
        )
        oldest = GaugeMetricFamily(
            "klarity_oldest_unhandled_event_age_seconds",
            "Age of the oldest event that is not handled yet; 0 if there is none",
            labels=("kind", "name"),
        )
        ends = _Ends(self._waiting)
        for running in self._runtime.running:
            labels = (running.kind, running.name)
            with suppress(Unavailable):
                positions = running.progress()
                behind.add_metric(labels, ends.behind(positions) if positions else running.lag())
                if positions:
                    oldest.add_metric(labels, max(ends.age(positions), _oldest_in_pool(running)))
        yield from (behind, oldest)

    def _loops(self) -> Iterator[Metric]:
        leading = GaugeMetricFamily(
            "klarity_leading", "1 where this process holds the lease", labels=("kind", "name")
        )
        changes = CounterMetricFamily(
            "klarity_lease_changes",
            "How often this process took, released or lost the lease",
            labels=("kind", "name"),
        )
        outdated = GaugeMetricFamily(
            "klarity_needs_newer_program",
            "1 where it waits at an event that only a newer program can read",
            labels=("kind", "name"),
        )
        for running in self._runtime.running:
            labels = (running.kind, running.name)
            leading.add_metric(labels, running.loop.leading)
            changes.add_metric(labels, running.loop.lease_changes)
            outdated.add_metric(labels, bool(running.unreadable()))
        yield from (leading, changes, outdated)

    def _handled(self) -> Metric:
        handled = CounterMetricFamily(
            "klarity_events_handled", "Events handled, by their way here", labels=("name", "way")
        )
        for running in self._runtime.running:
            for way, number in running.handled().items():
                handled.add_metric((running.name, way), number)
        return handled

    def _parked_events(self) -> Metric:
        """Return the parked events of the subscribers of this process. Builds count together."""
        parked = GaugeMetricFamily(
            "klarity_parked_events", "Events that are parked", labels=("kind", "name")
        )
        with suppress(Unavailable):
            counts = Counter(each.service for each in self._parked.list())
            for running in self._runtime.running:
                if running.kind in SUBSCRIBERS:
                    service = running.name.removeprefix("query.")
                    parked.add_metric((running.kind, running.name), counts[service])
        return parked

    def _refused_messages(self) -> Metric:
        refused = CounterMetricFamily(
            "klarity_messages_refused",
            "Messages on the bus that this instance did not send",
            labels=("topic",),
        )
        # A topic without any is there, too: an increase shows only against a value before it.
        for topic in sorted({*CONTEXTS, *self._refused}):
            refused.add_metric((topic,), self._refused.get(topic, 0))
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
        pools = [running.pool for running in self._runtime.running if running.pool]
        for pool in pools:
            for state in pool.lanes():
                labels = (pool.name, state.lane.value)
                working.add_metric(labels, state.running)
                oldest.add_metric(labels, state.oldest)
                for reason in WaitReason:
                    waiting.add_metric((*labels, reason.value), state.waiting.get(reason, 0))
        yield from (waiting, oldest, working)


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


class _Ends:
    """The ends of the logs during one collection."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._end = cache(waiting.end)

    def behind(self, positions: Mapping[str, int]) -> int:
        return sum(max(0, self._end(log) - position) for log, position in positions.items())

    def age(self, positions: Mapping[str, int]) -> float:
        return max(self._waiting.age(log, position) for log, position in positions.items())


def _oldest_in_pool(running: Running) -> float:
    """Return the age of the oldest event that the loop has handed to its pool, if it has one."""
    return max((state.oldest for state in running.pool.lanes()), default=0) if running.pool else 0
