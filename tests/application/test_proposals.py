"""What others add to a case: it takes no room of its author, and is shown once it is accepted."""

from contextlib import suppress

import pytest

from application.engine.executor import CommandContext
from domain.actors import Actor
from domain.cases.case_commands import (
    AcceptContribution,
    AttachEvidence,
    CaseCommand,
    DeclineContribution,
    LocateCase,
    TagCase,
)
from domain.cases.case_details import MOST_EVIDENCE, MOST_TAGS
from domain.cases.place import Location, Precision
from domain.decider import DomainError
from domain.ids import EvidenceId
from tests.application.community import (
    erase,
    moderator,
    must_be_rebuilt_alike,
    one,
    read_models_with,
    seen_by_all,
)
from tests.world import World

HOME = Location(lat=52.5, lon=13.4, precision=Precision.STREET, name="home of Jane Roe")


def change(world: World, command: CaseCommand) -> None:
    world.executors.cases.execute("c1", command, CommandContext())
    world.settle()


def test_a_stranger_fills_no_case_and_says_nothing_in_it(world: World) -> None:
    anna, stranger = world.member("Anna"), world.member("Stranger")
    world.public_case(anna, "c1")
    invented = [EvidenceId(f"invented-{number}") for number in range(MOST_EVIDENCE - 1)]
    at = world.clock()
    attack: list[CaseCommand] = [
        *(AttachEvidence(evidence=(item,), by=stranger, at=at) for item in invented),
        *(TagCase(tag=f"of Jane Roe {n}", by=stranger, at=at) for n in range(MOST_TAGS)),
        LocateCase(location=HOME, by=stranger, at=at),
    ]
    for command in attack:
        with suppress(DomainError):
            world.executors.cases.execute("c1", command, CommandContext())
    world.settle()
    case = one(world, "cases", "c1")
    assert "Jane Roe" not in repr(case)
    add_all_that_an_author_may(world, anna)


def add_all_that_an_author_may(world: World, author: Actor) -> None:
    at = world.clock()
    evidence = tuple(EvidenceId(f"own-{number}") for number in range(MOST_EVIDENCE - 1))
    change(world, AttachEvidence(evidence=evidence, by=author, at=at))
    for number in range(MOST_TAGS):
        change(world, TagCase(tag=f"own {number}", by=author, at=at))
    change(world, LocateCase(location=Location(lat=1, lon=2), by=author, at=at))
    assert len(one(world, "cases", "c1")["tags"]) == MOST_TAGS


class TestWhoSeesProposals:
    @pytest.mark.parametrize("anonymous", [False, True])
    def test_the_author_moderators_and_the_contributor_alone(
        self, world: World, anonymous: bool
    ) -> None:
        anna, ben, mo = world.member("Anna"), world.member("Ben"), moderator(world)
        world.public_case(anna, "c1", anonymous=anonymous)
        change(world, TagCase(tag="police", by=ben, at=world.clock()))
        for viewer in (anna, ben, mo):
            assert proposed(world, viewer) == ["police"]
        assert proposed(world, world.member("Cleo")) == []
        assert "police" not in seen_by_all(world)

    def test_what_is_answered_is_no_proposal_any_more(self, world: World) -> None:
        anna, ben = world.member("Anna"), world.member("Ben")
        world.public_case(anna, "c1")
        for tag in ("police", "roads"):
            change(world, TagCase(tag=tag, by=ben, at=world.clock()))
        change(world, AcceptContribution(number=0, by=anna, at=world.clock()))
        change(world, DeclineContribution(number=1, by=ben, at=world.clock()))
        assert proposed(world, anna) == []
        assert one(world, "cases", "c1")["tags"] == ("police",)
        must_be_rebuilt_alike(world)

    @pytest.mark.parametrize("anonymous", [False, True])
    def test_whoever_is_erased_proposed_nothing(self, world: World, anonymous: bool) -> None:
        anna, ben, mo = world.member("Anna"), world.member("Ben"), moderator(world)
        world.public_case(anna, "c1", anonymous=anonymous)
        change(world, TagCase(tag="police", by=ben, at=world.clock()))
        change(world, TagCase(tag="roads", by=world.member("Cleo"), at=world.clock()))
        erase(world, ben)
        assert proposed(world, mo) == ["roads"]
        assert read_models_with(world, "police") == []
        must_be_rebuilt_alike(world)
        erase(world, anna)
        assert proposed(world, mo) == []
        assert read_models_with(world, "roads") == []
        must_be_rebuilt_alike(world)


def proposed(world: World, by: Actor) -> list[str]:
    page = world.answers["proposals"].page(world.viewer(by), {"case_id": "c1"}, limit=100)
    return [document.tag for document in page.documents]
