"""Backups of a server to which members report: their time, their size, and what they cost writers.

``python -m benchmarks.backup`` publishes a few hundred cases first. ``python -m benchmarks.backup
FOLDER`` backs up what ``benchmarks.restart`` has left in the folder.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

from benchmarks.measure import Figure, print_table
from benchmarks.restart import FEW, fill
from benchmarks.search_index import bytes_below
from tests.system.deployment import Klarity, one_process, relaxed
from tests.system.phone import Phone

WRITERS = 8
ROUNDS = 3
LEAST_SECONDS = 5.0
TARGET = 0.8


def main() -> None:
    with ExitStack() as stack:
        passing = Path(stack.enter_context(TemporaryDirectory()))
        folder = Path(sys.argv[1]) if sys.argv[1:] else passing
        if not (folder / "data" / "cases.txt").exists():
            fill(FEW, folder / "data")
        klarity = stack.enter_context(one_process(folder, **relaxed(), LOG_LEVEL="WARNING"))
        key = public_key(klarity, passing)
        phones = [stack.enter_context(Phone(klarity.url)).join() for _ in range(WRITERS)]
        with writing(phones) as acknowledged:
            figures = rounds(klarity, acknowledged, passing / "backups", key)
        print_table("Backups", "commands a second", figures)


def public_key(klarity: Klarity, folder: Path) -> str:
    klarity.run("backup-key", str(folder / "key"))
    words = (folder / "key").read_text().split()
    return next(word for word in words if word.startswith("age1"))


def rounds(
    klarity: Klarity, acknowledged: Callable[[], int], folder: Path, key: str
) -> list[Figure]:
    """Compare the rate of commands during backups with that between them."""
    during, between, seconds = [], [], []

    def back_up() -> None:
        klarity.run("backup", str(folder), "--to", key)

    for _ in range(ROUNDS):
        between.append(rate_of(acknowledged, lambda: time.sleep(LEAST_SECONDS)))
        start = time.perf_counter()
        during.append(rate_of(acknowledged, back_up))
        seconds.append(time.perf_counter() - start)
    size = bytes_below(folder) / ROUNDS
    print(f"a backup: {median(seconds):.1f} s, {size / 1e6:,.0f} MB")
    return [
        Figure(
            what="commands during a backup / without",
            rate=median(during),
            floor=median(between),
            target=TARGET,
        )
    ]


def rate_of(acknowledged: Callable[[], int], run: Callable[[], object]) -> float:
    """Return how many commands a second are acknowledged while something runs."""
    before, start = acknowledged(), time.perf_counter()
    run()
    return (acknowledged() - before) / (time.perf_counter() - start)


@contextmanager
def writing(phones: list[Phone]) -> Iterator[Callable[[], int]]:
    """Report cases all the time. Yields a function that counts those that are acknowledged."""
    over, counts = Event(), [0] * len(phones)

    def write(number: int) -> None:
        while not over.is_set():
            assert phones[number].report().ok
            counts[number] += 1

    threads = [Thread(target=write, args=(number,)) for number in range(len(phones))]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(counts)
    finally:
        over.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
