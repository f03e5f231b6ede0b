"""Events folded into the rows of a read model, beside a raw ``find`` of as many documents.

Run with ``python -m benchmarks.read_models``.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from random import Random

from pymongo.collection import Collection

from adapters.mongo import Document, connect
from adapters.read_models.memory import MemoryReadModels
from adapters.read_models.mongo import MongoReadModels
from application.engine.query_service import value_of
from application.engine.rows import UnitOfWork
from application.ports.read_models import Cursor, ReadModel, ReadModels
from application.queries.popular_cases import PopularCase, PopularCases
from benchmarks.append import BODY
from benchmarks.measure import Figure, medians, print_table
from domain.cases.case_details import CaseCategory
from tests.servers import Mongo

EVENTS = 200_000
BATCHES = (5_000, 20_000)
ROWS = (1_000, 50_000)
ROUNDS = 3
TARGET = 0.6

PAGE_ROWS = 100_000
PAGES = 200

_builds = count(1)


def main() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Mongo())
        database = connect(server.url, "benchmarks")
        stack.callback(database.client.close)
        raw = database.get_collection("raw")
        raw.insert_many([{"n": number, "story": BODY.decode()} for number in range(EVENTS)])
        print_folding(raw, MongoReadModels(database))
    print_pages(MemoryReadModels())


def print_folding(raw: Collection[Document], models: ReadModels) -> None:
    kinds = {f"{rows:,} rows, {size:,} a batch": (rows, size) for rows in ROWS for size in BATCHES}

    def folding(rows: int, batch: int) -> Callable[[], float]:
        return lambda: rate_of(lambda: fold(models, rows, batch))

    subjects = {name: folding(rows, batch) for name, (rows, batch) in kinds.items()}
    rates = medians(ROUNDS, {"find": lambda: rate_of(lambda: len(list(raw.find()))), **subjects})
    figures = [
        Figure(what=name, rate=rates[name], floor=rates["find"], target=TARGET) for name in kinds
    ]
    print_table(f"{EVENTS:,} events folded into MongoDB", "events/s", figures)


def fold(models: ReadModels, rows: int, batch: int) -> int:
    """Load, fold and write a batch of events, as a projection does."""
    model, random = new_model(models), Random(1)
    for start in range(0, EVENTS, batch):
        touched = [f"case-{random.randrange(rows)}" for _ in range(batch)]
        work = UnitOfWork(model, value_of, partial(dict.fromkeys, touched))
        for key in touched:
            row = work.get(key) or popular_case(key, 0.0)
            work.put(key, replace(row, supports=row.supports + 1, rank=random.random()))
        model.commit(work.changes, model.checkpoint().moved("cases", start + batch))
    model.drop()
    return EVENTS


def print_pages(models: ReadModels) -> None:
    """Walking through a list in this process; the floor of 200 pages a second is 5 ms for each."""
    model, random = new_model(models), Random(1)
    rows = {f"{key}": popular_case(f"{key}", random.random()) for key in range(PAGE_ROWS)}
    model.commit(rows, model.checkpoint().moved("cases", 1))
    rates = medians(ROUNDS, {"pages": lambda: walk(model)})
    figure = Figure(what="memory", rate=rates["pages"], floor=200, target=1.0)
    print_table(f"Pages of 20 among {PAGE_ROWS:,} rows", "pages/s", [figure])


def walk(model: ReadModel[PopularCase]) -> float:
    find = PopularCases().ask(category=CaseCategory.OTHER)
    start, after = time.perf_counter(), None
    for _ in range(PAGES):
        last = model.find(find, limit=20, after=after)[-1]
        after = Cursor(value_of(last.document, find.order_by), last.key)
    return PAGES / (time.perf_counter() - start)


def new_model(models: ReadModels) -> ReadModel[PopularCase]:
    return models.open("popular-cases", next(_builds), PopularCase, PopularCases.indexes)


def popular_case(key: str, rank: float) -> PopularCase:
    return PopularCase(
        case_id=key,
        title="Money asked for at the counter",
        category=CaseCategory.OTHER,
        rank=rank,
        published_at=datetime(2026, 5, 4, tzinfo=UTC),
    )


def rate_of(work: Callable[[], int]) -> float:
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
