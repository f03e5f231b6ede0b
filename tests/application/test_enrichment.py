"""Enriching a case: parties, disputes, evidence and locations of other members."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from application.engine.executor import CommandContext, CommandMismatch, StaleVersion
from application.engine.query_service import Viewer
from domain.actors import Actor
from domain.cases.case_commands import (
    AttachEvidence,
    LocateCase,
    RetractEvidence,
    RetractLocation,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.case_details import CaseStatus
from domain.cases.case_events import PartyAdded
from domain.cases.party import PartyDetails, PartyKind
from domain.cases.place import Location
from domain.ids import CaseId, EvidenceId, PartyId
from tests.application.community import (
    CASE,
    EVIDENCE,
    PARTY,
    RESTORE,
    accept_proposals,
    decide,
    erase,
    listed,
    must_be_rebuilt_alike,
    name_party,
    one,
    read_models_with,
    rows,
    seen_by_all,
)
from tests.world import World, refused

C1, P1 = CaseId("c1"), PartyId("p1")


@pytest.fixture
def world() -> World:
    """A world of today: links are signed for a while from now on."""
    world = World()
    world.clock.now = datetime.now(UTC)
    return world


@pytest.fixture
def anna(world: World) -> Actor:
    anna = world.member("Anna")
    world.public_case(anna)
    return anna


@pytest.fixture
def ben(world: World, anna: Actor) -> Actor:
    return world.member("Ben")


def parties(world: World, viewer: Viewer | None = None) -> Any:
    return one(world, "cases", "c1", viewer or Viewer())["parties"]


def dispute(world: World, mo: Actor, statement: str = "We did not.") -> None:
    token = world.enrich.invite_to_dispute(P1, C1, mo, str(uuid4()))
    world.enrich.dispute(token, statement, CommandContext())
    world.settle()


def change(world: World, command: Any, case_id: str = "c1") -> None:
    world.executors.cases.execute(case_id, command, CommandContext())
    world.settle()


def attach(world: World, by: Actor, name: str, case_id: str = "c1") -> EvidenceId:
    evidence = world.evidence(by, name)
    change(world, AttachEvidence(evidence=(evidence,), by=by, at=world.clock()), case_id)
    return evidence


class TestParties:
    def test_a_party_is_shown_with_the_member_who_named_it(self, world: World, ben: Actor) -> None:
        name_party(world, ben, evidence=(EvidenceId("e-c1"),))
        world.settle()
        (party,) = parties(world)
        assert (party.name, party.role, party.added_by.pseudonym) == (
            "Town hall",
            "took the money",
            "Ben",
        )
        assert party.evidence == ("e-c1",)
        with refused("not-found"):
            name_party(world, ben, party_id="p2", evidence=("e-other",))

    def test_a_command_killed_between_adding_and_naming_a_party_can_be_repeated(
        self, world: World, ben: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        details = PartyDetails(kind=PartyKind.ORGANISATION, name="Town hall", role="took it")
        context = CommandContext(command_id="from-bens-phone")
        with monkeypatch.context() as dying:
            dying.setattr(world.executors.parties, "execute", die)
            with pytest.raises(SystemExit):
                world.enrich.name_party(P1, C1, details, ben, context)
        first = world.enrich.name_party(P1, C1, details, ben, context)
        assert world.enrich.name_party(P1, C1, details, ben, context) == first
        world.settle()
        assert [party.name for party in parties(world)] == ["Town hall"]
        added = [e for e in world.executors.cases.events("c1") if isinstance(e, PartyAdded)]
        assert len(added) == 1

    def test_a_killed_command_can_be_repeated_with_its_version_after_the_case_changed(
        self, world: World, anna: Actor, ben: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        details = PartyDetails(kind=PartyKind.ORGANISATION, name="Town hall", role="took it")
        version = world.executors.cases.load("c1").head.version
        context = CommandContext(command_id="from-bens-phone", fingerprint="party", version=version)
        with monkeypatch.context() as dying:
            dying.setattr(world.executors.parties, "execute", die)
            with pytest.raises(SystemExit):
                world.enrich.name_party(P1, C1, details, ben, context)
        change(world, TagCase(tag="roads", by=anna, at=world.clock()))
        first = world.enrich.name_party(P1, C1, details, ben, context)
        assert world.enrich.name_party(P1, C1, details, ben, context) == first
        with pytest.raises(CommandMismatch):
            world.enrich.name_party(P1, C1, details, ben, replace(context, fingerprint="other"))
        world.settle()
        assert [party.name for party in parties(world)] == ["Town hall"]

    def test_a_refused_party_does_not_change_its_case(self, world: World, ben: Actor) -> None:
        world.public_case(ben, "c2")
        name_party(world, ben)
        details = PartyDetails(kind=PartyKind.ORGANISATION, name="Town hall", role="took it")
        before = world.executors.cases.load("c1"), world.executors.cases.load("c2")
        with pytest.raises(StaleVersion):
            world.enrich.name_party(PartyId("p2"), C1, details, ben, CommandContext(version=99))
        for case_id in ("c1", "c2"):
            with refused("already-named"):
                name_party(world, ben, case_id=case_id)
        assert before == (world.executors.cases.load("c1"), world.executors.cases.load("c2"))

    def test_cases_can_be_filtered_by_party(self, world: World, ben: Actor, mo: Actor) -> None:
        name_party(world, ben)
        world.settle()
        assert self.found(world, "town hall") == ["c1"]
        assert self.found(world, "harbour") == []
        decide(world, PARTY, "p1", mo)
        world.settle()
        assert self.found(world, "town hall") == []

    def found(self, world: World, name: str) -> list[str]:
        return [case["case_id"] for case in listed(world, "cases", party=name)]

    def test_a_party_named_by_an_anonymous_author_does_not_show_the_author(
        self, world: World
    ) -> None:
        ghost = world.member("Ghost")
        world.public_case(ghost, anonymous=True)
        name_party(world, ghost)
        world.settle()
        assert [party.added_by for party in parties(world)] == [None]
        must_be_rebuilt_alike(world)

    def test_a_retracted_party_is_not_shown(self, world: World, anna: Actor, ben: Actor) -> None:
        name_party(world, ben)
        name_party(world, ben, "Harbour", party_id="p2")
        world.settle()
        with refused("forbidden"):
            world.enrich.retract_party(P1, C1, world.member("Cleo"), CommandContext())
        world.enrich.retract_party(P1, C1, ben, CommandContext())
        world.enrich.retract_party(PartyId("p2"), C1, anna, CommandContext())
        world.settle()
        assert parties(world) == ()
        must_be_rebuilt_alike(world)

    def test_a_party_retracted_while_hidden_is_not_shown_when_it_is_restored(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        name_party(world, ben)
        world.settle()
        decide(world, PARTY, "p1", mo)
        world.settle()
        world.enrich.retract_party(P1, C1, ben, CommandContext())
        world.settle()
        decide(world, PARTY, "p1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert "Town hall" not in seen_by_all(world)
        must_be_rebuilt_alike(world)

    def test_adding_a_party_to_an_invisible_case_is_refused(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        change(world, WithdrawCase(by=anna, at=world.clock()))
        with refused("not-found"):
            name_party(world, ben)
        with refused("withdrawn"):
            name_party(world, anna)


def die(*_: object) -> None:
    raise SystemExit


class TestDisputes:
    def test_a_dispute_link_accepts_one_statement(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        name_party(world, ben)
        token = world.enrich.invite_to_dispute(P1, C1, mo, str(uuid4()))
        world.enrich.dispute(token, "We did not.", CommandContext())
        with refused("already-disputed"):
            world.enrich.dispute(token, "Again.", CommandContext())
        dispute(world, mo, "Really not.")
        (party,) = parties(world)
        assert [each.statement for each in party.disputes] == ["We did not.", "Really not."]
        must_be_rebuilt_alike(world)

    def test_only_moderators_invite_and_only_for_parties_of_the_case(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        name_party(world, ben)
        with refused("forbidden"):
            world.enrich.invite_to_dispute(P1, C1, ben, "d1")
        with refused("not-found"):
            world.enrich.invite_to_dispute(P1, CaseId("c2"), mo, "d1")
        world.enrich.retract_party(P1, C1, ben, CommandContext())
        with refused("not-found"):
            world.enrich.invite_to_dispute(P1, C1, mo, str(uuid4()))

    def test_moderators_cannot_invite_to_dispute_their_own_case_or_party(
        self, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        name_party(world, ben)
        for own in (anna, ben):
            with refused("not-oneself"):
                world.enrich.invite_to_dispute(P1, C1, replace(own, roles=mo.roles), "d1")

    def test_a_forged_dispute_link_is_refused(self, world: World) -> None:
        with refused("bad-link"):
            world.enrich.dispute("a.b.c", "We did not.", CommandContext())

    def test_a_statement_on_a_hidden_party_is_shown_when_the_party_is_restored(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        name_party(world, ben)
        world.settle()
        decide(world, PARTY, "p1", mo)
        world.settle()
        dispute(world, mo)
        assert "We did not." not in seen_by_all(world)
        decide(world, PARTY, "p1", mo, RESTORE, decision_id="d2")
        world.settle()
        (party,) = parties(world)
        assert [each.statement for each in party.disputes] == ["We did not."]

    def test_a_statement_is_shown_with_its_own_party_only(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        name_party(world, ben)
        name_party(world, ben, "Harbour", party_id="p2")
        dispute(world, mo)
        assert [len(party.disputes) for party in parties(world)] == [1, 0]


class TestEvidenceOfOthers:
    def test_evidence_of_a_contributor_is_shown_with_the_case(
        self, world: World, ben: Actor
    ) -> None:
        attach(world, ben, "e2")
        case = one(world, "cases", "c1")
        assert [item.evidence_id for item in case["evidence"]] == ["e-c1", "e2"]
        assert one(world, "evidence", "e2") is not None
        must_be_rebuilt_alike(world)

    def test_retracted_evidence_is_not_shown(self, world: World, anna: Actor, ben: Actor) -> None:
        attach(world, ben, "e2")
        change(world, RetractEvidence(evidence_id=EvidenceId("e2"), by=ben, at=world.clock()))
        assert "e2" not in seen_by_all(world)
        change(world, RetractEvidence(evidence_id=EvidenceId("e-c1"), by=anna, at=world.clock()))
        assert listed(world, "cases") == listed(world, "popular-cases") == []
        assert listed(world, "videos") == []
        must_be_rebuilt_alike(world)

    def test_evidence_retracted_while_withheld_is_not_shown_when_it_is_returned(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        attach(world, ben, "e2")
        decide(world, EVIDENCE, "e2", mo)
        world.settle()
        change(world, RetractEvidence(evidence_id=EvidenceId("e2"), by=ben, at=world.clock()))
        decide(world, EVIDENCE, "e2", mo, RESTORE, decision_id="d2")
        world.settle()
        assert one(world, "evidence", "e2") is None
        (case,), (video,) = listed(world, "cases"), listed(world, "videos")
        assert [item.evidence_id for item in case["evidence"]] == ["e-c1"]
        assert video["evidence_id"] == "e-c1"
        must_be_rebuilt_alike(world)


def test_evidence_of_an_erased_case_stays_visible_in_another_case(
    world: World, anna: Actor, ben: Actor
) -> None:
    evidence = attach(world, ben, "e2")
    world.report(ben, evidence, case_id="c2")
    world.settle()
    erase(world, anna)
    for _ in range(2):
        assert one(world, "evidence", "e2") is not None
        assert [video["case_id"] for video in listed(world, "videos")] == ["c2"]
        must_be_rebuilt_alike(world)


def test_retracting_a_location_shows_the_one_before(world: World, anna: Actor, ben: Actor) -> None:
    here, there = Location(lat=1, lon=2), Location(lat=3, lon=4)
    change(world, LocateCase(location=here, by=anna, at=world.clock()))
    change(world, LocateCase(location=there, by=ben, at=world.clock()))
    accept_proposals(world, anna)
    change(world, RetractLocation(by=ben, at=world.clock()))
    assert one(world, "cases", "c1")["location"].lat == 1
    assert read_models_with(world, repr(there)) == []
    must_be_rebuilt_alike(world)
    change(world, RetractLocation(by=anna, at=world.clock()))
    assert one(world, "cases", "c1")["location"] is None


class TestErasedContributors:
    """What they added is not there any more, now and after a rebuild."""

    def test_their_evidence_and_parties_are_erased_and_the_case_stays(
        self, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        for number in (2, 3):
            attach(world, ben, f"e{number}")
            name_party(world, ben, f"Office {number}", party_id=f"p{number}")
        name_party(world, anna, "Harbour")
        world.settle()
        decide(world, EVIDENCE, "e3", mo, decision_id="d1")
        decide(world, PARTY, "p3", mo, decision_id="d2")
        world.settle()
        erase(world, ben)
        for _ in range(2):
            case = one(world, "cases", "c1")
            assert [item.evidence_id for item in case["evidence"]] == ["e-c1"]
            assert [party.name for party in case["parties"]] == ["Harbour"]
            assert [
                word for word in ("e2", "e3", "Office", "Ben") if self.mentions(world, word)
            ] == []
            must_be_rebuilt_alike(world)

    def test_their_tags_are_erased_and_those_of_others_stay(
        self, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        for by, tag in ((ben, "harbour"), (ben, "night"), (anna, "e-c1"), (ben, "rude")):
            change(world, TagCase(tag=tag, by=by, at=world.clock()))
            accept_proposals(world, anna)
        change(world, UntagCase(tag="rude", by=mo, at=world.clock()))
        must_be_rebuilt_alike(world)
        erase(world, ben)
        erase(world, mo)
        for _ in range(2):
            assert one(world, "cases", "c1")["tags"] == ("e-c1",)
            assert list(world.executors.cases.load("c1").state.tags) == ["e-c1"]
            must_be_rebuilt_alike(world)

    def test_erasing_a_tag_does_not_erase_evidence_with_the_same_name(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        change(world, TagCase(tag="e-c1", by=ben, at=world.clock()))
        accept_proposals(world, anna)
        erase(world, ben)
        assert [item.evidence_id for item in one(world, "cases", "c1")["evidence"]] == ["e-c1"]
        must_be_rebuilt_alike(world)

    def test_a_location_of_an_erased_contributor_is_unknown(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        change(world, LocateCase(location=Location(lat=1, lon=2), by=anna, at=world.clock()))
        change(world, LocateCase(location=Location(lat=3, lon=4), by=ben, at=world.clock()))
        accept_proposals(world, anna)
        erase(world, ben)
        for _ in range(2):
            assert one(world, "cases", "c1")["location"] is None
            assert world.executors.cases.load("c1").state.location is None
            must_be_rebuilt_alike(world)
        change(world, RetractLocation(by=anna, at=world.clock()))
        assert one(world, "cases", "c1")["location"].lat == 1
        must_be_rebuilt_alike(world)

    def mentions(self, world: World, word: str) -> bool:
        case = rows(world, "cases")["c1"]
        return word in repr((case, listed(world, "videos")))

    def test_restoring_does_not_return_erased_contributions(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        attach(world, ben, "e2")
        name_party(world, ben)
        world.settle()
        decide(world, EVIDENCE, "e2", mo, decision_id="d1")
        decide(world, PARTY, "p1", mo, decision_id="d2")
        world.settle()
        erase(world, ben)
        decide(world, EVIDENCE, "e2", mo, RESTORE, decision_id="d3")
        decide(world, PARTY, "p1", mo, RESTORE, decision_id="d4")
        world.settle()
        assert "Town hall" not in seen_by_all(world)
        assert one(world, "evidence", "e2") == "gone"
        assert [video["evidence_id"] for video in listed(world, "videos")] == ["e-c1"]
        must_be_rebuilt_alike(world)
        assert world.parked.list() == []

    def test_a_case_with_their_evidence_only_is_unpublished_until_it_has_other_evidence(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        self.backed_by_another(world, anna, ben)
        erase(world, ben)
        assert self.statuses(world) == [CaseStatus.AWAITING_EVIDENCE] * 2
        must_be_rebuilt_alike(world)
        attach(world, anna, "later", "c2")
        assert self.statuses(world) == [CaseStatus.PUBLISHED] * 2
        must_be_rebuilt_alike(world)

    def test_a_case_that_has_other_evidence_stays_public(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        self.backed_by_another(world, anna, ben)
        attach(world, anna, "later", "c2")
        erase(world, ben)
        assert self.statuses(world) == [CaseStatus.PUBLISHED] * 2
        must_be_rebuilt_alike(world)

    def test_a_restored_case_that_lost_its_evidence_is_not_public(
        self, world: World, anna: Actor, ben: Actor, mo: Actor
    ) -> None:
        self.backed_by_another(world, anna, ben)
        decide(world, CASE, "c2", mo)
        world.settle()
        decide(world, CASE, "c2", mo, RESTORE, decision_id="d2")
        world.settle()
        erase(world, ben)
        assert self.statuses(world) == [CaseStatus.AWAITING_EVIDENCE] * 2
        must_be_rebuilt_alike(world)

    def backed_by_another(self, world: World, anna: Actor, ben: Actor) -> None:
        """A case of Anna's that is public for the evidence that Ben, a contributor, brought."""
        first = world.evidence(anna, "first")
        world.report(anna, first, case_id="c2")
        world.settle()
        attach(world, ben, "e2", "c2")
        change(world, RetractEvidence(evidence_id=first, by=anna, at=world.clock()), "c2")
        assert self.statuses(world) == [CaseStatus.PUBLISHED] * 2

    def statuses(self, world: World) -> list[Any]:
        """Of the second case: what the aggregate says, and what is shown."""
        return [
            world.executors.cases.load("c2").state.status,
            rows(world, "cases")["c2"].status,
        ]


def test_a_hidden_and_restored_case_of_an_erased_author_is_not_listed(
    world: World, anna: Actor, ben: Actor, mo: Actor
) -> None:
    attach(world, ben, "e2")
    decide(world, CASE, "c1", mo)
    world.settle()
    decide(world, CASE, "c1", mo, RESTORE, decision_id="d2")
    world.settle()
    erase(world, anna)
    for _ in range(2):
        assert one(world, "evidence", "e2") is None
        assert listed(world, "cases") == listed(world, "popular-cases") == []
        assert listed(world, "videos") == []
        must_be_rebuilt_alike(world)
