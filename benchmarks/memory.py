"""What one process takes, beside one that has imported the same and does nothing.

All services on the embedded default, after 10,000 events: members support cases and take it back
again, so that logs grow and read models do not. (The target is for 100,000, which take this long
ten times.) Run with ``python -m benchmarks.memory``.
"""

import gc
import subprocess
import sys
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from uuid import uuid4

from application.engine.executor import CommandContext
from benchmarks.measure import Figure, print_table
from config.process import Process
from config.settings import read_settings
from config.use_cases import UseCases
from domain.actors import SYSTEM, Actor
from domain.cases.case_commands import AcceptEvidence, CaseFacts, ReportCase
from domain.cases.case_details import CaseDetails
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId
from domain.members.member import RegisterMember
from tests.servers import wait_until
from tests.system.deployment import environment

MEMBERS, CASES, TURNS = 20, 25, 10
"""Each member supports each case, and takes it back, so many times."""
CLIENTS = 8
EVENTS = MEMBERS * CASES * TURNS * 2
PATIENCE = 600.0
TARGET = 1.3
IDLE, BUSY = "idle", "busy"


def main() -> None:
    idle, busy = used_by(IDLE), used_by(BUSY)
    figure = Figure(what="all services, SQLite", rate=busy, floor=idle, target=TARGET, most=True)
    print_table(f"Memory of one process (USS) after {EVENTS:,} events", "KB", [figure])


def used_by(kind: str) -> int:
    """Kilobytes that a process of its own uses."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", kind],
            env=environment({"DATA": folder, "LOG_LEVEL": "ERROR"}),
            stdout=subprocess.PIPE,
            check=True,
        )
    return int(process.stdout)


def child(kind: str) -> None:
    if kind == IDLE:
        tell_size()
    else:
        with closing(Process(read_settings())) as process:
            be_busy(process)
            tell_size()


def be_busy(process: Process) -> None:
    process.app.test_client().get("/v1/instance")
    process.internal_app.test_client().get("/health/ready")
    process.start()
    Community(process.use_cases).act()
    assert wait_until(lambda: not behind(process), PATIENCE)


def behind(process: Process) -> int:
    return sum(each.lag() for each in process.runtime.running)


def tell_size() -> None:
    """Print the kilobytes of this process that nobody shares."""
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    size = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    sys.stdout.write(f"{size}\n")
    sys.stdout.flush()


class Community:
    """Members who cannot make up their minds."""

    def __init__(self, use_cases: UseCases) -> None:
        self._do = use_cases.executors
        self._engage = use_cases.engage
        self._members = [self._member(number) for number in range(MEMBERS + 1)]
        self._cases = [self._case(self._members[0]) for _ in range(CASES)]

    def act(self) -> None:
        pairs = product(self._members[1:], self._cases)
        with ThreadPoolExecutor(CLIENTS) as pool:
            deque(pool.map(lambda pair: self._waver(*pair), pairs), maxlen=0)

    def _waver(self, member: Actor, case: CaseId) -> None:
        for _ in range(TURNS):
            self._engage.support(case, member, CommandContext())
            self._engage.withdraw_support(case, member, CommandContext())

    def _member(self, number: int) -> Actor:
        member_id, name = MemberId(str(uuid4())), f"Witness {number}"
        command = RegisterMember(
            member_id=member_id, pseudonym=name, by=SYSTEM, at=datetime.now(UTC)
        )
        self._do.members.execute(member_id, command, CommandContext(new=True))
        return Actor(member_id=member_id, pseudonym=name, roles=frozenset())

    def _case(self, author: Actor) -> CaseId:
        """A case that is public."""
        case_id, evidence = CaseId(str(uuid4())), EvidenceId(str(uuid4()))
        now = datetime.now(UTC)
        details = CaseDetails(title="A permit for a bribe", story="They asked for money.")
        reporting = ReportCase(
            case_id=case_id, details=details, evidence=(evidence,), by=author, at=now
        )
        accepting = AcceptEvidence(
            evidence_id=evidence,
            kind=MediaKind.VIDEO,
            sha256="ab" * 32,
            commitment="cd" * 32,
            by=SYSTEM,
            at=now,
        )
        self._do.cases.execute(case_id, Informed(reporting, CaseFacts()), CommandContext(new=True))
        self._do.cases.execute(case_id, accepting, CommandContext())
        return case_id


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1])
    else:
        main()
