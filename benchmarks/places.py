"""Near me and on the map, in read models of 20,000 and of 1,000,000 cases.

Run with ``python -m benchmarks.places [cases [read models]]``. The cases lie in one country, so
that fifty times as many are near when there are fifty times as many. An area that showed one case
then shows a page of them, each of which is decoded; so the same areas are asked once more, for as
many cases as the smaller read model showed.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from adapters.key_vault.memory import MemoryKeyVault
from adapters.mongo import connect
from adapters.read_models.memory import MemoryReadModels
from adapters.read_models.mongo import MongoReadModels
from adapters.read_models.sqlite import SqliteReadModels
from application.ports.read_models import (
    Find,
    InBox,
    Near,
    ReadModel,
    ReadModels,
    by_point,
    by_range,
)
from benchmarks.measure import middle_and_late
from tests.servers import Mongo

FEW, MANY = 20_000, 1_000_000
BATCH = 5_000
QUESTIONS = 300
SHOWN = 20
MOST_TIMES = 2.0
NOW = datetime(2026, 5, 4, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where something happened, to within a hundred metres."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A case as the map knows it."""

    place: Where
    published_at: datetime
    title: str = "Money asked for at the counter"
    more: str = "x" * 300


INDEXES = (by_range("published_at"), by_point("place", order="published_at"))


def main() -> None:
    many = int(sys.argv[1]) if sys.argv[1:] else MANY
    wanted = sys.argv[2:]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        database = connect(stack.enter_context(Mongo()).url, "benchmarks")
        stack.callback(database.client.close)
        sqlite = SqliteReadModels(folder / "models.db", bytes(32), MemoryKeyVault())
        kinds: Mapping[str, ReadModels] = {
            "memory": MemoryReadModels(),
            "SQLite": stack.enter_context(closing(sqlite)),
            "MongoDB": MongoReadModels(database),
        }
        for name, models in kinds.items():
            if name in wanted or not wanted:
                print_kind(name, models, many)


def print_kind(name: str, models: ReadModels, many: int) -> None:
    few, more = (filled(models, build, count) for build, count in ((1, FEW), (2, many)))
    print(f"\n{name}: times in ms, p50 and p99, with {FEW:,} and {many:,} cases")
    for what, question in questions().items():
        one, other = asked(few, question), asked(more, question)
        shown = [max(1, each.shown) for each in one]
        like = asked(more, question, shown)
        ratio = middle(like) / middle(one)
        parts = [f"{what:26}", *map(described, (one, other)), f"as many {described(like)}"]
        print(*parts, f"ratio {ratio:.2f}", "" if ratio <= MOST_TIMES else "short", flush=True)


def filled(models: ReadModels, build: int, count: int) -> ReadModel[Happened]:
    model = models.open("places", build, Happened, INDEXES)
    rest = cases(count)
    while rows := dict(islice(rest, BATCH)):
        checkpoint = model.checkpoint()
        model.commit(rows, checkpoint.moved("cases", checkpoint.at("cases") + len(rows)))
    return model


def cases(count: int) -> Iterator[tuple[str, Happened]]:
    random = Random(7)
    for number in range(count):
        yield (
            f"case-{number}",
            Happened(
                place=Where(
                    lat=round(random.uniform(26, 30), 3), lon=round(random.uniform(80, 88), 3)
                ),
                published_at=NOW - timedelta(seconds=random.randrange(3 * 365 * 86_400)),
            ),
        )


def questions() -> Mapping[str, Callable[[Random], Find]]:
    """Return questions by what they are. The newest come first."""

    def newest(*where: Any) -> Find:
        return Find(where=where, order_by="published_at")

    def near(km: float, random: Random) -> Find:
        return newest(Near("place", random.uniform(27, 29), random.uniform(81, 87), km))

    def box(degrees: float, random: Random) -> Find:
        south, west = random.uniform(26, 29), random.uniform(80, 86)
        return newest(InBox("place", west, south, west + degrees, south + degrees))

    return {
        "near, within 1 km": partial(near, 1),
        "near, within 5 km": partial(near, 5),
        "near, within 50 km": partial(near, 50),
        "a town of 0.05 degrees": partial(box, 0.05),
        "a district of 0.5 degrees": partial(box, 0.5),
        "a region of 2 degrees": partial(box, 2),
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """How many milliseconds an answer took, and how many cases it showed."""

    took: float
    shown: int


def asked(
    model: ReadModel[Happened],
    question: Callable[[Random], Find],
    limits: Iterable[int] = repeat(SHOWN),
) -> list[Asked]:
    random, answers = Random(3), []
    for limit in islice(limits, QUESTIONS):
        find = question(random)
        start = time.perf_counter()
        rows = model.find(find, limit=limit)
        answers.append(Asked((time.perf_counter() - start) * 1000, len(rows)))
    return answers


def middle(answers: Iterable[Asked]) -> float:
    return middle_and_late([each.took for each in answers])[0]


def described(answers: Sequence[Asked]) -> str:
    half, late = middle_and_late([each.took for each in answers])
    shown = sum(each.shown for each in answers) / len(answers)
    return f"{half:5.2f} {late:5.2f} ({shown:4.1f} cases)"


if __name__ == "__main__":
    main()
