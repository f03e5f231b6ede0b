"""Evidence tells of two cases that they have one reporter: an anonymous one shares it with none."""

from collections.abc import Sequence

import pytest

from application.commands.executor import Context
from application.commands.report import Report
from domain.cases.case import AttachEvidence, CaseDetails, ReportCase
from domain.ids import Actor, CaseId, EvidenceId
from tests.world import World, refused


class Reporter:
    """A member with one piece of evidence."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.member = world.member()
        self.item = world.evidence(self.member, "e1")
        self._reporting = Report(world.executors.cases, world.executors.exhibits)

    def report(
        self, case: str, *, anonymous: bool = False, evidence: Sequence[EvidenceId] | None = None
    ) -> None:
        command = ReportCase(
            case_id=CaseId(case),
            details=CaseDetails(title="A bribe", story="They asked for money."),
            evidence=(self.item,) if evidence is None else tuple(evidence),
            anonymous=anonymous,
            by=self.member,
            at=self.world.clock(),
        )
        self._reporting.report(command, Context(command_id=case))
        self.world.settle()

    def attach(self, case: str, by: Actor | None = None) -> None:
        command = AttachEvidence(evidence=(self.item,), by=by or self.member, at=self.world.clock())
        self._reporting.attach(CaseId(case), command, Context())
        self.world.settle()

    def backed(self) -> list[str]:
        cases = self.world.executors.cases
        return [case for case in ("c1", "c2") if cases.load(case).state.shown]


@pytest.fixture
def reporter(world: World) -> Reporter:
    return Reporter(world)


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_evidence_of_an_anonymous_case_is_refused_to_another(
    reporter: Reporter, first: bool, second: bool
) -> None:
    reporter.report("c1", anonymous=first)
    with refused("evidence-taken"):
        reporter.report("c2", anonymous=second)
    reporter.report("c2", anonymous=second, evidence=())
    with refused("evidence-taken"):
        reporter.attach("c2")
    assert reporter.backed() == ["c1"]


def test_what_is_reported_again_under_the_same_id_is_no_other_case(reporter: Reporter) -> None:
    reporter.report("c1", anonymous=True)
    reporter.report("c1", anonymous=True)
    reporter.attach("c1")
    assert reporter.backed() == ["c1"]


def test_open_cases_share_evidence(reporter: Reporter) -> None:
    reporter.report("c1")
    reporter.report("c2")
    assert reporter.backed() == ["c1", "c2"]


def test_what_was_cited_twice_before_anybody_heard_backs_the_first_alone(world: World) -> None:
    anna = world.member()
    item = world.evidence(anna, "e1")
    for case in ("c1", "c2"):
        world.report(anna, item, case_id=case, anonymous=True)
    world.settle()
    states = [world.executors.cases.load(case).state for case in ("c1", "c2")]
    assert [bool(state.shown) for state in states] == [True, False]
