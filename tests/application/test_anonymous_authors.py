"""Anonymous authors act under aliases: no stored data connects their cases to them."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.system import CONTEXTS
from config.use_cases import UseCases
from domain.actors import SYSTEM, Actor, Role
from domain.cases.case_commands import HideCase, ReportCase
from domain.cases.case_details import CaseDetails, CaseStatus
from domain.cases.engagement import ShareNetwork
from domain.ids import CaseId, EvidenceId
from domain.moderation.subject import SubjectKind
from domain.times import day_of
from tests.application.community import (
    answer,
    appeal,
    ask_to_be_erased,
    decide,
    flag,
    listed,
    moderator,
    name_party,
    one,
    read_models_with,
    say,
    tables,
)
from tests.world import World, refused

CASE = CaseId("c1")
NEW = CommandContext()


@pytest.fixture
def anna(world: World) -> Actor:
    """The author of an anonymous case that is public."""
    anna = world.member("Anna")
    report(world, anna)
    return anna


def report(world: World, by: Actor, case_id: CaseId = CASE, **more: Any) -> None:
    item = EvidenceId(f"e-{case_id}")
    owner = world.use_cases.authorship.owner_of(by, item)
    world.evidence(Actor(member_id=owner), item)
    command = ReportCase(
        case_id=case_id,
        details=CaseDetails(title="A bribe", story="They asked for money."),
        evidence=(item,),
        anonymous=True,
        by=by,
        at=world.clock(),
        **more,
    )
    world.use_cases.report.report(command, CommandContext())
    world.settle()


def act(world: World, by: Actor) -> None:
    """Do all that an author can do in their case."""
    world.engage.follow(CASE, by, NEW)
    world.engage.share(CASE, ShareNetwork.LINK, by, CommandContext())
    say(world, by)
    name_party(world, by)
    world.settle()


def viewer(world: World, actor: Actor) -> Viewer:
    return Viewer(actor, world.container.aliases().is_own)


def notified(world: World, actor: Actor) -> list[str]:
    page = world.answers["notifications"].page(viewer(world, actor), {}, limit=50)
    return [each.kind for each in page.documents]


def events(world: World, log: str) -> Iterator[Any]:
    return (world.codec.decode(event) for event in world.history.read(log, 0, 10_000))


def stored_rows(world: World) -> list[str]:
    """Every row of every read model and side table."""
    return [
        repr(row)
        for answers in world.answers.values()
        for table in tables(world, answers.service)
        for row in table
    ]


def test_no_event_and_no_read_model_connects_the_case_to_its_author(
    world: World, anna: Actor
) -> None:
    act(world, anna)
    mo = moderator(world)
    flag(world, SubjectKind.CASE, CASE, mo)
    world.settle()
    answer(world, SubjectKind.CASE, CASE, anna)
    decide(world, SubjectKind.CASE, CASE, mo)
    world.settle()
    appeal(world, anna)
    world.settle()
    for log in set(CONTEXTS) - {"members"}:
        named = [event for event in events(world, log) if anna.member_id in repr(event)]
        assert [event for event in named if event.subject_kind != SubjectKind.MEMBER] == []
    kept = [row for row in stored_rows(world) if anna.member_id in row]
    assert kept
    author = world.executors.cases.load(CASE).state.author
    assert [row for row in kept if any(key in row for key in ("'c1'", "'e-c1'", author))] == []


def test_two_anonymous_cases_of_one_author_share_no_id(world: World, anna: Actor) -> None:
    report(world, anna, CaseId("c2"))
    authors = {world.executors.cases.load(key).state.author for key in ("c1", "c2")}
    assert len(authors) == 2


def test_a_hidden_anonymous_case_is_visible_to_its_author_only(world: World, anna: Actor) -> None:
    command = HideCase(rule="spam", by=SYSTEM, at=world.clock())
    world.executors.cases.execute(CASE, command, CommandContext())
    world.settle()
    assert one(world, "cases", CASE, viewer(world, world.member("Ben"))) is None
    assert one(world, "cases", CASE, viewer(world, anna))["case_id"] == CASE
    assert one(world, "evidence", "e-c1", viewer(world, anna))["evidence_id"] == "e-c1"


def test_the_author_is_notified_of_events_in_their_anonymous_case(
    world: World, anna: Actor
) -> None:
    ben = world.member("Ben")
    say(world, ben)
    world.settle()
    assert sorted(notified(world, anna)) == ["case_discussed", "case_published"]
    assert notified(world, ben) == []
    report(world, anna, CaseId("c2"))
    assert notified(world, anna).count("case_published") == 2


def test_authors_cannot_support_flag_or_judge_their_own_anonymous_case(
    world: World, anna: Actor
) -> None:
    judge = Actor(member_id=anna.member_id, pseudonym="Anna", roles=frozenset({Role.MODERATOR}))
    with refused("own-case"):
        world.engage.support(CASE, anna, NEW)
    with refused("own-subject"):
        flag(world, SubjectKind.CASE, CASE, anna)
    with refused("not-oneself"):
        decide(world, SubjectKind.CASE, CASE, judge)
    with refused("not-oneself"):
        decide(world, SubjectKind.EVIDENCE, "e-c1", judge)


def test_a_comment_of_the_author_is_marked_and_can_be_edited(world: World, anna: Actor) -> None:
    comment_id = say(world, anna)
    world.discuss.edit(comment_id, "I saw it twice.", anna, CommandContext())
    world.settle()
    comment = one(world, "discussions", comment_id)
    assert (comment["author"], comment["by_reporter"]) == (None, True)
    assert comment["text"] == "I saw it twice."
    world.discuss.remove(comment_id, anna, CommandContext())


def test_erasing_the_author_erases_the_case_and_then_the_aliases(world: World, anna: Actor) -> None:
    act(world, anna)
    aliases, author = world.container.aliases(), world.executors.cases.load(CASE).state.author
    assert aliases.is_own(anna.member_id, author)
    ask_to_be_erased(world, anna)
    world.vault.destroy(anna.member_id)
    world.use_cases.destroy_aliases.step()
    assert aliases.is_own(anna.member_id, author), "the policies still need it"
    world.settle()
    assert world.executors.cases.load(CASE).state.status is CaseStatus.ERASED
    assert one(world, "cases", CASE) == one(world, "evidence", "e-c1") == "gone"
    assert read_models_with(world, author) == []
    world.use_cases.destroy_aliases.step()
    world.use_cases.destroy_aliases.step()
    assert not aliases.is_own(anna.member_id, author)
    with refused("erased"):
        report(world, anna, CaseId("c2"))


def test_a_parked_erasure_keeps_the_aliases(world: World, anna: Actor) -> None:
    author = world.executors.cases.load(CASE).state.author
    ask_to_be_erased(world, anna)
    world.settle()
    name = "when-member-is-erased-then-forget-them-in-cases"
    parked = world.checkpoints.load(name).next(parked=frozenset({"members/1"}))
    world.checkpoints.save(name, parked)
    world.use_cases.destroy_aliases.step()
    assert world.container.aliases().is_own(anna.member_id, author)


def test_a_process_that_comes_later_does_not_set_the_checkpoint_back(
    world: World, anna: Actor
) -> None:
    other = world.member("Ben")
    slow, quick = (UseCases(world.container).destroy_aliases for _ in range(2))
    ask_to_be_erased(world, anna)
    assert (slow.step(), slow.lag()) == (False, 1)
    ask_to_be_erased(world, other)
    world.settle()
    quick.step()
    reached = world.checkpoints.load(quick.name)
    slow.step()
    assert (slow.lag(), quick.lag()) == (0, 0)
    assert world.checkpoints.load(quick.name) == reached


def test_no_event_tells_more_than_the_day(world: World, anna: Actor) -> None:
    world.clock.wind(minutes=34, seconds=56, microseconds=789)
    act(world, anna)
    flag(world, SubjectKind.CASE, CASE, world.member("Ben"))
    world.settle()
    recorded = [event for log in CONTEXTS for event in events(world, log)]
    times = {time for event in recorded for time in times_of(event)}
    assert len(recorded) > 20
    assert times == {day_of(world.clock())}


def times_of(event: Any) -> list[datetime]:
    values = (getattr(event, each.name) for each in fields(event))
    return [value for value in values if isinstance(value, datetime)]


def test_no_stored_byte_of_the_case_tells_when_it_was(world: World, anna: Actor) -> None:
    act(world, anna)
    for commit in world.stores["cases"].read_log(0, 1000):
        assert str(commit.stamp).encode()[:8] not in commit.body


def test_its_place_in_a_list_tells_only_its_day(world: World) -> None:
    for case_id in ("named-before", "anonymous", "named-after"):
        member = world.member(f"Author of {case_id}")
        if case_id == "anonymous":
            report(world, member, CaseId(case_id))
        else:
            world.public_case(member, case_id)
        world.clock.wind(hours=1)
    found = [case["case_id"] for case in listed(world, "cases")]
    assert found == ["named-after", "named-before", "anonymous"]


def test_no_byte_of_a_log_tells_who_supports_follows_or_shares_a_case(
    world: World, anna: Actor
) -> None:
    ben = world.member("Ben")
    world.engage.support(CASE, ben, NEW)
    world.engage.follow(CASE, ben, CommandContext())
    world.engage.share(CASE, ShareNetwork.LINK, ben, CommandContext())
    bodies = [commit.body for commit in world.stores["cases"].read_log(0, 1000)]
    assert [body for body in bodies if ben.member_id.encode() in body] == []


def test_counts_stay_when_a_member_is_erased_and_read_models_are_rebuilt(
    world: World, anna: Actor
) -> None:
    ben = world.member("Ben")
    world.engage.support(CASE, ben, NEW)
    world.engage.follow(CASE, ben, CommandContext())
    ask_to_be_erased(world, ben)
    world.settle()
    before = one(world, "cases", CASE)
    assert (before["supports"], before["followers"]) == (1, 1)
    world.build_read_models()
    world.settle()
    assert one(world, "cases", CASE) == before
