"""Discussions: writing, changing, counting and erasing comments."""

from datetime import timedelta
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.engine.projector import Projector
from application.engine.query_service import Viewer
from application.engine.time_travel import TimeTravel
from application.queries.discussions import CommentStatus, Discussions
from domain.actors import Actor
from domain.cases.case_commands import TagCase, WithdrawCase
from domain.ids import CaseId, CommentId
from domain.times import day_of
from tests.application.community import (
    CASE,
    COMMENT,
    JUDGE,
    RESTORE,
    as_it_stood,
    ask_to_be_erased,
    decide,
    erase,
    listed,
    must_be_rebuilt_alike,
    one,
    rows,
    say,
)
from tests.world import World, refused

C1, K1 = CaseId("c1"), CommentId("k1")


@pytest.fixture
def anna(world: World) -> Actor:
    anna = world.member("Anna")
    world.public_case(anna)
    return anna


@pytest.fixture
def ben(world: World, anna: Actor) -> Actor:
    return world.member("Ben")


def thread(world: World, case_id: str = "c1") -> list[dict[str, Any]]:
    return listed(world, "discussions", case_id=case_id)


def texts(world: World, case_id: str = "c1") -> list[str]:
    return [comment["text"] for comment in thread(world, case_id)]


def count(world: World, case_id: str = "c1") -> int:
    comments: int = one(world, "cases", case_id)["comments"]
    return comments


def remove(world: World, by: Actor, comment_id: str = "k1") -> None:
    world.discuss.remove(CommentId(comment_id), by, CommandContext())
    world.settle()


