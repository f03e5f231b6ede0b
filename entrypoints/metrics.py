"""What runs beside the requests, as Prometheus metrics."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from application.delivery.runtime import Running, Runtime
from application.ports.unavailable import Unavailable


class RuntimeCollector(Collector):
    """How far everybody is behind, who leads, and which way events came."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def describe(self) -> Iterator[Metric]:
        """Nothing before it is asked for: finding out costs reads of the stores."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        behind = GaugeMetricFamily(
            "klarity_events_behind", "Events not handled yet", labels=("kind", "name")
        )
        leading = GaugeMetricFamily(
            "klarity_leading", "1 where this process does the work", labels=("kind", "name")
        )
        heard = CounterMetricFamily(
            "klarity_events_handled", "Events, by the way they came", labels=("name", "way")
        )
        outdated = GaugeMetricFamily(
            "klarity_needs_newer_program",
            "1 where it waits at an event that only a newer program can read",
            labels=("kind", "name"),
        )
        for running in self._runtime.running:
            labels = (running.kind, running.name)
            leading.add_metric(labels, running.loop.leading)
            outdated.add_metric(labels, bool(running.waits()))
            if (count := _behind(running)) is not None:
                behind.add_metric(labels, count)
            for way, number in running.handled().items():
                heard.add_metric((running.name, way), number)
        yield from (behind, leading, heard, outdated)


def _behind(running: Running) -> int | None:
    try:
        return running.behind()
    except Unavailable:
        return None
