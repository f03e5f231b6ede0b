"""Exports of 200,000 cases by one process on MongoDB, beside reading the same documents by pages.

Run with ``python -m benchmarks.exports``.
"""

import csv
import json
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import requests

from adapters.mongo import connect
from adapters.read_models.mongo import MongoReadModels
from application.engine.builds import begin_build, open_build
from application.engine.query_service import QueryService
from application.ports.read_models import Cursor, Equals, Find, ReadModel, ReadModels
from application.queries.authors import Author
from application.queries.case_changes import CaseChange, CaseChanges
from application.queries.case_document import CaseDocument
from application.queries.cases import Cases
from benchmarks.measure import Figure, print_table
from domain.cases.case_details import CaseStatus
from domain.cases.place import Location
from tests.servers import Mongo
from tests.system.deployment import Klarity, one_process, shared_stores

CASES, CHANGED = 200_000, 2_000
BATCH, PAGE = 1_000, 100
SLOW, ROUNDS = 16, 15
STORY = "They asked for money, and I said no. " * 15
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
PATIENCE = 1800.0
MOST_MEMORY = 1.1
LEAST_RATE = 0.5


def main() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Mongo())
        settings = shared_stores(server.url)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = connect(server.url, settings["MONGO_DATABASE"])
        stack.callback(database.client.close)
        models = MongoReadModels(database)
        cases, changes = begun(models, Cases()), begun(models, CaseChanges())
        fill(cases, map(case_of, range(CASES)))
        fill(changes, map(change_of, range(CASES)))
        klarity = stack.enter_context(one_process(folder / "klarity", **settings))
        floor = CASES / seconds_of(lambda: read_by_pages(cases))
        print_exports(klarity, floor)
        since = read(klarity, "/v1/cases.csv?category=fraud").since
        fill(cases, map(case_of, range(CHANGED)), CASES)
        fill(changes, map(change_of, range(CASES, CASES + CHANGED)), CASES)
        changed = read(klarity, f"/v1/cases.csv?category=fraud&since={since}")
        print(f"{CHANGED:,} changes: {changed}")


def begun(models: ReadModels, service: QueryService[Any]) -> ReadModel[Any]:
    build = begin_build(service, models)
    models.make_live(service.name, build)
    return open_build(service, models, build)


def fill(model: ReadModel[Any], documents: Iterable[Any], after: int = 0) -> None:
    """Write documents as if each came from an event of the log of cases."""
    rows, position = list(documents), after
    for start in range(0, len(rows), BATCH):
        some = {row.case_id: row for row in rows[start : start + BATCH]}
        position += len(some)
        model.commit(some, model.checkpoint().moved("cases", position))


def read_by_pages(model: ReadModel[Any]) -> None:
    find = Find(where=(Equals("status", CaseStatus.PUBLISHED),), order_by="published_at")
    page, end = model.find(find, limit=PAGE), None
    while page:
        end = Cursor(page[-1].document.published_at, page[-1].key)
        page = model.find(find, limit=PAGE, after=end)


def case_of(number: int) -> CaseDocument:
    at = BEGINNING + timedelta(hours=number // 5)
    return CaseDocument(
        case_id=key_of(number),
        status=CaseStatus.PUBLISHED,
        title=f"A permit for a bribe, number {number}",
        story=STORY,
        location=Location(lat=number % 90, lon=number % 180, name="Town hall"),
        tags=("permits", "town-hall"),
        author=Author(member_id=key_of(number % 99), pseudonym=f"Member {number % 99}"),
        reported_at=at,
        published_at=at,
        updated_at=at,
        version=3,
    )


def change_of(position: int) -> CaseChange:
    return CaseChange(case_id=key_of(position % CASES), public=True, cases=position + 1)


def key_of(number: int) -> str:
    return str(UUID(int=number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How an export arrived, and how large the process was then."""

    first_byte_ms: float
    seconds: float
    megabytes: float
    resident_mb: int
    content: bytes = field(repr=False)
    since: str = field(repr=False)


def read(klarity: Klarity, path: str) -> Read:
    began, first, chunks, sizes = time.perf_counter(), 0.0, [], []
    with requests.get(klarity.url + path, stream=True, timeout=PATIENCE) as reply:
        assert reply.status_code == 200, reply.text
        for chunk in reply.iter_content(1 << 16):
            chunks.append(chunk)
            if len(chunks) == 1:
                first = time.perf_counter() - began
            if len(chunks) % 100 == 1:
                sizes.append(resident(klarity))
    content = b"".join(chunks)
    return Read(
        first_byte_ms=first * 1000,
        seconds=time.perf_counter() - began,
        megabytes=len(content) / 1e6,
        resident_mb=max(sizes),
        content=content,
        since=reply.headers["Klarity-Since"],
    )


def first_bytes(klarity: Klarity, path: str) -> float:
    """Milliseconds to the first byte of the content."""

    def ask() -> float:
        began = time.perf_counter()
        with requests.get(klarity.url + path, stream=True, timeout=PATIENCE) as reply:
            next(reply.iter_content(1))
            return (time.perf_counter() - began) * 1000

    return median(ask() for _ in range(ROUNDS))


def resident(klarity: Klarity) -> int:
    """Megabytes in memory of the process and its children."""
    return sum(map(_resident, [klarity.pid, *_children(klarity.pid)])) // 1024


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def print_exports(klarity: Klarity, floor: float) -> None:
    before = resident(klarity)
    parsers: dict[str, Callable[[bytes], int]] = {"csv": rows_of, "geojson": features_of}
    found = {kind: read(klarity, f"/v1/cases.{kind}") for kind in parsers}
    for kind, parse in parsers.items():
        assert parse(found[kind].content) == CASES
        print(f"{kind}: {found[kind]}")
    with hanging(klarity, SLOW):
        beside = first_bytes(klarity, "/v1/cases.csv")
        print(f"{beside:.0f} ms to the first byte beside {SLOW} clients that do not read")
    rates = [
        Figure(what=kind, rate=CASES / each.seconds, floor=floor, target=LEAST_RATE)
        for kind, each in found.items()
    ]
    page = first_bytes(klarity, f"/v1/cases?limit={PAGE}")
    firsts = {kind: first_bytes(klarity, f"/v1/cases.{kind}") for kind in parsers}
    first = [
        Figure(what=kind, rate=each, floor=page, target=1.0, most=True)
        for kind, each in firsts.items()
    ]
    print_table(f"First byte of an export beside a list of {PAGE} cases", "ms", first)
    print_table(f"Export of {CASES:,} cases beside reading them by pages", "cases a s", rates)
    memory = [
        Figure(what=kind, rate=each.resident_mb, floor=before, target=MOST_MEMORY, most=True)
        for kind, each in found.items()
    ]
    print_table("Memory of the process beside before the exports", "MB", memory)


def rows_of(content: bytes) -> int:
    return sum(1 for _ in csv.DictReader(StringIO(content.decode(), newline="")))


def features_of(content: bytes) -> int:
    return len(json.loads(content)["features"])


@contextmanager
def hanging(klarity: Klarity, count: int) -> Iterator[None]:
    """Clients that ask for an export and do not read it."""
    with ExitStack() as stack:
        for _ in range(count):
            place = urlsplit(klarity.url)
            peer = socket.create_connection((place.hostname or "", place.port or 0))
            stack.enter_context(peer)
            peer.sendall(b"GET /v1/cases.csv HTTP/1.1\r\nHost: x\r\n\r\n")
        yield


def seconds_of(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
