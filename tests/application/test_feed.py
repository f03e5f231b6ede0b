"""Feeds of read models: several builds side by side, of one program or of an old and a new one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.leases.memory import MemoryLeases
from application.engine import feed as feeds
from application.engine import rebuild as rebuilds
from application.engine.answers import LOOK_UP_SECONDS, Answers
from application.engine.builds import lease_of, open_build
from application.engine.executor import CommandContext
from application.engine.feed import ABANDONED_SECONDS, GRACE_SECONDS, QueryFeed
from application.engine.fingerprint import fingerprint
from application.engine.query_service import QueryService, Viewer
from application.engine.rebuild import Rebuilder
from application.ports.message_bus import Delivery
from application.ports.rebuilds import RebuildState
from application.queries.cases import Cases
from application.queries.videos import Videos
from domain.actors import Actor
from domain.cases.case_commands import TagCase
from domain.cases.case_events import EvidenceConcealed, EvidenceShown
from tests.newer import append_newer
from tests.world import World, new_models

ANYBODY = Viewer()


class NewVideos(Videos):
    """What a newer program makes of videos."""

    version = Videos.version + 1


class Poisoned(Videos):
    """Fails on all events of one case."""

    def __init__(self, case_id: str) -> None:
        super().__init__()
        self._case_id = case_id

    def project(self, event: EvidenceShown | EvidenceConcealed, rows: Any) -> None:
        if event.case_id == self._case_id:
            raise RuntimeError("poison")
        super().project(event, rows)


@dataclass
class Feeding:
    """Read models that only feeds made here move, and a clock that a test winds."""

    world: World
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    passed: float = 0.0

    def __post_init__(self) -> None:
        self.world.models = new_models()

    def clock(self) -> float:
        return self.passed

    def pause(self, seconds: float) -> None:
        self.passed += seconds

    def feed(self, service: QueryService[Any]) -> QueryFeed:
        """The feed of a process that leads."""
        feed = QueryFeed(
            service,
            projections=self.world.projections(),
            leases=self.leases,
            clock=self.clock,
            pause=self.pause,
        )
        feed.begin()
        return feed

    def fed(self, service: QueryService[Any]) -> QueryFeed:
        """A feed that has caught up."""
        feed = self.feed(service)
        self.catch_up(feed)
        return feed

    def catch_up(self, feed: QueryFeed) -> None:
        while feed.step():
            pass

    def rebuilder(self) -> Rebuilder:
        return Rebuilder(self.world.projections(), self.leases)

    def rebuild(self, service: QueryService[Any], **options: Any) -> RebuildState:
        """Rebuild as the command does."""
        rebuilder = self.rebuilder()
        rebuilder.rebuilds.begin(service, **options)
        return rebuilder.complete(service)

    def answers(self, service: QueryService[Any]) -> Answers[Any]:
        world = self.world
        return Answers(service, world.models, world.history, world.codec, clock=self.clock)

    def live(self) -> int:
        return self.world.models.live_version("videos")

    def builds(self) -> list[int]:
        return self.world.models.versions("videos")

    def lead(self, service: QueryService[Any]) -> None:
        """Some other process leads the program that this service belongs to."""
        assert self.leases.acquire(lease_of(service, fingerprint(service)), "other", 1000)

    def leave(self, service: QueryService[Any]) -> None:
        self.leases.release(lease_of(service, fingerprint(service)), "other")


@pytest.fixture
def feeding(world: World) -> Feeding:
    world.public_case(world.member())
    return Feeding(world)


def shown(answers: Answers[Any]) -> int:
    return len(answers.page(ANYBODY, {}, limit=9).documents)


class TestFeed:
    def test_the_first_build_serves_at_once(self, feeding: Feeding) -> None:
        feed = feeding.feed(Videos())
        assert (feed.lag(), feed.unreadable(), feed.handled) == ({}, {}, {})
        feeding.catch_up(feed)
        assert (feeding.live(), feeding.builds(), feed.settled()) == (1, [1], True)
        assert shown(feeding.answers(Videos())) == 1
        assert feed.lag() == {"cases": 0}
        assert feed.handled == feed.subscription.handled

    def test_a_later_feed_continues_the_existing_build(self, feeding: Feeding) -> None:
        feeding.fed(Videos())
        later = feeding.feed(Videos())
        later.make_due()
        assert later.save_checkpoint()
        feeding.catch_up(later)
        assert (feeding.live(), feeding.builds()) == (1, [1])

    def test_the_old_build_serves_until_the_new_one_has_caught_up(
        self, feeding: Feeding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.engine.subscription.COMMITS_A_READ", 1)
        feeding.fed(Videos())
        feed = feeding.feed(NewVideos())
        while feed.step():
            assert feeding.live() == (1 if feed.lag()["cases"] else 2)
        assert feeding.live() == 2

    def test_a_build_that_waits_for_a_newer_program_does_not_replace_one_that_does_not(
        self, feeding: Feeding
    ) -> None:
        live = feeding.fed(Videos())
        append_newer(feeding.world.stores["cases"], feeding.world.codec, "c1")
        ahead = live.subscription.subscriber.checkpoint()
        end = feeding.world.history.last_position("cases")
        live.subscription.subscriber.handle([], ahead.moved("cases", end))
        older = feeding.fed(NewVideos())
        assert older.unreadable()
        assert feeding.live() == 1

    def test_a_replaced_build_is_fed_until_no_query_uses_it(self, feeding: Feeding) -> None:
        world, feed = feeding.world, feeding.fed(Videos())
        answers = feeding.answers(Videos())
        assert shown(answers) == 1
        world.models.begin("videos", fingerprint(Videos()))
        open_build(Videos(), world.models, 2)
        feeding.catch_up(feed)
        assert (feeding.live(), feeding.builds(), feed.settled()) == (2, [1, 2], False)
        news = world.history.read("cases", 0, 100)
        world.public_case(world.member("Ben"), "c2")
        news = world.history.read("cases", news[-1].position, 100)
        feed.deliver([Delivery("cases", world.wire.pack(news))])
        assert shown(answers) == 2
        feeding.passed += GRACE_SECONDS
        assert shown(answers) == 2
        feeding.catch_up(feed)
        assert feeding.builds() == [2]
        assert shown(answers) == 2
        assert feed.settled()

    def test_bus_deliveries_are_not_handed_to_a_build_that_is_catching_up(
        self, feeding: Feeding
    ) -> None:
        world, feed = feeding.world, feeding.fed(Videos())
        world.models.begin("videos", fingerprint(Videos()))
        new = open_build(Videos(), world.models, 2)
        feed.begin()
        feed._load_builds()
        feed.deliver([Delivery("cases", world.wire.pack(world.history.read("cases", 0, 100)))])
        assert new.checkpoint().positions == {}


class TestOldAndNewProgram:
    """An old program and a new one side by side."""

    def test_the_old_program_feeds_its_build_until_it_stops(self, feeding: Feeding) -> None:
        old, new = feeding.fed(Videos()), feeding.feed(NewVideos())
        feeding.lead(Videos())
        feeding.catch_up(new)
        feeding.passed += GRACE_SECONDS
        feeding.catch_up(new)
        assert (feeding.live(), feeding.builds()) == (2, [1, 2])
        feeding.world.public_case(feeding.world.member("Ben"), "c2")
        old.make_due()
        feeding.catch_up(old)
        assert (feeding.live(), feeding.builds(), old.lag()["cases"]) == (2, [1, 2], 0)
        feeding.leave(Videos())
        feeding.catch_up(new)
        feeding.passed += GRACE_SECONDS
        feeding.catch_up(new)
        assert feeding.builds() == [2]

    def test_the_old_program_does_not_build_while_the_new_one_leads(self, feeding: Feeding) -> None:
        feeding.fed(Videos())
        new = feeding.fed(NewVideos())
        feeding.passed += GRACE_SECONDS
        feeding.catch_up(new)
        feeding.lead(NewVideos())
        restarted = feeding.feed(Videos())
        for _ in range(3):
            feeding.passed += ABANDONED_SECONDS
            assert not restarted.step()
        assert (feeding.live(), feeding.builds()) == (2, [2])
        assert shown(feeding.answers(Videos())) == 1

    def test_the_old_program_builds_again_after_a_rollback_of_the_new_one(
        self, feeding: Feeding
    ) -> None:
        feeding.fed(Videos())
        new = feeding.fed(NewVideos())
        feeding.passed += GRACE_SECONDS
        feeding.catch_up(new)
        old = feeding.feed(Videos())
        assert not old.step()
        feeding.passed += ABANDONED_SECONDS
        feeding.catch_up(old)
        feeding.passed += GRACE_SECONDS
        feeding.catch_up(old)
        assert (feeding.live(), feeding.builds()) == (3, [3])

    def test_a_later_build_is_not_replaced_by_a_slower_earlier_one(self, feeding: Feeding) -> None:
        class Newest(Videos):
            version = 9

        feeding.fed(Videos())
        slow = feeding.feed(NewVideos())
        feeding.world.models.begin("videos", fingerprint(NewVideos()))
        open_build(NewVideos(), feeding.world.models, 2)
        feeding.fed(Newest())
        assert feeding.live() == 3
        feeding.catch_up(slow)
        assert feeding.live() == 3


class TestRebuild:
    @pytest.fixture(autouse=True)
    def in_a_hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feeds, "GRACE_SECONDS", 0)
        monkeypatch.setattr(rebuilds, "LOOK_SECONDS", 0.001)

    def test_each_build_keeps_its_parked_events_until_a_decision(self, feeding: Feeding) -> None:
        world = feeding.world
        world.public_case(world.member("Ben"), "c2")
        live = feeding.fed(Poisoned("c1"))
        new = feeding.world.projections().open(Poisoned("c2"), 9)
        while new.catch_up():
            pass
        live.step()
        stuck = live.subscription.subscriber.checkpoint().parked
        others = new.subscriber.checkpoint().parked
        assert stuck - others
        assert others - stuck
        assert parked(world, 1) == stuck
        assert parked(world, 9) == others

    def test_a_decision_on_parked_events_of_one_build_does_not_affect_another(
        self, feeding: Feeding
    ) -> None:
        world, live = feeding.world, feeding.fed(Poisoned("c1"))
        new = feeding.world.projections().open(Poisoned("c1"), 9)
        while new.catch_up():
            pass
        drop_all(world, 1)
        live.step()
        assert parked(world, 1) == set()
        stuck = new.subscriber.checkpoint().parked
        assert stuck
        assert parked(world, 9) == stuck
        drop_all(world, 9)
        while new.catch_up():
            pass
        assert new.subscriber.checkpoint().parked == frozenset()
        assert world.parked.list() == []

    def test_parked_events_of_a_replaced_build_are_not_listed(self, feeding: Feeding) -> None:
        world = feeding.world
        feeding.fed(Poisoned("c1"))
        assert parked(world, 1)
        world.parked.park(replace(world.parked.list()[0], subscriber="cases.7"))
        feeding.rebuild(Videos())
        feeding.fed(Videos())
        assert [each.subscriber for each in world.parked.list()] == ["cases.7"]

    def test_events_parked_while_their_build_is_dropped_are_removed(self, feeding: Feeding) -> None:
        world = feeding.world
        feeding.fed(Poisoned("c1"))
        straggling = world.parked.list()
        assert straggling
        feeding.rebuild(Videos())
        feeding.fed(Videos())
        for each in straggling:
            world.parked.park(each)
        feeding.feed(Videos())
        assert world.parked.list() == []


def parked(world: World, build: int) -> set[str]:
    return {each.event.id for each in world.parked.list(f"videos.{build}")}


def drop_all(world: World, build: int) -> None:
    for event_id in parked(world, build):
        world.parked.decide(f"videos.{build}", event_id, "drop")


class HotCase:
    """A case that changes all the time, while it is read and its read model is rebuilt."""

    def __init__(self) -> None:
        self.world = World()
        self.anna: Actor = self.world.member()
        self.world.public_case(self.anna)
        self.feeding = Feeding(self.world)
        self.feed = self.feeding.fed(Cases())
        self.answers = self.feeding.answers(Cases())
        self.seen = self.tags = 0
        self.read()
        self.make_live = self.world.models.make_live
        self.world.models.make_live = self.swap  # type: ignore[method-assign]  # for what happens meanwhile

    def swap(self, name: str, version: int) -> None:
        """The old build goes on until the very moment at which another takes its place."""
        self.change()
        self.bring()
        self.make_live(name, version)

    def change(self) -> None:
        self.tags += 1
        tag = TagCase(tag=f"t{self.tags % 5}", by=self.anna, at=self.world.clock())
        self.world.executors.cases.execute("c1", tag, CommandContext())

    def bring(self) -> None:
        """Let the bus bring all that is new to the build that serves."""
        live = open_build(Cases(), self.world.models, self.feed._live)
        events = self.world.history.read("cases", live.checkpoint().at("cases"), 100)
        if events:
            self.feed.deliver([Delivery("cases", self.world.wire.pack(events))])

    def step(self) -> None:
        self.feed.step()

    def rebuild(self) -> None:
        build = self.world.models.begin("cases", fingerprint(Cases())).number
        open_build(Cases(), self.world.models, build)

    def restart(self) -> None:
        """Another process takes the lead."""
        self.feed = self.feeding.feed(Cases())

    def wait(self) -> None:
        self.feeding.passed += LOOK_UP_SECONDS * 1.5

    def read(self) -> None:
        document = self.answers.one("c1", ANYBODY)
        assert document is not None
        assert document.version >= self.seen
        self.seen = document.version


ACTIONS = [HotCase.change, HotCase.bring, HotCase.step, HotCase.wait, HotCase.read]
RARE = [HotCase.rebuild, HotCase.restart]


@given(st.lists(st.sampled_from([*ACTIONS * 3, *RARE]), max_size=60))
@settings(deadline=None, max_examples=25)
def test_answers_never_go_back_during_rebuilds(
    actions: list[Callable[[HotCase], None]],
) -> None:
    case = HotCase()
    for act in actions:
        act(case)
        case.read()


def test_a_rebuild_ends_although_the_case_changes_all_the_time() -> None:
    case = HotCase()
    case.rebuild()
    for _ in range(20):
        for act in (HotCase.change, HotCase.bring, HotCase.change, HotCase.step, HotCase.wait):
            act(case)
            case.read()
    assert case.feed.settled()
    assert case.world.models.versions("cases") == [2]
