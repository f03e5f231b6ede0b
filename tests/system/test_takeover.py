"""A paused worker that continues beside its successor causes no effect twice."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.executors import Executors
from application.policies.when_subject_is_hidden_then_hide_it_in_cases import (
    WhenSubjectIsHiddenThenHideItInCases,
)
from config.process import Process
from config.settings import read_settings
from domain.actors import SYSTEM, Actor
from domain.cases.case_commands import AcceptEvidence, CaseFacts, ReportCase
from domain.cases.case_details import CaseDetails, CaseStatus
from domain.cases.case_events import CaseRestored
from domain.decider import Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId
from domain.members.member import RegisterMember
from domain.moderation.subject import (
    ApplyOutcome,
    ApplyVerdict,
    RegisterSubject,
    SubjectCommand,
    SubjectFacts,
    SubjectKind,
    Verdict,
    WeighFlag,
    subject_key,
)
from tests.servers import wait_until
from tests.system.deployment import Klarity, shared_stores

pytestmark = pytest.mark.system

CASES = 150
PATIENCE = 300.0
POLICY = WhenSubjectIsHiddenThenHideItInCases.name
ANNA = Actor(member_id=MemberId("anna"), pseudonym="Anna")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@contextmanager
def in_this_process(settings: dict[str, str], folder: Path) -> Iterator[Any]:
    """The parts of a process that has the same stores, and does nothing of itself."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**settings, "DATA": str(folder)}.items():
            patch.setenv(f"KLARITY_{name}", value)
        process = Process(read_settings())
    try:
        yield process.container
    finally:
        process.close()


def a_moderated_case(do: Executors, case_id: CaseId) -> None:
    """Hide a case by flags and by moderators and restore it on appeal, unknown to its context."""
    evidence = EvidenceId(f"evidence of {case_id}")
    details = CaseDetails(title="A permit for a bribe", story="They asked for money.")
    report = ReportCase(case_id=case_id, details=details, evidence=(evidence,), by=ANNA, at=NOW)
    accept = AcceptEvidence(
        evidence_id=evidence,
        kind=MediaKind.PHOTO,
        sha256="ab" * 32,
        commitment="cd" * 32,
        by=SYSTEM,
        at=NOW,
    )
    do.cases.execute(case_id, Informed(report, CaseFacts()), CommandContext(new=True))
    do.cases.execute(case_id, accept, CommandContext())
    for command in moderation_of(case_id):
        do.subjects.execute(subject_key(SubjectKind.CASE, case_id), command, CommandContext())


def moderation_of(case_id: CaseId) -> list[SubjectCommand]:
    decided: dict[str, Any] = {
        "decision_id": f"on {case_id}",
        "rule": "spam",
        "reason_id": f"reason/on {case_id}",
        "by": SYSTEM,
        "at": NOW,
    }
    return [
        RegisterSubject(
            kind=SubjectKind.CASE,
            subject_id=case_id,
            case_id=case_id,
            author=ANNA.member_id,
            by=SYSTEM,
            at=NOW,
        ),
        Informed(
            WeighFlag(flag_id="f1", rule="spam", by=SYSTEM, at=NOW),
            SubjectFacts(weight=1.0, threshold=1.0),
        ),
        ApplyVerdict(verdict=Verdict.HIDE, turns=0, **decided),
        ApplyOutcome(verdict=Verdict.RESTORE, **decided),
    ]


def backlog(do: Executors, cases: list[CaseId]) -> None:
    """Append the events of a time without workers."""
    register = RegisterMember(member_id=ANNA.member_id, pseudonym=ANNA.pseudonym, by=SYSTEM, at=NOW)
    do.members.execute(ANNA.member_id, register, CommandContext(new=True))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda case_id: a_moderated_case(do, case_id), cases))


def test_a_case_restored_on_appeal_stays_public_when_a_paused_worker_continues(
    mongo_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = shared_stores(mongo_url, SERVICES="cases", BUS_URL=redis_url)
    cases = [CaseId(f"case {number}") for number in range(CASES)]
    with in_this_process(settings, tmp_path / "here") as made, ExitStack() as stack:
        do = made.executors()
        backlog(do, cases)
        end = made.stores()["moderation"].read_log(0, CASES * 10)[-1].position
        workers = {}
        for name in ("one", "other"):
            worker = Klarity(tmp_path / name, "work", **settings).start()
            stack.callback(worker.close)
            workers[worker.pid] = worker

        def leader() -> int:
            holder = made.leases().holder(POLICY)
            return next((pid for pid in workers if f"-{pid}-" in str(holder)), 0)

        def all_is_handled() -> bool:
            return bool(made.checkpoints().load(POLICY).at("moderation") == end)

        assert wait_until(lambda: is_restored(do, cases[CASES // 3]), PATIENCE)
        paused = leader()
        os.kill(paused, signal.SIGSTOP)
        try:
            assert wait_until(all_is_handled, PATIENCE)
            successor = leader()
        finally:
            os.kill(paused, signal.SIGCONT)
        assert successor != paused
        assert workers[successor].stop() == 0
        assert wait_until(lambda: leader() == paused, PATIENCE)
        assert workers[paused].stop() == 0
        states = [do.cases.load(case_id).state for case_id in cases]
        assert {state.status for state in states} == {CaseStatus.PUBLISHED}


def is_restored(do: Executors, case_id: CaseId) -> bool:
    return any(isinstance(event, CaseRestored) for event in do.cases.events(case_id))
