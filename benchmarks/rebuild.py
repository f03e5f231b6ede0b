"""How fast a read model is rebuilt and compared, and how late queries are answered meanwhile.

``python -m benchmarks.rebuild`` does it with 1,000 cases, ``python -m benchmarks.rebuild 20000``
with so many. All of it runs in one process, as in ``klarity serve``.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread

from application.engine.answers import Answers
from application.engine.feed import QueryFeed
from application.engine.query_service import Viewer
from application.engine.rebuild import Rebuilder
from application.queries.case_document import CaseDocument
from application.queries.cases import Cases
from benchmarks.restart import Community, process_in
from config.process import Process

CASES = 1000
ALONE_SECONDS = 10.0
PAUSE_SECONDS = 0.005
QUARTER = 4


def main(cases: int = CASES) -> None:
    with TemporaryDirectory() as folder, process_in(Path(folder)) as process:
        publish = Community(process.use_cases).publish
        ids: list[str] = [publish(number) for number in range(cases)]
        catch_up(process)
        measure(process, ids)


def catch_up(process: Process) -> None:
    """Make the first build, up to the end of the logs: before that, queries are refused."""
    made = process.container
    feed = QueryFeed(Cases(), projections=made.projections(), leases=made.model_leases())
    feed.begin()
    while feed.step() or any(feed.lag().values()):
        pass


def measure(process: Process, ids: list[str]) -> None:
    answers = process.container.answers()["cases"]
    with asking(answers, ids) as before:
        time.sleep(ALONE_SECONDS)
    alone = rebuilt(process)
    with asking(answers, ids) as beside:
        with_queries = rebuilt(process)
    with asking(answers, ids) as throttled:
        slow = rebuilt(process, alone / QUARTER)
    print(f"rebuild alone: {alone:.0f} events a second")
    print(f"with queries beside it: {with_queries:.0f}, {with_queries / alone:.2f} of that")
    print(f"p99 of queries: {before.p99:.1f} ms without a rebuild, {beside.p99:.1f} ms with one")
    print(f"limited to a quarter: {slow:.0f} events a second, p99 {throttled.p99:.1f} ms")


def rebuilt(process: Process, events_a_second: float = 0.0) -> float:
    """Rebuild, compare and swap. Returns the events a second."""
    made, service = process.container, Cases()
    rebuilder = Rebuilder(made.projections(), made.model_leases())
    start = time.perf_counter()
    rebuilder.rebuilds.begin(service, events_a_second=events_a_second)
    state = rebuilder.complete(service)
    assert not state.different, state
    return state.handled / (time.perf_counter() - start)


@dataclass(slots=True)
class Asked:
    """How long each query took."""

    seconds: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return quantiles(self.seconds, n=100)[-1] * 1000


@contextmanager
def asking(answers: Answers[CaseDocument], ids: list[str]) -> Iterator[Asked]:
    """Ask for a case every few milliseconds, in another thread."""
    asked, over, random = Asked(), Event(), Random(1)

    def ask() -> None:
        while not over.wait(PAUSE_SECONDS):
            start = time.perf_counter()
            assert answers.one(random.choice(ids), Viewer())
            asked.seconds.append(time.perf_counter() - start)

    thread = Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
