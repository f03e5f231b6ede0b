"""The comments that a member wrote, with their case: also anonymous and hidden ones."""

from typing import Any

from application.engine.executor import CommandContext
from domain.actors import Actor
from domain.cases.case_commands import AmendCase, WithdrawCase
from domain.ids import CommentId
from tests.application.community import (
    COMMENT,
    RESTORE,
    answered,
    ask_to_be_erased,
    decide,
    erase,
    flag,
    mine,
    moderator,
    must_be_rebuilt_alike,
    read_models_with,
    say,
    tables,
)
from tests.application.test_anonymous_authors import report
from tests.world import World

TEXT = "I saw it too."


def only(world: World, member: Actor) -> dict[str, Any]:
    world.settle()
    (found,) = mine(world, member, "comments")
    return found


def change(world: World, command: Any) -> None:
    world.executors.cases.execute("c1", command, CommandContext())
    world.settle()


def test_members_find_their_own_comments_with_the_case(
    world: World, anna: Actor, ben: Actor
) -> None:
    world.public_case(anna)
    say(world, ben)
    say(world, anna, comment_id="k2", parent_id="k1")
    comment = only(world, ben)
    assert (comment["comment_id"], comment["parent_id"]) == ("k1", None)
    assert (comment["text"], comment["anonymous"], comment["hidden"]) == (TEXT, False, None)
    assert (comment["case_id"], comment["case_title"]) == ("c1", "A permit for a bribe")
    assert only(world, anna)["parent_id"] == "k1"
    assert answered(world)["my-comments"] == []
    must_be_rebuilt_alike(world, anna, ben)


def test_the_newest_comment_comes_first(world: World, anna: Actor, ben: Actor) -> None:
    world.public_case(anna)
    for key in ("k3", "k1", "k2"):
        say(world, ben, comment_id=key)
    world.settle()
    assert [each["comment_id"] for each in mine(world, ben, "comments")] == ["k2", "k1", "k3"]


def test_anonymous_comments_are_found_by_their_author_only(
    world: World, anna: Actor, ben: Actor
) -> None:
    report(world, anna)
    say(world, anna)
    assert only(world, anna)["anonymous"]
    assert mine(world, ben, "comments") == []
    rows = list(tables(world, world.answers["my-comments"].service))
    assert TEXT in repr(rows)
    assert anna.member_id not in repr(rows)
    must_be_rebuilt_alike(world, anna)


def test_an_edited_comment_shows_its_newest_text(world: World, anna: Actor) -> None:
    world.public_case(anna)
    say(world, anna)
    world.discuss.edit(CommentId("k1"), "I saw it twice.", anna, CommandContext())
    comment = only(world, anna)
    assert comment["text"] == "I saw it twice."
    assert comment["edited_at"] == comment["written_at"]


def test_a_removed_comment_is_gone(world: World, anna: Actor) -> None:
    world.public_case(anna)
    say(world, anna)
    world.discuss.remove(CommentId("k1"), anna, CommandContext())
    world.settle()
    assert mine(world, anna, "comments") == []


def test_a_hidden_comment_keeps_its_text_and_says_why(world: World, anna: Actor) -> None:
    mo = moderator(world)
    world.public_case(anna)
    say(world, anna)
    world.settle()
    flag(world, COMMENT, "k1", mo)
    hidden = only(world, anna)["hidden"]
    assert (hidden.rule, hidden.decision_id, hidden.reason) == ("spam", None, None)
    decide(world, COMMENT, "k1", mo)
    comment = only(world, anna)
    assert comment["text"] == TEXT
    assert comment["hidden"].decision_id == "d1"
    assert comment["hidden"].reason == "It breaks the rule."
    must_be_rebuilt_alike(world, anna)
    decide(world, COMMENT, "k1", mo, RESTORE, decision_id="d2")
    assert only(world, anna)["hidden"] is None


def test_the_title_follows_the_case_while_it_is_public(
    world: World, anna: Actor, ben: Actor
) -> None:
    world.public_case(anna)
    say(world, ben)
    change(world, AmendCase(changes={"title": "Two bribes"}, by=anna, at=world.clock()))
    assert only(world, ben)["case_title"] == "Two bribes"
    change(world, WithdrawCase(by=anna, at=world.clock()))
    assert only(world, ben)["case_title"] is None
    assert "my-comments" not in read_models_with(world, "Two bribes")


def test_nothing_is_left_after_an_erasure(world: World, anna: Actor, ben: Actor) -> None:
    report(world, anna)
    say(world, anna, "I was there.")
    say(world, ben, comment_id="k2")
    world.settle()
    ask_to_be_erased(world, anna)
    world.settle()
    assert mine(world, anna, "comments") == []
    assert "my-comments" not in read_models_with(world, "I was there.")
    assert "my-comments" not in read_models_with(world, "Alias")
    assert only(world, ben)["case_title"] is None
    must_be_rebuilt_alike(world, anna, ben)
    erase(world, ben)
    assert mine(world, ben, "comments") == []
