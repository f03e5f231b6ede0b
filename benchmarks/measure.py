"""Measuring rates beside their floors, and printing both."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from threading import Barrier, Thread

from application.engine.log_seals import LogSeals

Once = Callable[[], object]

SEALS = LogSeals(b"a key for benchmarks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured, the floor measured beside it, and the ratio to reach.

    ``most``: the ratio shall not be larger, as with times and sizes.
    """

    what: str
    rate: float
    floor: float
    target: float
    most: bool = False

    @property
    def ratio(self) -> float:
        return self.rate / self.floor

    @property
    def reached(self) -> bool:
        return self.ratio <= self.target if self.most else self.ratio >= self.target


def middle_and_late(taken: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    cuts = quantiles(taken, n=100)
    return cuts[49], cuts[98]


def rate(threads: Sequence[Once], seconds: float) -> float:
    """How many calls a second they make together, each in a thread of its own."""
    counts = [0] * len(threads)
    ready = Barrier(len(threads) + 1)

    def run(number: int, once: Once) -> None:
        ready.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            once()
            counts[number] += 1

    running = [Thread(target=run, args=each) for each in enumerate(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in running:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def medians(rounds: int, subjects: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each subject's figures, measured in turns, so that noise meets all of them."""
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, measure in subjects.items():
            figures[name].append(measure())
    return {name: median(values) for name, values in figures.items()}


def print_table(title: str, unit: str, figures: Sequence[Figure]) -> None:
    """Ratios last; rates are of this machine and this minute."""
    width = max(len(figure.what) for figure in figures)
    print(f"\n{title}\n{'':{width}}  {unit:>12}  {'floor':>12}  {'ratio':>6}  {'target':>6}")
    for figure in figures:
        short = "" if figure.reached else "  short"
        print(
            f"{figure.what:{width}}  {figure.rate:12,.0f}  {figure.floor:12,.0f}"
            f"  {figure.ratio:6.2f}  {figure.target:6.1f}{short}"
        )
    sys.stdout.flush()
