"""Search: what is found and in which order, and what is no longer found."""

from functools import partial
from typing import Any, cast

import pytest

from application.engine import feed as feeds
from application.engine.answers import Answers, NotCaughtUp, Token
from application.engine.builds import open_build
from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.ports.read_models import Cursor, Fragment
from application.ports.unavailable import Unavailable
from application.queries import found_comments
from application.queries.cases import Cases
from application.queries.search import CaseSearch, SearchOrder
from domain.actors import Actor
from domain.cases.case_commands import (
    AmendCase,
    CaseCommand,
    LocateCase,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.place import Location
from domain.ids import CommentId
from tests.application.community import (
    CASE,
    COMMENT,
    PARTY,
    RESTORE,
    Reading,
    accept_proposals,
    decide,
    erase,
    listed,
    must_be_rebuilt_alike,
    name_party,
    read_models_with,
    say,
)
from tests.application.test_feed import Feeding
from tests.memory_search import MemorySearchModel
from tests.world import World

ANYBODY = Viewer()
STORY = "The clerk asked for money."


@pytest.fixture(autouse=True)
def case(world: World, anna: Actor) -> None:
    world.public_case(anna, title="A permit", story=STORY, tags=("roads",))


def found(world: World, q: str, **filters: Any) -> list[str]:
    return [each["case_id"] for each in listed(world, "search", q=q, **filters)]


def page(world: World, q: str, limit: int = 9, after: Cursor | None = None, **filters: Any) -> Any:
    filters = {"q": q, **filters}
    return world.answers["search"].page(ANYBODY, filters, limit=limit, after=after)


def do(world: World, command: CaseCommand, case_id: str = "c1") -> None:
    world.executors.cases.execute(case_id, command, CommandContext())
    world.settle()


def cases(world: World, **filters: Any) -> list[str]:
    return [each["case_id"] for each in listed(world, "cases", **filters)]


class TestFinding:
    def test_a_case_is_found_by_all_words_of_its_texts_together(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        place = Location(lat=1, lon=2, name="Harbour")
        do(world, LocateCase(location=place, by=anna, at=world.clock()))
        name_party(world, ben, "Town hall")
        say(world, ben, "They took mine as well.")
        world.settle()
        for words in ("permit", "clerk", "roads", "harbour", "town", "mine", "permit mine harbour"):
            assert found(world, words) == ["c1"], words
        assert found(world, "permit nothing") == []
        assert found(world, "?!") == []
        must_be_rebuilt_alike(world)

    def test_the_document_has_what_a_list_of_results_shows(self, world: World, ben: Actor) -> None:
        name_party(world, ben, "Town hall")
        world.settle()
        (shown,) = listed(world, "search", q="permit")
        assert shown == {
            "case_id": "c1",
            "title": "A permit",
            "story": STORY,
            "category": "other",
            "tags": ("roads",),
            "location": None,
            "parties": ("Town hall",),
            "published_at": shown["published_at"],
        }

    def test_what_was_found_is_told_for_each_text(self, world: World) -> None:
        (highlights,) = page(world, "clerk").highlights
        assert highlights == {"story": Fragment(STORY, ((4, 9),))}

    def test_values_are_counted_over_all_that_was_found(self, world: World, anna: Actor) -> None:
        world.public_case(anna, "c2", title="Another permit", tags=("roads", "health"))
        found = page(world, "permit", limit=1)
        assert found.facets == {"category": {"other": 2}, "tags": {"roads": 2, "health": 1}}

    def test_better_matches_come_first_and_among_equal_ones_the_newer(
        self, world: World, anna: Actor
    ) -> None:
        world.clock.wind(days=30)
        world.public_case(anna, "c2", title="Else", story="A permit.")
        world.public_case(anna, "c3", title="A permit")
        assert found(world, "permit") == ["c3", "c1", "c2"]
        assert found(world, "permit", sort=SearchOrder.NEWEST) == ["c3", "c2", "c1"]

    def test_pages_follow_each_other_in_either_order(self, world: World, anna: Actor) -> None:
        for number in range(2, 6):
            world.clock.wind(days=1)
            world.public_case(anna, f"c{number}", title="A permit")
        for sort in SearchOrder:
            parts = [page(world, "permit", limit=2, sort=sort)]
            while parts[-1].next:
                parts.append(page(world, "permit", limit=2, after=parts[-1].next, sort=sort))
            keys = [each.case_id for part in parts for each in part.documents]
            assert keys == ["c5", "c4", "c3", "c2", "c1"]

    def test_an_unfinished_word_is_found_while_somebody_types(self, world: World) -> None:
        assert found(world, "per") == []
        assert found(world, "per", typing=True) == ["c1"]

    def test_filters_hold_as_well(self, world: World, ben: Actor) -> None:
        name_party(world, ben, "Town hall")
        world.settle()
        assert found(world, "permit", tag="roads", party="hall") == ["c1"]
        assert found(world, "permit", tag="health") == []
        assert found(world, "permit", party="permit") == []

    def test_the_last_word_is_completed(self, world: World) -> None:
        suggest = world.answers["search"].suggestions
        assert suggest({"q": "the cl"}, limit=5) == ["the clerk"]
        assert suggest({"q": "?"}, limit=5) == []


class TestVisibility:
    def test_an_amended_case_is_found_by_its_present_words(self, world: World, anna: Actor) -> None:
        do(world, AmendCase(changes={"title": "A licence"}, by=anna, at=world.clock()))
        assert (found(world, "permit"), found(world, "licence")) == ([], ["c1"])

    def test_a_tag_that_was_removed_is_not_found(self, world: World, anna: Actor) -> None:
        do(world, UntagCase(tag="roads", by=anna, at=world.clock()))
        assert found(world, "roads") == []

    def test_a_case_that_waits_for_evidence_is_not_found(self, world: World, anna: Actor) -> None:
        world.report(anna, case_id="c2", title="Waiting", tags=("secret",))
        world.settle()
        do(world, AmendCase(changes={"story": "Still waiting"}, by=anna, at=world.clock()), "c2")
        assert found(world, "waiting") == found(world, "secret") == []

    def test_a_hidden_case_is_found_again_with_all_of_it_when_it_returns(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        name_party(world, ben, "Town hall")
        say(world, ben, "Mine as well")
        world.settle()
        decide(world, CASE, "c1", mo)
        world.settle()
        words = ("permit", "roads", "hall", "mine")
        assert [found(world, word) for word in words] == [[]] * 4
        assert world.answers["search"].suggestions({"q": "perm"}, limit=5) == []
        decide(world, CASE, "c1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert [found(world, word) for word in words] == [["c1"]] * 4
        must_be_rebuilt_alike(world)

    def test_a_hidden_party_is_not_found(self, world: World, ben: Actor, mo: Actor) -> None:
        name_party(world, ben, "Town hall")
        world.settle()
        decide(world, PARTY, "p1", mo)
        world.settle()
        assert found(world, "hall") == []
        assert read_models_with(world, "Town hall") != ["search"]

    def test_a_comment_is_found_while_everybody_can_read_it(
        self, world: World, ben: Actor, mo: Actor
    ) -> None:
        key = say(world, ben, "Mine as well")
        world.settle()
        world.discuss.edit(key, "Ours as well", ben, CommandContext())
        world.settle()
        assert (found(world, "mine"), found(world, "ours")) == ([], ["c1"])
        decide(world, COMMENT, key, mo)
        world.settle()
        assert found(world, "ours") == []
        decide(world, COMMENT, key, mo, RESTORE, decision_id="d2")
        world.settle()
        assert found(world, "ours") == ["c1"]
        world.discuss.remove(key, ben, CommandContext())
        world.settle()
        assert found(world, "ours") == []

    def test_comments_may_be_projected_before_their_case(self, world: World, ben: Actor) -> None:
        say(world, ben, "Mine as well")
        world.settle()
        reading = Reading(world, CaseSearch())
        reading.catch_up("discussions")
        assert reading.rows["c1"].comments == ()
        reading.catch_up("cases")
        assert reading.rows["c1"].comments == ("Mine as well",)

    def test_the_newest_comments_are_found_and_a_hidden_one_keeps_its_place(
        self, world: World, ben: Actor, mo: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(found_comments, "MOST_COMMENTS", 2)
        for number, text in enumerate(("first", "second", "third")):
            say(world, ben, text, comment_id=f"k{number}")
        world.settle()
        assert [found(world, text) for text in ("first", "second", "third")] == [[], ["c1"], ["c1"]]
        decide(world, COMMENT, "k2", mo)
        world.discuss.edit(CommentId("k0"), "once more", ben, CommandContext())
        world.settle()
        assert found(world, "third") == found(world, "once") == []
        decide(world, COMMENT, "k0", mo, decision_id="d2")
        decide(world, COMMENT, "k2", mo, RESTORE, decision_id="d3")
        world.settle()
        assert [found(world, text) for text in ("first", "second", "third")] == [[], ["c1"], ["c1"]]

    def test_a_withdrawn_case_is_not_found(self, world: World, anna: Actor) -> None:
        do(world, WithdrawCase(by=anna, at=world.clock()))
        assert found(world, "permit") == []

    def test_nothing_is_kept_of_what_an_erased_member_said(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, ben, "Mine as well")
        say(world, ben, "And theirs", comment_id="k2")
        name_party(world, ben, "Town hall")
        do(world, TagCase(tag="harbour", by=ben, at=world.clock()))
        accept_proposals(world, anna)
        erase(world, ben)
        for words in ("Mine as well", "Town hall", "harbour"):
            assert read_models_with(world, words) == []
        assert found(world, "permit") == ["c1"]
        erase(world, anna)
        assert read_models_with(world, STORY) == []
        must_be_rebuilt_alike(world)

    def test_a_comment_on_an_erased_case_is_not_kept(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        say(world, ben, "Mine as well")
        erase(world, anna)
        reading = Reading(world, CaseSearch())
        reading.catch_up("cases")
        reading.catch_up("discussions")
        assert "Mine as well" not in repr(reading.rows)


class TestAsking:
    """The list of cases asks the search where its question holds texts."""

    def test_cases_are_found_by_any_text_the_newest_first(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        world.clock.wind(days=1)
        world.public_case(anna, "c2", title="Else", story="A permit.")
        say(world, ben, "Mine as well")
        name_party(world, ben, "Town hall", case_id="c2")
        world.settle()
        assert cases(world, q="permit") == ["c2", "c1"]
        assert cases(world, q="mine") == ["c1"]
        assert cases(world, party="hall") == ["c2"]
        assert cases(world, q="permit", party="hall") == ["c2"]
        assert cases(world, q="clerk", party="hall") == []
        assert cases(world, q="permit", tag="roads") == ["c1"]
        assert cases(world) == ["c2", "c1"]

    @pytest.mark.parametrize("name", ["q", "party"])
    def test_a_text_without_a_word_finds_nothing(self, world: World, name: str) -> None:
        assert cases(world, **{name: " ?! "}) == []

    def test_pages_follow_each_other(self, world: World, anna: Actor) -> None:
        for number in range(2, 6):
            world.public_case(anna, f"c{number}", title="A permit")
        ask = partial(world.answers["cases"].page, ANYBODY, {"q": "permit"}, limit=2)
        parts = [ask()]
        while parts[-1].next:
            parts.append(ask(after=parts[-1].next))
        keys = [each.case_id for part in parts for each in part.documents]
        assert keys == ["c5", "c4", "c3", "c2", "c1"]

    def test_a_case_that_is_not_listed_any_more_or_not_yet_is_left_out(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        world.public_case(anna, "c2", title="A permit")
        search = world.subscriptions.pop(self.position(world, "search"))
        decide(world, CASE, "c2", mo)
        world.settle()
        assert (found(world, "permit"), cases(world, q="permit")) == (["c2", "c1"], ["c1"])
        search.catch_up()
        world.subscriptions.pop(self.position(world, "cases"))
        world.subscriptions.append(search)
        world.public_case(anna, "c3", title="A permit")
        assert (found(world, "permit"), cases(world, q="permit")) == (["c3", "c1"], ["c1"])

    def position(self, world: World, name: str) -> int:
        names = [each.subscriber.name.partition(".")[0] for each in world.subscriptions]
        return names.index(name)

    def test_it_waits_until_the_search_includes_a_write(self, world: World, anna: Actor) -> None:
        world.subscriptions.pop(self.position(world, "search"))
        world.public_case(anna, "c2", title="A permit")
        ticks = iter(range(100))
        answers = world.answers["cases"]
        answers.searcher = Answers(
            CaseSearch(),
            world.models,
            world.history,
            world.codec,
            pause=lambda _: None,
            clock=lambda: float(next(ticks)),
        )
        token = Token("cases", "case-c2", 1)
        assert answers.page(ANYBODY, {}, limit=9, token=token).documents
        with pytest.raises(NotCaughtUp):
            answers.page(ANYBODY, {"q": "permit"}, limit=9, token=token)


class TestPurging:
    """The files of the index lose what was erased, a while after the erasure."""

    @pytest.fixture
    def feeding(self, world: World) -> Feeding:
        return Feeding(world)

    def model(self, feeding: Feeding, build: int = 1) -> MemorySearchModel[Any]:
        model: Any = open_build(CaseSearch(), feeding.world.models, build)
        return cast("MemorySearchModel[Any]", model)

    def later(self, feeding: Feeding, feed: feeds.QueryFeed) -> None:
        feeding.passed += feeds.PURGE_SECONDS
        feeding.catch_up(feed)

    def test_an_erasure_is_followed_by_one_purge(self, feeding: Feeding, ben: Actor) -> None:
        feed = feeding.fed(CaseSearch())
        self.later(feeding, feed)
        model = self.model(feeding)
        assert model.purged == 1  # nobody knows whether the process before had purged
        say(feeding.world, ben, "Mine as well")
        feeding.world.settle()
        self.later(feeding, feed)
        assert model.purged == 1
        erase(feeding.world, ben)
        feeding.catch_up(feed)
        feed.make_due()
        feeding.catch_up(feed)
        assert model.purged == 1
        self.later(feeding, feed)
        self.later(feeding, feed)
        assert model.purged == 2

    def test_a_process_that_begins_to_lead_purges(self, feeding: Feeding) -> None:
        feed = feeding.fed(CaseSearch())
        self.later(feeding, feed)
        feed.begin()
        self.later(feeding, feed)
        assert self.model(feeding).purged == 2

    def test_a_purge_that_failed_is_repeated(
        self, feeding: Feeding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        feed = feeding.fed(CaseSearch())
        model = self.model(feeding)
        with monkeypatch.context() as broken:
            broken.setattr(model, "purge", unavailable)
            with pytest.raises(Unavailable):
                self.later(feeding, feed)
        self.later(feeding, feed)
        assert model.purged == 1

    def test_other_read_models_have_nothing_to_purge(self, feeding: Feeding) -> None:
        feed = feeding.fed(Cases())
        self.later(feeding, feed)
        assert feed.settled()


def unavailable() -> None:
    raise Unavailable
