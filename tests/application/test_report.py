"""Reporting: an anonymous case shares its evidence with no other case."""

from collections.abc import Sequence

import pytest

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.queries.notification import NotificationKind
from domain.actors import SYSTEM, Actor
from domain.cases.case_commands import AttachEvidence, ReportCase, RetractEvidence, WithholdEvidence
from domain.cases.case_details import CaseDetails
from domain.cases.exhibit import NOT_YOURS, TAKEN
from domain.evidence.evidence import RejectEvidence
from domain.ids import CaseId, EvidenceId
from tests.world import World, refused


class Reporter:
    """A member with one piece of evidence."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.member = world.member()
        owner = world.use_cases.authorship.owner_of(self.member, EvidenceId("e1"))
        self.item = world.evidence(Actor(member_id=owner), "e1")
        self._reporting = world.use_cases.report

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
        self._reporting.report(command, CommandContext(command_id=f"report {case}"))
        self.world.settle()

    def attach(self, case: str, by: Actor | None = None) -> None:
        command = AttachEvidence(evidence=(self.item,), by=by or self.member, at=self.world.clock())
        self._reporting.attach(CaseId(case), command, CommandContext())
        self.world.settle()

    def backed(self) -> list[str]:
        cases = self.world.executors.cases
        return [case for case in ("c1", "c2") if cases.load(case).state.shown_evidence]


@pytest.fixture
def reporter(world: World) -> Reporter:
    return Reporter(world)


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_evidence_of_an_anonymous_case_cannot_back_another_case(
    reporter: Reporter, first: bool, second: bool
) -> None:
    reporter.report("c1", anonymous=first)
    with refused("evidence-taken"):
        reporter.report("c2", anonymous=second)
    reporter.report("c2", anonymous=second, evidence=())
    with refused("evidence-taken"):
        reporter.attach("c2")
    assert reporter.backed() == ["c1"]


def test_repeating_an_anonymous_report_with_its_id_is_accepted(reporter: Reporter) -> None:
    reporter.report("c1", anonymous=True)
    reporter.report("c1", anonymous=True)
    reporter.attach("c1")
    assert reporter.backed() == ["c1"]


def test_open_cases_share_evidence(reporter: Reporter) -> None:
    reporter.report("c1")
    reporter.report("c2")
    assert reporter.backed() == ["c1", "c2"]


def test_evidence_cited_by_two_anonymous_cases_at_once_backs_the_first_only(world: World) -> None:
    anna = world.member()
    item = world.evidence(anna, "e1")
    for case in ("c1", "c2"):
        world.report(anna, item, case_id=case, anonymous=True)
    world.settle()
    states = [world.executors.cases.load(case).state for case in ("c1", "c2")]
    assert [bool(state.shown_evidence) for state in states] == [True, False]


SILENT = "No sound was recorded. Please record it again."


class TestProgressOfEvidence:
    """Of their case: in the case itself, and as a notification."""

    def test_the_author_is_notified_of_rejected_evidence_with_its_reason(
        self, world: World
    ) -> None:
        anna = world.member()
        world.unsafe["e1"] = SILENT
        world.report(anna, world.evidence(anna, "e1"))
        assert progress(world, anna) == []
        world.settle()
        assert progress(world, anna) == [("e1", "refused", SILENT)]
        assert notified(world, anna) == [(NotificationKind.EVIDENCE_REFUSED, "e1", SILENT)]

    def test_the_author_sees_awaited_and_accepted_evidence(self, world: World) -> None:
        anna = world.member()
        world.report(anna, EvidenceId("not there"), world.evidence(anna, "e1"))
        world.settle()
        expected = [("not there", "awaited", None), ("e1", "accepted", None)]
        assert progress(world, anna) == expected
        assert notified(world, anna) == []  # but that the case is public
        attach(world, anna, world.evidence(anna, "e2"))
        assert notified(world, anna) == [(NotificationKind.EVIDENCE_ACCEPTED, "e2", None)]

    def test_other_members_see_no_progress_of_evidence(self, world: World) -> None:
        anna, ben = world.member(), world.member("Ben")
        world.unsafe["e2"] = SILENT
        world.report(anna, world.evidence(anna, "e1"), world.evidence(anna, "e2"))
        world.settle()
        assert progress(world, ben) == []
        assert notified(world, ben) == []

    def test_contributor_and_author_are_notified_of_refused_evidence(self, world: World) -> None:
        anna, ben = world.member(), world.member("Ben")
        world.public_case(anna)
        world.unsafe["e2"] = SILENT
        attach(world, ben, world.evidence(ben, "e2"))
        refusal = (NotificationKind.EVIDENCE_REFUSED, "e2", SILENT)
        assert refusal in notified(world, ben)
        assert refusal in notified(world, anna)

    def test_the_author_sees_the_refusal_of_evidence_of_another_member(self, world: World) -> None:
        anna, ben = world.member(), world.member("Ben")
        world.report(ben, EvidenceId("e1"))
        world.settle()
        world.evidence(anna, "e1")
        world.settle()
        assert progress(world, ben) == [("e1", "refused", NOT_YOURS)]

    def test_the_author_sees_the_refusal_of_evidence_that_backs_an_anonymous_case(
        self, world: World
    ) -> None:
        anna = world.member()
        item = world.evidence(anna, "e1")
        for case in ("c2", "c1"):
            world.report(anna, item, case_id=case, anonymous=True)
        world.settle()
        assert progress(world, anna) == [("e1", "refused", TAKEN)]

    def test_citing_rejected_evidence_again_is_refused(self, reporter: Reporter) -> None:
        reporter.world.unsafe["e1"] = SILENT
        reporter.report("c1")
        with refused("evidence-rejected"):
            reporter.attach("c1")
        with refused("evidence-rejected"):
            reporter.report("c2")

    def test_repeating_a_report_is_accepted_after_its_evidence_was_rejected(
        self, reporter: Reporter
    ) -> None:
        reporter.world.unsafe["e1"] = SILENT
        reporter.report("c1")
        reporter.report("c1")
        assert len(reporter.world.executors.cases.events("c1")) == 2

    def test_rejected_evidence_of_an_erased_member_creates_no_exhibit(self, world: World) -> None:
        anna = world.member()
        world.evidence(anna, "e1")
        rejection = RejectEvidence(reason=SILENT, by=SYSTEM, at=world.clock())
        world.executors.evidence.execute("e1", rejection, CommandContext())
        world.vault.destroy(anna.member_id)
        world.settle()
        assert world.executors.exhibits.load("e1").state.owner is None

    def test_the_author_sees_withheld_and_retracted_evidence(self, world: World) -> None:
        anna = world.member()
        world.public_case(anna)
        attach(world, anna, world.evidence(anna, "e2"))
        at = world.clock()
        withhold = WithholdEvidence(
            evidence_id=EvidenceId("e2"), rule="staged-evidence", by=SYSTEM, at=at
        )
        world.executors.cases.execute("c1", withhold, CommandContext())
        world.settle()
        assert progress(world, anna)[1] == ("e2", "withheld", None)
        retract = RetractEvidence(evidence_id=EvidenceId("e2"), by=anna, at=at)
        world.executors.cases.execute("c1", retract, CommandContext())
        world.settle()
        assert progress(world, anna) == [("e-c1", "accepted", None)]


def attach(world: World, by: Actor, item: EvidenceId) -> None:
    command = AttachEvidence(evidence=(item,), by=by, at=world.clock())
    world.executors.cases.execute("c1", command, CommandContext())
    world.settle()


def progress(world: World, viewer: Actor) -> list[tuple[str, str, str | None]]:
    """The progress of the evidence of the case, as the viewer sees it."""
    document = world.answers["cases"].one("c1", Viewer(viewer))
    cited = document.cited if document else ()
    return [(each.evidence_id, str(each.progress), each.reason) for each in cited]


def notified(world: World, member: Actor) -> list[tuple[NotificationKind, str, str | None]]:
    """The notifications of the member about evidence."""
    page = world.answers["notifications"].page(Viewer(member), {}, limit=50)
    return [(each.kind, each.subject_id, each.reason) for each in page.documents if each.subject_id]
