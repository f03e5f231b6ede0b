"""How soon a restarted server answers each public case, and what its memory is then.

``python -m benchmarks.restart`` publishes a few hundred cases. ``python -m benchmarks.restart 20000
FOLDER`` keeps so many in a folder, which can be measured again, with each kind of read models or
with those that are named.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from uuid import uuid4

import requests

from application.engine.executor import CommandContext
from benchmarks.append import BODY
from config.process import Process
from config.settings import read_settings
from config.use_cases import UseCases
from domain.actors import SYSTEM, Actor
from domain.cases.case_commands import AcceptEvidence, CaseFacts, ReportCase
from domain.cases.case_details import CaseCategory, CaseDetails
from domain.cases.place import Location
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId
from domain.members.member import RegisterMember
from tests.servers import wait_until
from tests.system.deployment import Klarity, environment

FEW = 300
MEMBERS = 200
CLIENTS = 16
SUPPORTS = 2
CHECKED = 200
PATIENCE = 3600.0
TICKS = os.sysconf("SC_CLK_TCK")
KINDS = ("sqlite", "memory")
TAGS = ("permit", "counter", "road", "school", "clinic", "police", "customs", "water")


def main() -> None:
    with TemporaryDirectory() as folder:
        measure(FEW, Path(folder), KINDS)


def measure(cases: int, folder: Path, kinds: Sequence[str]) -> None:
    data = folder / "data"
    if not (data / "cases.txt").exists():
        fill(cases, data)
    ids = (data / "cases.txt").read_text().split()
    for kind in kinds:
        print_restart(kind, ids, folder)


# Filling


@contextmanager
def process_in(data: Path, **settings: str) -> Iterator[Process]:
    os.environ.clear()
    os.environ.update(environment({"DATA": str(data), "LOG_LEVEL": "ERROR", **settings}))
    with closing(Process(read_settings())) as process:
        yield process


def fill(cases: int, data: Path) -> None:
    start = time.perf_counter()
    with process_in(data) as process:
        community = Community(process.use_cases)
        with ThreadPoolExecutor(CLIENTS) as pool:
            ids = list(pool.map(community.publish, range(cases)))
        tell("appended", cases=cases, seconds=time.perf_counter() - start)
        start = time.perf_counter()
        process.start()
        assert wait_until(lambda: not behind(process), PATIENCE)
        ends = {log: store.last_position() for log, store in process.container.stores().items()}
        seconds = time.perf_counter() - start
    tell("settled", seconds=seconds, events=sum(ends.values()), rate=sum(ends.values()) / seconds)
    (data / "cases.txt").write_text("\n".join(ids))


def behind(process: Process) -> int:
    return sum(each.lag() for each in process.runtime.running)


class Community:
    """Members who report cases and support each other's."""

    def __init__(self, use_cases: UseCases) -> None:
        self._do = use_cases.executors
        self._engage = use_cases.engage
        self._random = Random(1)
        self._members = [self._member(number) for number in range(MEMBERS)]

    def publish(self, number: int) -> CaseId:
        case_id, evidence = CaseId(str(uuid4())), EvidenceId(str(uuid4()))
        now, author = datetime.now(UTC), self._members[number % MEMBERS]
        reporting = ReportCase(
            case_id=case_id,
            details=CaseDetails(
                title=f"Money asked for at counter {number}",
                story=BODY.decode()[:700],
                category=self._random.choice(list(CaseCategory)),
            ),
            location=Location(
                lat=self._random.uniform(35, 60), lon=self._random.uniform(-10, 30), name="A town"
            ),
            tags=tuple(self._random.sample(TAGS, 2)),
            evidence=(evidence,),
            by=author,
            at=now,
        )
        accepting = AcceptEvidence(
            evidence_id=evidence,
            kind=MediaKind.PHOTO,
            sha256="ab" * 32,
            commitment="cd" * 32,
            by=SYSTEM,
            at=now,
        )
        self._do.cases.execute(case_id, Informed(reporting, CaseFacts()), CommandContext(new=True))
        self._do.cases.execute(case_id, accepting, CommandContext())
        for other in range(1, SUPPORTS + 1):
            supporter = self._members[(number + other) % MEMBERS]
            self._engage.support(case_id, supporter, CommandContext())
        return case_id

    def _member(self, number: int) -> Actor:
        member_id, name = MemberId(str(uuid4())), f"Witness {number}"
        command = RegisterMember(
            member_id=member_id, pseudonym=name, by=SYSTEM, at=datetime.now(UTC)
        )
        self._do.members.execute(member_id, command, CommandContext(new=True))
        return Actor(member_id=member_id, pseudonym=name, roles=frozenset())


# Restarting


def print_restart(kind: str, cases: list[str], folder: Path) -> None:
    server = Klarity(folder, READ_MODELS=kind, LOG_LEVEL="WARNING", RATE_LIMIT="1000000 per minute")
    start = time.perf_counter()
    server.launch()
    try:
        first = until(server, f"/v1/cases/{cases[-1]}")
        answered, used = time.perf_counter() - start, processor_seconds(server.pid)
        for case in Random(1).sample(cases, min(CHECKED, len(cases))):
            assert requests.get(f"{server.url}/v1/cases/{case}", timeout=60).status_code == 200
        checked = time.perf_counter() - start
        server.wait_until_ready()
        ready = time.perf_counter() - start
        time.sleep(5)
        tell(
            kind,
            cases=len(cases),
            first_answer=answered,
            of_processor=used,
            refused_before=first,
            checked_200=checked,
            ready=ready,
            rss=memory_of(server.pid, "VmRSS"),
            peak=memory_of(server.pid, "VmHWM"),
        )
    finally:
        server.stop()


def until(server: Klarity, path: str) -> int:
    """Ask until it is answered. Returns how many requests were refused with 503."""
    refused = 0
    while True:
        try:
            reply = requests.get(server.url + path, timeout=60)
        except requests.ConnectionError:
            time.sleep(0.02)
            continue
        if reply.ok:
            return refused
        assert reply.status_code == 503, reply.status_code
        refused += 1
        time.sleep(0.02)


def memory_of(pid: int, what: str) -> str:
    """Return the megabytes of a process and of those that it started."""
    return " + ".join(str(round(kilobytes(each, what) / 1024)) for each in family(pid))


def processor_seconds(pid: int) -> float:
    """Return how long a process and those that it started have kept a processor busy."""
    times = (
        Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family(pid)
    )
    return (
        sum(int(user) + int(system) for *_, user, system in (each[:13] for each in times)) / TICKS
    )


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def kilobytes(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def tell(what: str, **figures: object) -> None:
    told = (f"{k} {round(v, 2) if isinstance(v, float) else v}" for k, v in figures.items())
    sys.stdout.write(f"{what}: {', '.join(told)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or KINDS)
    else:
        main()
