"""Invented cases put into a search index, and typical questions asked of it.

Run with ``python -m benchmarks.search_index [cases [FOLDER]]``: the index stays in the folder, and
is asked again without being filled. An index of another engine goes through ``measure`` as well.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from adapters.search_index.tantivy import TantivySearchIndex
from application.ports.read_models import (
    RELEVANCE,
    Between,
    Cursor,
    Equals,
    Find,
    Matches,
    Near,
    Recency,
    by,
    by_each,
    by_point,
    by_range,
    by_text,
)
from application.ports.search_index import SearchIndex, SearchModel
from benchmarks.measure import middle_and_late

CASES = 100_000
BATCH = 1000
WORDS = 60_000
QUESTIONS = 200
CONNECTIONS = 16
QUESTIONS_OF_EACH = 15
RECENCY = Recency("published_at", 90)
NOW = datetime(2026, 5, 4, tzinfo=UTC)

# Two words of which each occurs in a third of the cases, but never both in one.
MORNING, EVENING = "morning", "evening"
# By these the texts are taken for English.
_FREQUENT = ("the", "of", "and", "to", "in", "for", "was", "that")
_CONSONANTS, _VOWELS = "bcdfghklmnprstvz", "aeiou"
_CHINESE = "警察索要贿赂五百元在机场海关官员拒绝放行除非支付现金医院学校法院市政府办公室今天昨天"
_CATEGORIES = ("police", "health", "education", "courts", "land", "customs", "utilities", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a case happened."""

    lat: float
    lon: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case with about a hundred words, in which Zipf's law holds."""

    title: str
    story: str
    category: str
    tags: tuple[str, ...]
    parties: tuple[str, ...]
    comments: tuple[str, ...]
    place: Place
    published_at: datetime
    more: str = field(default="x" * 200)


INDEXES = (
    by_text("title", weight=3),
    by_text("story"),
    by_text("parties", weight=2),
    by_text("comments", weight=0.5),
    by_text("where", "place.name", "tags", weight=2),
    by("category"),
    by_range("published_at"),
    by_each("tags"),
    by_point("place"),
)


class Words:
    """An invented vocabulary."""

    def __init__(self, random: Random) -> None:
        self.random = random
        invented = (self._word() for _ in range(WORDS))
        self.all = list(dict.fromkeys([*_FREQUENT, *invented]))
        self._weights = list(accumulate(1 / (rank + 5) for rank in range(len(self.all))))

    def some(self, count: int) -> list[str]:
        """Return words, frequent ones often."""
        return self.random.choices(self.all, cum_weights=self._weights, k=count)

    def _word(self) -> str:
        syllables = self.random.randint(1, 4)
        pairs = (
            self.random.choice(_CONSONANTS) + self.random.choice(_VOWELS) for _ in range(syllables)
        )
        return "".join(pairs) + self.random.choice(("", "n", "s", "r", "é"))


def cases(count: int) -> Iterator[tuple[str, Case]]:
    """Yield cases by key, always the same ones. Every tenth is Chinese."""
    random = Random(7)
    vocabulary = Words(random)
    for number in range(count):
        yield f"case-{random.getrandbits(128):032x}", _case(number, random, vocabulary)


def _case(number: int, random: Random, vocabulary: Words) -> Case:
    words = iter(vocabulary.some(120))

    def text(count: int) -> str:
        return " ".join(islice(words, count))

    seldom = ("", MORNING, EVENING)[number % 3]
    told = _chinese(random) if number % 10 == 9 else text(random.randint(30, 80))
    return Case(
        title=text(5),
        story=f"{told} {seldom}",
        category=random.choice(_CATEGORIES),
        tags=tuple(f"tag{int(random.paretovariate(0.6)) % 500}" for _ in range(2)),
        parties=(text(2),),
        comments=tuple(text(4) for _ in range(random.randrange(4))),
        place=Place(lat=random.uniform(26, 30), lon=random.uniform(80, 88), name=text(1)),
        published_at=NOW - timedelta(seconds=random.randrange(3 * 365 * 86_400)),
    )


def _chinese(random: Random) -> str:
    return "".join(random.choices(_CHINESE, k=120))


