"""The cases that a member reported: only they find the anonymous ones, and what each lacks."""

from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.ports.read_models import Find
from application.queries.case_document import EvidenceProgress
from application.queries.my_cases import Missing
from domain.actors import SYSTEM, Actor
from domain.cases.case_commands import AmendCase, AttachEvidence, RetractEvidence, WithdrawCase
from domain.cases.case_details import CaseCategory, CaseStatus
from domain.evidence.evidence import BeginSanitising, EvidenceStatus
from domain.ids import EvidenceId
from tests.application.community import (
    CASE,
    EVIDENCE,
    RESTORE,
    answered,
    ask_to_be_erased,
    decide,
    erase,
    flag,
    mine,
    moderator,
    must_be_rebuilt_alike,
    one,
    read_models_with,
    tables,
)
from tests.application.test_anonymous_authors import report
from tests.world import World


def change(world: World, command: Any) -> None:
    world.executors.cases.execute("c1", command, CommandContext())
    world.settle()


def only(world: World, member: Actor) -> dict[str, Any]:
    (found,) = mine(world, member, "cases")
    return found


def attach(world: World, by: Actor, item: EvidenceId) -> None:
    change(world, AttachEvidence(evidence=(item,), by=by, at=world.clock()))


def hide(world: World, key: str = "c1", kind: Any = CASE) -> Actor:
    mo = moderator(world)
    decide(world, kind, key, mo, reason="It names a witness.")
    world.settle()
    return mo


