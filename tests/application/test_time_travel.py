"""The past of a case, its history, its proof, and derived ids."""

from datetime import timedelta
from hashlib import sha256

import pytest

from application.engine.derived_ids import derived_id, keyed_id
from application.engine.executor import CommandContext
from application.engine.query_service import QueryService, Viewer
from application.engine.rows import Rows
from application.engine.time_travel import PastHidden, TimeTravel
from application.ports.codec import RecordedEvent
from application.queries.case_document import CaseDocument
from domain.actors import Actor
from domain.cases.case_commands import AmendCase, AttachEvidence
from domain.cases.case_details import CaseStatus
from domain.cases.case_events import CaseReported
from domain.cases.place import Location
from domain.ids import CaseId
from tests.application.community import ANYBODY, CASE, JUDGE, as_it_stood, decide, erase
from tests.world import World, refused


def test_a_case_can_be_read_as_of_a_time(world: World) -> None:
    anna = world.member()
    world.public_case(anna)
    then = world.clock() + timedelta(seconds=1)
    world.clock.wind(hours=1)
    amend = AmendCase(changes={"title": "Later"}, by=anna, at=world.clock())
    world.executors.cases.execute("c1", amend, CommandContext())
    world.settle()
    assert as_it_stood(world, "cases", "c1", then).title == "A permit for a bribe"
    assert as_it_stood(world, "cases", "c1", world.clock()).title == "Later"
    assert as_it_stood(world, "cases", "c1", then - timedelta(days=1)) is None


def test_the_past_of_a_case_that_was_unpublished_then_is_visible_to_its_author_only(
    world: World,
) -> None:
    anna = world.member()
    then = world.clock() + timedelta(seconds=1)
    case = world.report(anna)
    world.clock.wind(hours=1)
    evidence = world.evidence(anna, "e1")
    attach = AttachEvidence(evidence=(evidence,), by=anna, at=world.clock())
    world.executors.cases.execute(case, attach, CommandContext())
    world.settle()
    assert as_it_stood(world, "cases", "c1", then) is None
    seen = as_it_stood(world, "cases", "c1", then, Viewer(anna))
    assert seen.status is CaseStatus.AWAITING_EVIDENCE


class Reports(QueryService[CaseDocument]):
    """It projects one of the events of a case."""

    name, version = "reports", 1
    document, key, single, streams = CaseDocument, "case_id", True, ("cases", "case")

    def project(self, event: CaseReported, rows: Rows[CaseDocument]) -> None:
        rows.put(event.case_id, CaseDocument(case_id=event.case_id, title=event.details.title))


def test_the_past_is_projected_from_the_declared_events_only(world: World) -> None:
    travel = TimeTravel(world.stores, world.codec)
    world.public_case(world.member())
    later = world.clock() + timedelta(seconds=1)
    now = world.answers["cases"].one("c1", ANYBODY)
    then = travel.as_of(Reports(), now, later, ANYBODY)
    assert (then.title, then.evidence) == ("A permit for a bribe", ())


def test_the_past_and_proof_of_an_erased_member_show_no_personal_data(world: World) -> None:
    travel, service = TimeTravel(world.stores, world.codec), world.answers["cases"].service
    anna = world.member()
    world.public_case(anna, location=Location(lat=1, lon=2, name="My street"))
    then, now = world.clock(), world.answers["cases"].one("c1", ANYBODY)
    world.vault.destroy(anna.member_id)
    assert travel.as_of(service, now, then, ANYBODY) is None
    roles = [change.role for change in travel.history(service, "c1")]
    assert roles == ["author", "system", "system", "system"]
    proof = "".join(step.body for step in travel.proof(service, "c1"))
    assert anna.member_id not in proof
    assert "My street" not in proof


def test_was_hidden_decodes_only_hiding_events(
    world: World, anna: Actor, mo: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel, service = TimeTravel(world.stores, world.codec), world.answers["cases"].service
    world.public_case(anna)
    world.public_case(anna, "c2")
    before = world.clock() - timedelta(days=1)
    decide(world, CASE, "c1", mo)
    world.settle()
    hidden = world.answers["cases"].one("c1", JUDGE)
    shown = world.answers["cases"].one("c2", ANYBODY)
    decoded: list[str] = []
    decode = world.codec.decode

    def noted(event: RecordedEvent) -> object:
        decoded.append(event.type)
        return decode(event)

    monkeypatch.setattr(world.codec, "decode", noted)
    with pytest.raises(PastHidden):
        travel.as_of(service, hidden, before, ANYBODY)
    assert travel.as_of(service, shown, before, ANYBODY) is None
    assert decoded == ["cases.CaseHidden"]


def test_only_moderators_see_the_past_of_a_hidden_case(
    world: World, anna: Actor, mo: Actor
) -> None:
    world.public_case(anna)
    then = world.clock() + timedelta(seconds=1)
    world.clock.wind(hours=1)
    decide(world, CASE, "c1", mo)
    world.settle()
    assert as_it_stood(world, "cases", "c1", then, JUDGE).title == "A permit for a bribe"
    with pytest.raises(PastHidden):
        as_it_stood(world, "cases", "c1", then, Viewer(anna))


def test_the_history_lists_each_change_with_its_role(world: World) -> None:
    travel, service = TimeTravel(world.stores, world.codec), world.answers["cases"].service
    world.public_case(world.member())
    changes = [(change.what, change.role) for change in travel.history(service, "c1")]
    assert changes == [
        ("CaseReported", "author"),
        ("EvidenceAccepted", "system"),
        ("EvidenceShown", "system"),
        ("CasePublished", "system"),
    ]


def test_the_hash_chain_of_a_proof_can_be_recomputed(world: World) -> None:
    travel, service = TimeTravel(world.stores, world.codec), world.answers["cases"].service
    world.public_case(world.member())
    previous = sha256(b"case-c1").digest()
    for step in travel.proof(service, "c1"):
        previous = sha256(previous + step.body.encode()).digest()
        assert step.hash == previous.hex()


def test_only_documents_made_from_one_stream_have_a_past(world: World) -> None:
    travel, service = TimeTravel(world.stores, world.codec), world.answers["videos"].service
    with pytest.raises(ValueError, match="videos"):
        travel.proof(service, "c1")


def test_supporting_or_following_an_unpublished_case_is_refused(world: World) -> None:
    anna, ben = world.member(), world.member("Ben")
    case = world.report(anna)
    with refused("not-found"):
        world.engage.support(case, ben, CommandContext())
    with refused("not-found"):
        world.engage.follow(CaseId("nowhere"), ben, CommandContext())


def test_supporting_an_erased_case_is_refused(world: World) -> None:
    anna, ben = world.member(), world.member("Ben")
    case = world.public_case(anna)
    erase(world, anna)
    assert world.executors.cases.load(case).state.status is CaseStatus.ERASED
    with refused("erased"):
        world.engage.support(case, ben, CommandContext())


def test_a_derived_id_depends_on_all_parts_and_the_key() -> None:
    assert derived_id("a", "b") == derived_id("a", "b") != derived_id("ab")
    key, other = b"k" * 32, b"o" * 32
    assert keyed_id(key, "a") == keyed_id(key, "a") != keyed_id(other, "a")