class TestWriting:
    def test_comments_are_listed_oldest_first_with_their_authors(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, ben)
        world.clock.wind(hours=1)
        say(world, anna, "When?", comment_id="k2", parent_id="k1")
        world.settle()
        first, second = thread(world)
        assert (first["text"], first["author"].pseudonym) == ("I saw it too.", "Ben")
        assert (second["text"], second["author"].pseudonym) == ("When?", "Anna")
        assert (first["parent_id"], second["parent_id"]) == (None, "k1")

    def test_comments_of_the_reporter_are_marked(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, anna)
        say(world, ben, comment_id="k2")
        world.settle()
        assert [each["by_reporter"] for each in thread(world)] == [True, False]

    def test_comments_of_an_anonymous_reporter_have_no_name(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        world.public_case(anna, "c2", anonymous=True)
        say(world, anna, case_id="c2")
        say(world, ben, comment_id="k2", case_id="c2")
        say(world, anna, comment_id="k3")
        world.settle()
        hidden, open_ = thread(world, "c2")
        assert (hidden["author"], hidden["by_reporter"]) == (None, True)
        assert (open_["author"].pseudonym, open_["by_reporter"]) == ("Ben", False)
        assert [each["author"].pseudonym for each in thread(world)] == ["Anna"]
        assert one(world, "discussions", "k1", Viewer(anna)) is not None
        must_be_rebuilt_alike(world)
        edited = world.discuss.edit(K1, "I was there.", anna, CommandContext())
        assert edited.state.author == anna.member_id

    def test_each_case_has_its_own_discussion(self, world: World, anna: Actor) -> None:
        world.public_case(anna, "c2")
        say(world, anna)
        say(world, anna, comment_id="k2", case_id="c2")
        world.settle()
        assert [each["comment_id"] for each in thread(world, "c2")] == ["k2"]
        assert (count(world), count(world, "c2")) == (1, 1)
        with refused("not-found"):
            say(world, anna, comment_id="k3", case_id="c2", parent_id="k1")

    def test_commenting_on_an_unpublished_case_is_refused(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        world.report(anna, case_id="c2")
        world.settle()
        with refused("not-found"):
            say(world, ben, case_id="c2")

    def test_commenting_in_a_locked_discussion_is_refused(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        world.discuss.lock(C1, mo, CommandContext())
        with refused("locked"):
            say(world, ben)
        world.discuss.unlock(C1, mo, CommandContext())
        say(world, ben)
        world.settle()
        assert len(thread(world)) == 1

    def test_the_discussion_of_a_hidden_case_opens_again_when_the_case_is_restored(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        say(world, ben)
        decide(world, CASE, "c1", mo)
        world.settle()
        assert thread(world) == []
        assert one(world, "discussions", "k1") is None
        assert one(world, "discussions", "k1", Viewer(ben)) is not None
        with refused("not-found"):
            say(world, ben, comment_id="k2")
        must_be_rebuilt_alike(world)
        decide(world, CASE, "c1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert len(thread(world)) == 1
        say(world, ben, comment_id="k2")
        world.settle()
        must_be_rebuilt_alike(world)

    def test_the_discussion_of_a_withdrawn_case_is_closed(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, ben)
        world.executors.cases.execute(
            "c1", WithdrawCase(by=anna, at=world.clock()), CommandContext()
        )
        world.settle()
        assert thread(world) == []
        with refused("not-found"):
            world.discuss.edit(K1, "Or not.", ben, CommandContext())
        remove(world, ben)


class TestChanging:
    def test_a_comment_can_be_edited_and_its_past_can_be_read(
        self, world: World, ben: Actor
    ) -> None:
        travel = TimeTravel(world.stores, world.codec)
        service = world.answers["discussions"].service
        say(world, ben)
        then = world.clock() + timedelta(seconds=1)
        world.clock.wind(days=1)
        world.discuss.edit(K1, "I saw it, too.", ben, CommandContext())
        world.settle()
        (comment,) = thread(world)
        assert (comment["text"], comment["version"]) == ("I saw it, too.", 3)
        assert comment["edited_at"] == day_of(world.clock())
        assert as_it_stood(world, "discussions", "k1", then).text == "I saw it too."
        assert as_it_stood(world, "discussions", "k1", world.clock()).text == "I saw it, too."
        assert as_it_stood(world, "discussions", "k1", then - timedelta(days=1)) is None
        changes = [(change.what, change.role) for change in travel.history(service, "k1")]
        assert changes == [
            ("CommentWritten", "author"),
            ("CommentShown", "system"),
            ("CommentEdited", "author"),
        ]

    def test_discussions_are_served_below_their_case_and_comments_by_id(self) -> None:
        assert Discussions.path_parameters() == ["case_id"]
        assert Discussions.single_path() == "/comments"

    def test_a_removed_comment_keeps_its_place_without_text_and_author(
        self, world: World, ben: Actor
    ) -> None:
        say(world, ben)
        say(world, ben, "Mine, too.", comment_id="k2", parent_id="k1")
        world.settle()
        assert count(world) == 2
        remove(world, ben)
        remove(world, ben, "k2")
        shown = [(each["status"], each["text"], each["author"]) for each in thread(world)]
        assert shown == [(CommentStatus.REMOVED, "", None)] * 2
        assert one(world, "discussions", "k1") is None
        assert count(world) == 0
        must_be_rebuilt_alike(world)

    def test_a_comment_edited_while_hidden_is_restored_with_its_new_text(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        say(world, ben)
        world.settle()
        decide(world, COMMENT, "k1", mo)
        world.settle()
        assert [(each["status"], each["text"]) for each in thread(world)] == [("hidden", "")]
        assert one(world, "discussions", "k1") is None
        assert count(world) == 0
        world.discuss.edit(K1, "Better now.", ben, CommandContext())
        world.settle()
        assert texts(world) == [""]
        decide(world, COMMENT, "k1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert texts(world) == ["Better now."]
        assert count(world) == 1
        must_be_rebuilt_alike(world)

    def test_a_comment_that_is_removed_while_it_is_hidden_is_not_counted_twice(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        say(world, ben)
        say(world, ben, comment_id="k2")
        world.settle()
        decide(world, COMMENT, "k1", mo)
        world.settle()
        remove(world, ben)
        decide(world, COMMENT, "k1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert count(world) == 1
        assert [each["status"] for each in thread(world)] == ["removed", "visible"]
        must_be_rebuilt_alike(world)


class TestCounting:
    def test_the_number_of_comments_does_not_depend_on_the_order_of_logs(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, ben)
        say(world, anna, comment_id="k2")
        tag = TagCase(tag="police", by=anna, at=world.clock())
        world.executors.cases.execute("c1", tag, CommandContext())
        world.settle()
        before = rows(world, "cases")
        assert before["c1"].comments == 2
        read_again(world, "cases", "discussions", "members", "cases")
        assert rows(world, "cases") == before

    def test_a_case_known_from_its_comments_only_is_visible_to_no_member(
        self, world: World, ben: Actor
    ) -> None:
        say(world, ben)
        read_again(world, "cases", "discussions")
        (row,) = rows(world, "cases").values()
        assert not world.answers["cases"].service.may_see(row, JUDGE)


def read_again(world: World, name: str, *logs: str) -> None:
    """Read the logs into an empty read model, one whole log after the other."""
    world.build_read_models()
    service = world.answers[name].service
    model = world.model(service)
    projector = Projector(service, model, world.codec, world.history)
    for log in logs:
        events = world.history.read(log, 0, 1000)
        checkpoint = projector.checkpoint().moved(log, events[-1].position)
        projector.handle(events, checkpoint)


class TestErasure:
    def test_comments_of_an_erased_member_keep_their_places_without_text(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, ben)
        world.discuss.edit(K1, "I saw it, too.", ben, CommandContext())
        say(world, anna, "When?", comment_id="k2", parent_id="k1")
        world.settle()
        erase(world, ben)
        for _ in range(2):
            shown = [(each["status"], each["text"], each["author"]) for each in thread(world)]
            assert shown[1] == (CommentStatus.ERASED, "", None)
            assert shown[0][1] == "When?"
            assert one(world, "discussions", "k1") == "gone"
            must_be_rebuilt_alike(world)
        world.clock.wind(seconds=1)
        stood = as_it_stood(world, "discussions", "k1", world.clock())
        assert (stood.text, stood.author, stood.status) == ("", None, CommentStatus.ERASED)

    def test_removed_and_hidden_comments_of_an_erased_member_become_erased(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        for key in ("k1", "k2", "k3"):
            say(world, ben, comment_id=key)
        world.settle()
        decide(world, COMMENT, "k1", mo)
        world.settle()
        remove(world, ben, "k2")
        erase(world, ben)
        decide(world, COMMENT, "k3", mo, decision_id="d3")
        decide(world, COMMENT, "k1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert {each["status"] for each in thread(world)} == {CommentStatus.ERASED}
        must_be_rebuilt_alike(world)
        assert world.parked.list() == []

    def test_comments_read_after_the_erasure_of_their_author_show_no_text(
        self, world: World, ben: Actor
    ) -> None:
        """Their key may not be destroyed yet, by whoever died when it was to be."""
        say(world, ben)
        ask_to_be_erased(world, ben)
        read_again(world, "discussions", "members", "discussions")
        assert thread(world) == []
        world.settle()
        (shown,) = thread(world)
        assert (shown["status"], shown["text"], shown["author"]) == (CommentStatus.ERASED, "", None)

    def test_commenting_on_an_erased_case_is_refused(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        erase(world, anna)
        with refused("not-found"):
            say(world, ben)

    def test_an_erased_case_counts_no_comments_supports_and_followers(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, ben)
        world.engage.support(C1, ben, CommandContext())
        world.engage.follow(C1, ben, CommandContext())
        world.settle()
        erase(world, anna)
        world.engage.withdraw_support(C1, ben, CommandContext())
        world.engage.unfollow(C1, ben, CommandContext())
        remove(world, ben)
        before = rows(world, "cases")
        assert (before["c1"].comments, before["c1"].supports, before["c1"].followers) == (0, 0, 0)
        must_be_rebuilt_alike(world)
        assert rows(world, "cases") == before
