"""Exports of the public cases, whole and of what changed."""

from collections.abc import Iterable
from typing import Any

import pytest

from application import exports
from application.engine.answers import NotCaughtUp, Token
from application.engine.executor import CommandContext
from application.engine.filters import KeyList
from application.engine.query_service import Viewer
from application.exports import CaseExports, ExportPart, ExportQuestion, Positions
from application.queries.case_changes import CaseChanges
from domain.actors import Actor
from domain.cases.case_commands import (
    AmendCase,
    AttachEvidence,
    CaseCommand,
    LocateCase,
    TagCase,
    WithdrawCase,
)
from domain.cases.case_details import CaseCategory
from domain.cases.place import Location
from domain.ids import CaseId, CommentId
from tests.application.community import (
    ANYBODY,
    CASE,
    MEMBER,
    RESTORE,
    Reading,
    decide,
    erase,
    moderator,
    rows,
    say,
)
from tests.world import World


@pytest.fixture
def exporting(world: World) -> CaseExports:
    return CaseExports(world.answers["cases"], world.answers["case-changes"])


@pytest.fixture
def start(exporting: CaseExports, world: World, anna: Actor) -> Positions:
    """How far an export had come when there were three public cases."""
    for case_id in ("c1", "c2", "c3"):
        world.public_case(anna, case_id)
    return exporting.reached()


def asked(viewer: Viewer = ANYBODY, **filters: Any) -> ExportQuestion:
    return ExportQuestion(viewer=viewer, filters=filters)


def on_case(world: World, case_id: str, command: CaseCommand) -> None:
    world.executors.cases.execute(case_id, command, CommandContext())
    world.settle()


def ids(parts: Iterable[ExportPart]) -> list[str]:
    return [case.case_id for part in parts for case in part.cases]


def news(exporting: CaseExports, since: Positions, **filters: Any) -> tuple[list[str], list[str]]:
    """The ids of the cases that changed, and of those that are gone."""
    parts = list(exporting.changed(asked(**filters), since))
    return ids(parts), [key for part in parts for key in part.gone or ()]