def finds(random: Random) -> Mapping[str, Callable[[], Find]]:
    """Return typical questions by what they are."""
    vocabulary = Words(Random(7))
    frequent, rare = vocabulary.all[8:28], vocabulary.all[5_000:40_000]

    def best(text: str, *where: Any, typing: bool = False) -> Find:
        matches = Matches(text, typing=typing)
        return Find(where=where, matches=matches, order_by=RELEVANCE, recency=RECENCY)

    def newest(text: str) -> Find:
        return Find(matches=Matches(text), order_by="published_at")

    def mistyped() -> str:
        word = random.choice([word for word in rare if len(word) > 5])
        return word[:2] + word[3] + word[2] + word[4:]

    month = Between("published_at", NOW - timedelta(days=30))
    return {
        "one rare word": lambda: best(random.choice(rare)),
        "one frequent word": lambda: best(random.choice(frequent)),
        "one frequent word, newest first": lambda: newest(random.choice(frequent)),
        "three frequent words": lambda: best(" ".join(random.sample(frequent, 3))),
        "two frequent words that never meet": lambda: best(f"{MORNING} {EVENING}"),
        "two Chinese words": lambda: best("贿赂 海关"),
        "a typing error": lambda: best(mistyped()),
        "two letters while typing": lambda: best(random.choice(frequent)[:2], typing=True),
        "frequent, a category, last month": lambda: best(
            random.choice(frequent), Equals("category", "police"), month
        ),
        "frequent, within 50 km": lambda: best(
            random.choice(frequent), Near("place", random.uniform(27, 29), 84, 50)
        ),
    }


def measure(
    index: SearchIndex, count: int, size: Callable[[], int], memory: Callable[[], int]
) -> None:
    """Fill a build, ask, and print the figures."""
    model = index.open("benchmark", 1, Case, INDEXES)
    start, busy = time.perf_counter(), time.process_time()
    fill(model, count)
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    print(f"{count:,} cases indexed in {taken:,.0f} s, {busy:,.0f} s of processors")
    print(f"{size() / 1e6:,.0f} MB in the index, {memory() / 1e6:,.0f} MB of memory")
    random = Random(3)
    for what, make in finds(random).items():
        print_times(what, partial(ask, model, make))
        print_together(what, model, make)
    frequent = Find(matches=Matches(Words(Random(7)).all[10]), order_by=RELEVANCE)
    print_times("facets of a frequent word", lambda: model.facets(frequent, "tags", limit=20))
    print_times("count of a frequent word", lambda: model.count(frequent))
    letters = [word[:3] for word in Words(Random(7)).all[:2000] if len(word) > 3]
    print_times(
        "suggestions", lambda: model.suggest(Matches(random.choice(letters)), Find(), limit=8)
    )
    print_times("the tenth page", lambda: tenth_page(model, frequent), 20)
    start = time.perf_counter()
    key, case = next(cases(1))
    model.commit({key: case}, model.checkpoint().next())
    print(f"a commit of one case: {(time.perf_counter() - start) * 1000:,.0f} ms")
    print(f"{memory() / 1e6:,.0f} MB of memory after the questions")


def ask(model: SearchModel[Case], make: Callable[[], Find]) -> None:
    model.find(make(), limit=20)


def fill(model: SearchModel[Case], count: int) -> None:
    """Put the cases in that are missing, as a rebuild does."""
    rest = islice(cases(count), model.checkpoint().at("cases"), None)
    while rows := dict(islice(rest, BATCH)):
        checkpoint = model.checkpoint()
        model.commit(rows, checkpoint.moved("cases", checkpoint.at("cases") + len(rows)))


def tenth_page(model: SearchModel[Case], find: Find) -> None:
    after = None
    for _ in range(10):
        last = model.find(find, limit=20, after=after)[-1]
        after = Cursor(last.score, last.key)


def print_times(what: str, run: Callable[[], object], times: int = QUESTIONS) -> None:
    """Print the median and 99th percentile of the times, and the time of processors they took."""
    taken = []
    busy = time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append((time.perf_counter() - start) * 1000)
    busy = (time.process_time() - busy) * 1000 / times
    median, late = middle_and_late(taken)
    print(f"{what:36} p50 {median:7.1f} p99 {late:7.1f} busy {busy:7.1f} ms", flush=True)


def print_together(what: str, model: SearchModel[Case], make: Callable[[], Find]) -> None:
    """Print the times of a question that all connections ask at the same time."""
    taken: list[float] = []

    def run() -> None:
        for _ in range(QUESTIONS_OF_EACH):
            start = time.perf_counter()
            ask(model, make)
            taken.append((time.perf_counter() - start) * 1000)

    threads = [Thread(target=run) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    median, late = middle_and_late(taken)
    print(f"{what:36} {CONNECTIONS} at once: p50 {median:7.1f} p99 {late:7.1f} ms", flush=True)


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def own_memory() -> int:
    """Return the memory of this process without the files it maps, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    anonymous = next(line for line in lines if line.startswith("RssAnon"))
    return int(anonymous.split()[1]) * 1024


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else CASES
    with TemporaryDirectory() as passing:
        folder = Path(sys.argv[2] if sys.argv[2:] else passing)
        index = TantivySearchIndex(folder)
        measure(index, count, partial(bytes_below, folder), own_memory)


if __name__ == "__main__":
    main()
