"""The moderation queue with appeals and erasures in any order of logs."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer, value_of
from application.engine.rows import NoRows, UnitOfWork
from application.queries.moderation_queue import ModerationQueue, QueueItem
from domain.actors import Actor, Role
from domain.ids import CaseId
from domain.moderation.decision import AppellantForgotten, Outcome
from domain.moderation.subject import SubjectKind, Verdict
from tests.application.community import Reading, ask_to_be_erased, erase, must_be_rebuilt_alike
from tests.world import World


def waiting(world: World, moderator: Actor) -> list[Any]:
    return world.answers["moderation-queue"].page(Viewer(moderator), {}, limit=9).documents


def hide(world: World, case_id: CaseId, moderator: Actor) -> str:
    decision_id = str(uuid4())
    world.moderate.decide(
        SubjectKind.CASE,
        case_id,
        moderator,
        CommandContext(new=True),
        decision_id=decision_id,
        verdict=Verdict.HIDE,
        rule="spam",
        reason="Advertising.",
    )
    return decision_id


def test_an_appeal_before_the_decision_is_applied_is_queued_until_it_is_resolved() -> None:
    world = World()
    anna, mona = world.member("Anna"), world.member("Mona", Role.MODERATOR)
    max_ = world.member("Max", Role.MODERATOR)
    case_id = world.public_case(anna)
    decision_id = hide(world, case_id, mona)
    world.moderate.appeal(decision_id, "It is none.", anna, CommandContext())
    world.settle()
    (item,) = waiting(world, max_)
    assert (item.hidden, item.appeal.decision_id) == (True, decision_id)
    world.moderate.resolve(decision_id, Outcome.OVERTURN, "Indeed.", max_, CommandContext())
    world.settle()
    assert waiting(world, max_) == []


def test_the_appeal_of_an_erased_author_is_queued_without_its_statement() -> None:
    world = World()
    anna, mona = world.member("Anna"), world.member("Mona", Role.MODERATOR)
    max_ = world.member("Max", Role.MODERATOR)
    decision_id = hide(world, world.public_case(anna), mona)
    world.moderate.appeal(decision_id, "It is none.", anna, CommandContext())
    world.settle()
    erase(world, anna)
    must_be_rebuilt_alike(world)
    (item,) = waiting(world, max_)
    assert (item.appeal.decision_id, item.appeal.statement) == (decision_id, "")
    world.moderate.resolve(decision_id, Outcome.UPHOLD, "So it is.", max_, CommandContext())
    world.settle()
    assert waiting(world, max_) == []


def test_the_text_of_an_erased_member_is_removed_in_any_order_of_logs() -> None:
    world = World()
    anna = world.member("Anna")
    world.report(anna, title="They know me")
    early, late = Reading(world, ModerationQueue()), Reading(world, ModerationQueue(), 98)
    world.settle()
    early.catch_up()
    assert "They know me" in early.rows["case-c1"].text
    ask_to_be_erased(world, anna)
    world.settle()
    early.catch_up()
    late.catch_up("moderation", "cases", "members")
    assert early.rows["case-c1"].text == late.rows["case-c1"].text == ""


def test_an_event_about_a_resolved_appeal_changes_no_row() -> None:
    rows: UnitOfWork[QueueItem] = UnitOfWork(NoRows(), value_of)
    forgotten = AppellantForgotten(
        decision_id="d1", subject_kind=SubjectKind.CASE, subject_id="c1", at=datetime.now(UTC)
    )
    ModerationQueue().project(forgotten, rows)
    assert not rows.changes