class TestWhole:
    def test_it_holds_all_public_cases_page_by_page(
        self,
        exporting: CaseExports,
        world: World,
        start: Positions,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        assert start
        monkeypatch.setattr(exports, "PAGE", 2)
        world.report(world.member("Dora"), case_id="waiting")
        world.settle()
        parts = list(exporting.whole(asked()))
        assert ([len(part.cases) for part in parts], sorted(ids(parts))) == (
            [2, 1],
            ["c1", "c2", "c3"],
        )
        assert [part.gone for part in parts] == [None, None]

    def test_a_case_that_was_hidden_before_its_page_was_read_is_not_in_it(
        self,
        exporting: CaseExports,
        world: World,
        mo: Actor,
        start: Positions,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(exports, "PAGE", 1)
        parts = exporting.whole(asked())
        first = ids([next(parts)])
        (later, hidden) = sorted({"c1", "c2", "c3"} - {*first}, reverse=True)
        decide(world, CASE, hidden, mo)
        world.settle()
        assert ids(parts) == [later]
        assert news(exporting, start) == ([], [hidden])

    def test_a_case_that_changes_during_an_export_is_in_the_next_one(
        self,
        exporting: CaseExports,
        world: World,
        anna: Actor,
        start: Positions,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(exports, "PAGE", 1)
        parts = exporting.whole(asked())
        read = ids([next(parts)])
        on_case(world, read[0], AmendCase(changes={"title": "Amended"}, by=anna, at=world.clock()))
        assert sorted([*read, *ids(parts)]) == ["c1", "c2", "c3"]
        assert news(exporting, start) == (read, [])


class TestChanged:
    def test_nothing_changed(self, exporting: CaseExports, start: Positions) -> None:
        assert list(exporting.changed(asked(), start)) == []

    def test_since_the_beginning_all_is_new(self, exporting: CaseExports, start: Positions) -> None:
        beginning = dict.fromkeys(start, 0)
        assert news(exporting, beginning) == (["c1", "c2", "c3"], [])

    def test_new_and_changed_cases_are_in_the_order_of_their_ids(
        self, exporting: CaseExports, world: World, anna: Actor, ben: Actor, start: Positions
    ) -> None:
        on_case(world, "c3", AmendCase(changes={"title": "Amended"}, by=anna, at=world.clock()))
        world.public_case(ben, "c0")
        on_case(world, "c2", TagCase(tag="roads", by=anna, at=world.clock()))
        assert news(exporting, start) == (["c0", "c2", "c3"], [])

    def test_counts_that_an_export_shows_are_changes(
        self, exporting: CaseExports, world: World, ben: Actor, start: Positions
    ) -> None:
        world.engage.support(CaseId("c1"), ben, CommandContext())
        say(world, ben, case_id="c2")
        say(world, ben, case_id="c1", comment_id="k2")
        world.settle()
        assert news(exporting, start) == (["c1", "c2"], [])
        (case,) = exporting.changed(asked(case_ids=KeyList(("c2",))), start)
        assert [each.comments for each in case.cases] == [1]

    def test_a_hidden_pseudonym_is_a_change(
        self, exporting: CaseExports, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        world.public_case(anna, "c1")
        world.public_case(anna, "c2", anonymous=True)
        world.public_case(ben, "c3")
        start = exporting.reached()
        decide(world, MEMBER, anna.member_id, mo)
        world.settle()
        (part,) = exporting.changed(asked(), start)
        (case,) = part.cases
        assert case.case_id == "c1"
        assert case.author
        assert case.author.pseudonym == ""

    def test_a_case_that_is_no_longer_public_is_gone(
        self,
        exporting: CaseExports,
        world: World,
        anna: Actor,
        ben: Actor,
        mo: Actor,
    ) -> None:
        for case_id in ("c1", "c2"):
            world.public_case(anna, case_id)
        world.public_case(ben, "c4")
        since = exporting.reached()
        on_case(world, "c1", WithdrawCase(by=anna, at=world.clock()))
        decide(world, CASE, "c2", mo)
        erase(world, ben)
        assert news(exporting, since) == ([], ["c1", "c2", "c4"])
        world.build_read_models()
        world.settle()
        rebuilt = CaseExports(world.answers["cases"], world.answers["case-changes"])
        assert news(rebuilt, since) == ([], ["c1", "c2", "c4"])

    def test_a_restored_case_is_back(
        self, exporting: CaseExports, world: World, mo: Actor, start: Positions
    ) -> None:
        decide(world, CASE, "c2", mo)
        world.settle()
        hidden = exporting.reached()
        decide(world, CASE, "c2", mo, RESTORE, decision_id="d2")
        world.settle()
        assert news(exporting, hidden) == news(exporting, start) == (["c2"], [])

    def test_a_case_that_does_not_match_the_filters_any_more_is_gone(
        self, exporting: CaseExports, world: World, anna: Actor, start: Positions
    ) -> None:
        fraud = AmendCase(changes={"category": CaseCategory.FRAUD}, by=anna, at=world.clock())
        on_case(world, "c1", fraud)
        assert news(exporting, start, category=CaseCategory.OTHER) == ([], ["c1"])
        assert news(exporting, start, category=CaseCategory.FRAUD) == (["c1"], [])
        assert news(exporting, start, case_ids=KeyList(("c2",))) == ([], [])

    def test_what_happens_to_a_hidden_case_is_told_to_nobody(
        self, exporting: CaseExports, world: World, anna: Actor, mo: Actor, start: Positions
    ) -> None:
        say(world, anna, case_id="c1")
        decide(world, CASE, "c1", mo)
        world.settle()
        hidden = exporting.reached()
        place = Location(lat=1, lon=2)
        more = world.evidence(anna, "more")
        for command in (
            AmendCase(changes={"title": "Amended"}, by=anna, at=world.clock()),
            LocateCase(location=place, by=anna, at=world.clock()),
            AttachEvidence(evidence=(more,), by=anna, at=world.clock()),
        ):
            on_case(world, "c1", command)
        world.discuss.remove(CommentId("k1"), anna, CommandContext())
        world.report(anna, case_id="waiting")
        world.settle()
        assert exporting.reached() != hidden
        assert news(exporting, hidden) == ([], [])

    def test_many_changes_are_read_in_rounds(
        self, exporting: CaseExports, start: Positions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, size in {"ROWS": 1, "ROUND": 2, "PAGE": 1}.items():
            monkeypatch.setattr(exports, name, size)
        parts = list(exporting.changed(asked(), dict.fromkeys(start, 0)))
        assert [len(part.cases) for part in parts] == [1, 1, 1]
        assert sorted(ids(parts)) == ["c1", "c2", "c3"]

    def test_a_write_that_is_not_projected_yet_is_waited_for(
        self, exporting: CaseExports, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.engine.answers.LONGEST_WAIT", 0.0)
        with pytest.raises(NotCaughtUp):
            exporting.reached(Token("cases", "case-c1", 99))

    @pytest.mark.parametrize("first", ["cases", "discussions", "members"])
    def test_the_order_of_the_logs_changes_nothing(
        self, world: World, anna: Actor, ben: Actor, first: str
    ) -> None:
        mo = moderator(world)
        for case_id in ("c1", "c2", "c3"):
            world.public_case(anna, case_id)
        say(world, ben, case_id="c1")
        say(world, ben, case_id="c2", comment_id="k2")
        decide(world, CASE, "c2", mo)
        decide(world, MEMBER, anna.member_id, mo, decision_id="d2")
        world.settle()
        reading = Reading(world, CaseChanges())
        reading.catch_up(first)
        reading.catch_up()
        assert reading.rows == rows(world, "case-changes")