class TestWhoFindsThem:
    def test_the_author_finds_named_and_anonymous_cases_and_nobody_else_does(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        report(world, anna)
        world.public_case(anna, "c2")
        found = {case["case_id"]: case["anonymous"] for case in mine(world, anna, "cases")}
        assert found == {"c1": True, "c2": False}
        assert mine(world, ben, "cases") == []
        assert mine(world, moderator(world), "cases") == []
        assert answered(world)["my-cases"] == []
        world.settle()
        must_be_rebuilt_alike(world, anna, ben)

    def test_no_row_names_the_author_of_an_anonymous_case(self, world: World, anna: Actor) -> None:
        report(world, anna)
        rows = list(tables(world, world.answers["my-cases"].service))
        assert "'c1'" in repr(rows)
        assert anna.member_id not in repr(rows)

    def test_the_newest_case_comes_first_page_by_page(self, world: World, anna: Actor) -> None:
        for number in range(3):
            world.report(anna, case_id=f"c{number}")
            world.clock.wind(hours=1)
        world.settle()
        viewer, answers = world.viewer(anna), world.answers["my-cases"]
        first = answers.page(viewer, {}, limit=2)
        rest = answers.page(viewer, {}, limit=2, after=first.next)
        assert [case.case_id for case in first.documents] == ["c2", "c1"]
        assert [case.case_id for case in rest.documents] == ["c0"]

    @pytest.mark.parametrize("anonymous", [False, True])
    def test_nothing_is_left_after_an_erasure(
        self, world: World, anna: Actor, anonymous: bool
    ) -> None:
        report(world, anna) if anonymous else world.public_case(anna)
        ask_to_be_erased(world, anna)
        world.settle()
        assert mine(world, anna, "cases") == []
        model = world.model(world.answers["my-cases"].service)
        assert model.find(Find(), limit=9) == []
        must_be_rebuilt_alike(world, anna)
        assert "my-cases" not in read_models_with(world, "A bribe")
        assert all("'c1'" not in repr(row) for row in tables(world, service(world)))


def service(world: World) -> Any:
    return world.answers["my-cases"].service


class TestStatus:
    def test_a_public_case_is_shown_as_it_is_now(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        changes = {"title": "Two bribes", "category": CaseCategory.BRIBERY}
        change(world, AmendCase(changes=changes, by=anna, at=world.clock()))
        case = only(world, anna)
        assert (case["title"], case["category"]) == ("Two bribes", CaseCategory.BRIBERY)
        assert (case["status"], case["missing"]) == (CaseStatus.PUBLISHED, None)
        assert case["published_at"] == case["reported_at"]
        assert case["version"] == one(world, "cases", "c1")["version"]

    def test_a_hidden_case_says_by_which_decision_and_why(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        mo = hide(world)
        case = only(world, anna)
        assert case["status"] is CaseStatus.HIDDEN
        hidden = case["hidden"]
        assert (hidden.rule, hidden.decision_id) == ("spam", "d1")
        assert hidden.reason == "It names a witness."
        must_be_rebuilt_alike(world, anna)
        world.moderate.redact("d1", mo, CommandContext(), of_outcome=False)
        world.settle()
        assert only(world, anna)["hidden"].reason is None
        decide(world, CASE, "c1", mo, RESTORE, decision_id="d2")
        world.settle()
        case = only(world, anna)
        assert (case["status"], case["hidden"]) == (CaseStatus.PUBLISHED, None)

    def test_flags_hide_a_case_without_a_decision(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        flag(world, CASE, "c1", moderator(world))
        world.settle()
        hidden = only(world, anna)["hidden"]
        assert (hidden.rule, hidden.decision_id, hidden.reason) == ("spam", None, None)

    def test_a_withdrawn_case_stays_in_the_list(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        change(world, WithdrawCase(by=anna, at=world.clock()))
        assert only(world, anna)["status"] is CaseStatus.WITHDRAWN


class TestWhatIsMissing:
    def test_a_case_without_evidence_misses_some(self, world: World, anna: Actor) -> None:
        world.report(anna)
        world.settle()
        case = only(world, anna)
        assert (case["missing"], case["evidence"]) == (Missing.EVIDENCE, ())

    def test_a_file_that_has_not_arrived_is_awaited(self, world: World, anna: Actor) -> None:
        world.report(anna, EvidenceId("e1"))
        world.settle()
        case = only(world, anna)
        (item,) = case["evidence"]
        assert case["missing"] is Missing.UPLOAD
        assert (item.progress, item.status) == (EvidenceProgress.AWAITED, None)

    def test_a_file_that_is_being_checked_is_awaited(self, world: World, anna: Actor) -> None:
        world.report(anna, world.evidence(anna))
        self.catch_up(world)
        assert self.checked(world, anna) == (Missing.CHECK, "video", EvidenceStatus.RECEIVED)
        begin = BeginSanitising(by=SYSTEM, at=world.clock())
        world.executors.evidence.execute("e1", begin, CommandContext())
        self.catch_up(world)
        assert self.checked(world, anna) == (Missing.CHECK, "video", EvidenceStatus.SANITISING)

    def checked(self, world: World, member: Actor) -> tuple[Any, ...]:
        case = only(world, member)
        (item,) = case["evidence"]
        return case["missing"], item.kind, item.status

    def catch_up(self, world: World) -> None:
        """Let only the query service handle what happened."""
        world.projections().open(service(world), world.newest_build(service(world))).catch_up()

    def test_rejected_evidence_says_why(self, world: World, anna: Actor) -> None:
        world.unsafe["e1"] = "It cannot be read; export it again."
        world.report(anna, world.evidence(anna))
        world.settle()
        case = only(world, anna)
        (item,) = case["evidence"]
        assert case["missing"] is Missing.EVIDENCE
        assert (item.progress, item.status) == (EvidenceProgress.REFUSED, EvidenceStatus.REJECTED)
        assert item.reason == "It cannot be read; export it again."
        must_be_rebuilt_alike(world, anna)

    def test_evidence_can_be_attached_and_retracted(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        attach(world, anna, world.evidence(anna, "e2"))
        items = only(world, anna)["evidence"]
        assert [item.evidence_id for item in items] == ["e-c1", "e2"]
        assert {item.progress for item in items} == {EvidenceProgress.ACCEPTED}
        for key in ("e-c1", "e2"):
            at = world.clock()
            change(world, RetractEvidence(evidence_id=EvidenceId(key), by=anna, at=at))
        case = only(world, anna)
        assert (case["status"], case["missing"]) == (
            CaseStatus.AWAITING_EVIDENCE,
            Missing.EVIDENCE,
        )

    def test_hidden_evidence_says_why(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        hide(world, "e-c1", EVIDENCE)
        case = only(world, anna)
        (item,) = case["evidence"]
        assert item.progress is EvidenceProgress.WITHHELD
        assert (item.hidden.decision_id, item.hidden.reason) == ("d1", "It names a witness.")
        assert (case["missing"], case["hidden"]) == (Missing.EVIDENCE, None)

    def test_evidence_of_an_erased_contributor_is_gone(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        world.public_case(anna)
        attach(world, ben, world.evidence(ben, "e2"))
        assert len(only(world, anna)["evidence"]) == 2
        erase(world, ben)
        assert [item.evidence_id for item in only(world, anna)["evidence"]] == ["e-c1"]
        must_be_rebuilt_alike(world, anna)
