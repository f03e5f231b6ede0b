"""Rebuilds that an operator asks for: compared, swapped, rolled back, and killed at every step."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.engine import feed as feeds
from application.engine import parity
from application.engine import rebuild as rebuilds
from application.engine.answers import LOOK_UP_SECONDS
from application.engine.builds import open_build
from application.engine.feed import GRACE_SECONDS, QueryFeed
from application.engine.fingerprint import fingerprint
from application.engine.parity import texts_in
from application.engine.query_service import QueryService
from application.engine.rebuild import Rebuilder, RebuildRefused, Rebuilds
from application.engine.rebuild_steps import KEPT
from application.ports.message_bus import Delivery
from application.ports.read_models import ReadModel, UnreadableDocument
from application.ports.rebuilds import NO_REBUILD, Difference, Kind, Phase, RebuildState, Then
from application.queries.cases import Cases
from application.queries.notifications import Notifications
from application.queries.popular_cases import PopularCases
from application.queries.search import CaseSearch
from application.queries.videos import Videos
from application.system import query_services
from tests.application.community import erase
from tests.application.mortal import Death, Died, Mortal
from tests.application.test_feed import Feeding, HotCase, NewVideos, shown
from tests.newer import append_newer
from tests.world import World

CHANGES = ("begin", "open", "make_live", "save_rebuild")


@dataclass
class Operated(Feeding):
    """A service, the process that projects, and its operator."""

    service: QueryService[Any] = field(default_factory=Videos)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.feed_ = self.fed(self.service)

    @property
    def operator(self) -> Rebuilds:
        return Rebuilds(self.world.models, self.world.clock)

    @property
    def state(self) -> RebuildState:
        return self.operator.state(self.service)

    def work(self) -> None:
        self.catch_up(self.feed_)

    def step(self) -> None:
        self.feed_.step()

    def restart(self) -> None:
        """Another process projects from now on."""
        self.feed_ = self.feed(self.service)

    def rebuild(self, service: QueryService[Any] | None = None, **options: Any) -> RebuildState:
        self.operator.begin(service or self.service, **options)
        self.work()
        return self.state

    def bring(self) -> None:
        """Let the bus bring what is new."""
        events = self.world.history.read("cases", self.model().checkpoint().at("cases"), 100)
        if events:
            self.feed_.deliver([Delivery("cases", self.world.wire.pack(events))])

    def model(self, build: int = 0) -> ReadModel[Any]:
        number = build or self.world.models.live_version(self.service.name)
        return open_build(self.service, self.world.models, number)

    def change_by_hand(self, changes: dict[str, Any], sides: Any = ()) -> None:
        model = self.model()
        model.commit(changes, model.checkpoint().next(), dict(sides))
        self.restart()

    def live(self) -> int:
        return self.world.models.live_version(self.service.name)

    def builds(self) -> list[int]:
        return self.world.models.versions(self.service.name)

    def wait(self) -> None:
        """Let as much time pass as it takes until replaced builds are dropped."""
        self.feed_.step()
        self.passed += GRACE_SECONDS
        self.work()


@pytest.fixture
def videos(world: World) -> Operated:
    for case_id in ("c1", "c2", "c3"):
        world.public_case(world.member(case_id), case_id)
    return Operated(world)


def keys_of(model: ReadModel[Any]) -> list[str]:
    return [row.key for row in model.find(parity.BY_KEY, limit=99)]


class TestRebuild:
    def test_it_is_compared_and_swapped_and_the_replaced_build_is_kept(
        self, videos: Operated
    ) -> None:
        assert videos.state == NO_REBUILD
        begun = videos.operator.begin(videos.service)
        assert (begun.phase, begun.build, begun.is_moving) == (Phase.BUILDING, 2, True)
        assert begun.began_at == videos.world.clock()
        videos.work()
        state = videos.state
        assert (state.phase, state.build, state.kept) == (Phase.SWAPPED, 0, 1)
        assert (state.is_alike, state.compared, state.is_moving) == (True, 3, False)
        assert state.handled == state.total == videos.world.history.last_position("cases")
        assert state.kept_until == videos.world.clock() + KEPT
        videos.wait()
        assert (videos.live(), videos.builds()) == (2, [1, 2])

    def test_the_first_build_has_nothing_to_be_compared_with(self, world: World) -> None:
        feeding = Feeding(world)
        state = feeding.rebuild(Videos())
        assert (state.phase, state.was_compared, state.is_alike) == (Phase.SWAPPED, False, False)
        assert (state.kept, state.kept_until, feeding.builds()) == (0, None, [1])

    def test_a_build_of_another_program_is_neither_compared_nor_kept(
        self, videos: Operated
    ) -> None:
        feed = videos.feed(NewVideos())
        videos.operator.begin(NewVideos())
        videos.catch_up(feed)
        state = videos.state
        assert (state.phase, state.was_compared, state.kept) == (Phase.SWAPPED, False, 0)
        videos.passed += GRACE_SECONDS
        videos.catch_up(feed)
        assert (videos.live(), videos.builds()) == (2, [2])

    def test_the_kept_build_is_dropped_after_a_day(self, videos: Operated) -> None:
        videos.rebuild()
        videos.world.clock.wind(hours=24)
        videos.work()
        assert (videos.state.kept, videos.state.retired) == (0, (1,))
        videos.wait()
        assert videos.builds() == [2]
        with pytest.raises(RebuildRefused, match="No earlier build"):
            videos.operator.roll_back(videos.service)

    def test_what_made_it_differ_is_forgotten_with_it(self, videos: Operated) -> None:
        videos.change_by_hand({keys_of(videos.model())[0]: None})
        assert len(videos.rebuild().differences) == 1
        videos.world.clock.wind(hours=24)
        videos.work()
        assert videos.state.differences == ()

    def test_what_was_found_since_stays_when_it_is_dropped(self, videos: Operated) -> None:
        videos.rebuild()
        videos.world.clock.wind(hours=23)
        videos.change_by_hand({keys_of(videos.model())[0]: None})
        videos.rebuild(then=Then.DROP)
        videos.world.clock.wind(hours=1)
        videos.work()
        assert (videos.state.kept, len(videos.state.differences)) == (0, 1)

    def test_one_build_at_most_is_kept(self, videos: Operated) -> None:
        for _ in range(3):
            videos.rebuild()
            videos.wait()
        assert (videos.live(), videos.builds(), videos.state.kept) == (4, [3, 4], 3)

    def test_one_rebuild_at_most_is_in_progress(self, videos: Operated) -> None:
        videos.operator.begin(videos.service)
        with pytest.raises(RebuildRefused, match="in progress"):
            videos.operator.begin(videos.service)
        with pytest.raises(RebuildRefused, match="in progress"):
            videos.operator.roll_back(videos.service)

    def test_the_rebuild_of_a_program_that_has_gone_does_not_stop_others(
        self, videos: Operated
    ) -> None:
        videos.operator.begin(NewVideos())
        videos.rebuild()
        state = videos.state
        assert (state.phase, videos.live(), state.retired) == (Phase.SWAPPED, 3, (2,))

    def test_a_rebuild_ends_when_a_newer_program_serves(self, videos: Operated) -> None:
        videos.operator.begin(videos.service)
        newer = videos.fed(NewVideos())
        videos.work()
        assert (videos.state.phase, videos.live()) == (Phase.CANCELLED, 3)
        videos.passed += GRACE_SECONDS
        videos.catch_up(newer)
        videos.passed += GRACE_SECONDS
        videos.catch_up(newer)
        assert videos.builds() == [3]

    def test_nothing_is_compared_when_another_program_serves_by_then(
        self, videos: Operated
    ) -> None:
        models = videos.world.models
        newer = models.begin("videos", fingerprint(NewVideos())).number
        open_build(NewVideos(), models, newer)
        videos.operator.begin(videos.service)
        while videos.state.phase is Phase.BUILDING:
            videos.step()
        models.make_live("videos", newer)
        videos.work()
        assert (videos.state.phase, videos.state.was_compared) == (Phase.SWAPPED, False)

    def test_a_held_build_waits_for_the_operator(self, videos: Operated) -> None:
        state = videos.rebuild(then=Then.HOLD)
        assert (state.phase, state.is_moving, videos.live()) == (Phase.HELD, False, 1)
        videos.world.public_case(videos.world.member("Ben"), "c4")
        videos.bring()
        assert len(keys_of(videos.model(2))) == 4
        videos.operator.swap(videos.service)
        videos.work()
        assert (videos.state.phase, videos.live(), videos.state.kept) == (Phase.SWAPPED, 2, 1)
        with pytest.raises(RebuildRefused, match="No build is held"):
            videos.operator.swap(videos.service)

    def test_a_cancelled_build_is_dropped(self, videos: Operated) -> None:
        videos.rebuild(then=Then.HOLD)
        videos.operator.cancel(videos.service)
        videos.work()
        videos.wait()
        assert (videos.state.phase, videos.live(), videos.builds()) == (Phase.CANCELLED, 1, [1])
        with pytest.raises(RebuildRefused, match="No rebuild is in progress"):
            videos.operator.cancel(videos.service)
        with pytest.raises(RebuildRefused, match="No rebuild is in progress"):
            videos.operator.throttle(videos.service, 1)

    def test_a_wish_is_taken_once_however_often_it_is_repeated(self, videos: Operated) -> None:
        operator, service = videos.operator, videos.service
        begun = operator.begin(service, then=Then.HOLD, wish="w1")
        assert operator.begin(service, wish="w1") == begun
        videos.work()
        operator.swap(service, wish="w2")
        videos.work()
        assert operator.swap(service, wish="w2") == operator.begin(service, wish="w1")
        for wish, live in (("w3", 1), ("w3", 1), ("w4", 2), ("w3", 2)):
            operator.roll_back(service, wish=wish)
            videos.work()
            assert videos.live() == live

    def test_a_state_that_changes_meanwhile_is_read_again(self, videos: Operated) -> None:
        videos.rebuild(then=Then.HOLD)
        operator = videos.operator
        stale, models = videos.state, videos.world.models
        fresh = models.rebuild
        operator.throttle(videos.service, 5)
        states = iter([stale])
        models.rebuild = lambda name: next(states, None) or fresh(name)  # type: ignore[method-assign]  # it changes in between
        assert operator.cancel(videos.service).events_a_second == 5
        videos.feed_._rebuild._save(stale, replace(stale, phase=Phase.SWAPPING))
        assert videos.state.phase is Phase.CANCELLED

    def test_it_waits_with_the_live_build_for_a_newer_program(self, videos: Operated) -> None:
        append_newer(videos.world.stores["cases"], videos.world.codec, "c1")
        live = videos.feed_.subscription.subscriber
        end = videos.world.history.last_position("cases")
        live.handle([], live.checkpoint().moved("cases", end))
        videos.rebuild()
        assert videos.state.phase is Phase.BUILDING
        assert not videos.feed_.step()


class TestSpeed:
    def test_progress_and_the_time_left_are_told(
        self, videos: Operated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.engine.subscription.COMMITS_A_READ", 1)
        total = videos.world.history.last_position("cases")
        assert videos.operator.begin(videos.service).time_left is None
        read = videos.world.history.read

        def slowly(*arguments: Any) -> Any:
            videos.passed += 0.5
            return read(*arguments)

        monkeypatch.setattr(videos.world.history, "read", slowly)
        told = []
        while videos.state.phase is Phase.BUILDING:
            videos.step()
            told.append(videos.state)
        assert told[1].handled < told[3].handled < total == told[3].total
        left = told[1].time_left
        assert left
        assert left == timedelta(seconds=(total - told[1].handled) / told[1].speed)
        assert told[-1].time_left is None

    def test_it_is_limited(self, videos: Operated) -> None:
        total = videos.world.history.last_position("cases")
        videos.rebuild(events_a_second=2.0)
        assert videos.passed == pytest.approx(total / 2, abs=3)

    def test_the_limit_can_be_changed_while_it_is_built(self, videos: Operated) -> None:
        videos.operator.begin(videos.service, events_a_second=0.001)
        for _ in range(3):
            videos.step()
        videos.operator.throttle(videos.service, 0)
        videos.work()
        assert (videos.state.phase, videos.passed < 10) == (Phase.SWAPPED, True)

    def test_a_limit_that_was_too_low_does_not_slow_down_what_follows(
        self, videos: Operated
    ) -> None:
        videos.operator.begin(videos.service, events_a_second=1e-6)
        for _ in range(3):
            videos.step()
        videos.operator.throttle(videos.service, 1000.0)
        videos.work()
        assert videos.passed < 10
        videos.operator.begin(videos.service, events_a_second=1e-6)
        for _ in range(3):
            videos.step()
        videos.operator.cancel(videos.service)
        videos.rebuild(events_a_second=1000.0)
        assert videos.passed < 20


THENS = {Phase.COMPARED: Then.DROP, Phase.HELD: Then.HOLD, Phase.SWAPPED: Then.SWAP}


class TestParity:
    """The live model compared with its log."""

    def compared(self, videos: Operated) -> RebuildState:
        videos.operator.compare(videos.service)
        videos.work()
        return videos.state

    @pytest.mark.parametrize("rows", [1, 2, 500])
    def test_what_somebody_changed_is_named(
        self, videos: Operated, rows: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parity, "ROWS_A_STEP", rows)
        first, second, _ = keys_of(videos.model())
        document = videos.model().get([first])[first]
        changed = replace(document, sha256="00", case_id="c9")
        videos.change_by_hand({first: changed, second: None, "zzz": document, "a": document})
        state = self.compared(videos)
        assert (state.phase, state.is_alike, state.compared) == (Phase.COMPARED, False, 5)
        assert state.different == 4
        assert sorted(state.differences, key=lambda each: each.key) == [
            Difference(table="", key="a", kind=Kind.ADDED),
            Difference(table="", key=first, kind=Kind.CHANGED, fields=("case_id", "sha256")),
            Difference(table="", key=second, kind=Kind.MISSING),
            Difference(table="", key="zzz", kind=Kind.ADDED),
        ]
        videos.wait()
        assert (videos.live(), videos.builds(), len(keys_of(videos.model()))) == (1, [1], 4)

    def test_nothing_differs_otherwise(self, videos: Operated) -> None:
        assert self.compared(videos).is_alike

    def test_a_rebuild_mends_what_differs(self, videos: Operated) -> None:
        (first, *_) = keys_of(videos.model())
        videos.change_by_hand({first: None})
        assert videos.rebuild().different == 1
        assert self.compared(videos).is_alike

    def test_all_differences_are_counted_and_the_first_are_named(
        self, videos: Operated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parity, "MOST_NAMED", 2)
        videos.change_by_hand(dict.fromkeys(keys_of(videos.model())))
        state = self.compared(videos)
        assert (state.different, len(state.differences)) == (3, 2)

    def test_a_row_that_cannot_be_read_is_named(
        self, videos: Operated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (first, second, _) = keys_of(videos.model())
        videos.change_by_hand({second: None})
        live, get = videos.model(), videos.model().get

        def broken(*_: Any, **__: Any) -> Any:
            raise UnreadableDocument

        def read(keys: list[str]) -> Any:
            return broken() if first in keys else get(keys)

        monkeypatch.setattr(live, "find", broken)
        monkeypatch.setattr(live, "get", read)
        assert [(each.key, each.kind) for each in self.compared(videos).differences] == [
            (first, Kind.UNREADABLE),
            (second, Kind.MISSING),
        ]

    def test_side_tables_are_compared_and_names_of_members_are_masked(self, world: World) -> None:
        anna = world.member()
        world.public_case(anna)
        world.settle()
        operated = Operated(world, service=Notifications())
        (side, *_) = Notifications.sides
        row = side.row(**dict.fromkeys(side.row.__dataclass_fields__, "x"))
        operated.change_by_hand({}, {side.row: {anna.member_id: row}})
        (found,) = self.compared(operated).differences
        assert (found.table, found.kind) == (side.name, Kind.ADDED)
        assert anna.member_id not in found.key
        assert found.key == f"#{world.keyed('difference', side.name, anna.member_id)[:13]}"

    @pytest.mark.parametrize("phase", [Phase.COMPARED, Phase.HELD, Phase.SWAPPED])
    def test_what_differed_is_forgotten_after_a_day(self, videos: Operated, phase: Phase) -> None:
        videos.change_by_hand(dict.fromkeys(keys_of(videos.model())))
        videos.rebuild(then=THENS[phase])
        for hours, named in ((23, 3), (2, 0)):
            videos.world.clock.wind(hours=hours)
            videos.work()
            state = videos.state
            assert (state.phase, state.different, len(state.differences)) == (phase, 3, named)

    def test_builds_are_compared_at_the_same_position_while_events_arrive(self) -> None:
        case = HotCase()
        operated = Operated(case.world, service=Cases())
        operated.operator.compare(Cases())
        while operated.state.is_moving:
            case.change()
            operated.bring()
            case.change()
            operated.step()
        assert operated.state.is_alike

    def test_a_page_that_another_process_changed_meanwhile_is_compared_again(
        self, videos: Operated, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        videos.operator.compare(videos.service)
        while videos.state.phase is Phase.BUILDING:
            videos.step()
        steps, step = count(), parity.Comparison.step

        def disturbed(self: parity.Comparison) -> parity.ComparedRows:
            if next(steps) == 0:
                live = videos.model()
                live.commit({}, live.checkpoint().moved("cases", 99))
            return step(self)

        monkeypatch.setattr(parity.Comparison, "step", disturbed)
        videos.step()
        assert (videos.state.phase, videos.state.compared) == (Phase.COMPARING, 0)
        videos.step()
        assert videos.state.phase is Phase.COMPARING  # the builds stand at different positions

    @pytest.mark.parametrize("service", query_services(), ids=lambda each: each.name)
    def test_every_read_model_can_be_compared(
        self, service: QueryService[Any], busy: World
    ) -> None:
        state = self.compared(Operated(busy, service=service))
        assert (state.is_alike, state.left_by_erasures) == (True, 0)

    def test_rows_that_an_erasure_left_are_counted_apart(self, world: World) -> None:
        anna, ben = world.member("Anna"), world.member("Ben")
        world.public_case(ben)
        popular = Operated(world, service=PopularCases())
        erase(world, ben)
        world.settle()
        world.public_case(anna, "c2")
        popular.feed_.make_due()
        popular.work()
        row = popular.model().get(["c2"])["c2"]
        popular.change_by_hand({"by hand": replace(row, case_id="by hand")})
        state = self.compared(popular)
        assert (state.left_by_erasures, state.different) == (1, 1)
        assert [each.key for each in state.differences] == ["by hand"]


@pytest.fixture(scope="module")
def busy() -> World:
    """A world in which much has happened."""
    world = World()
    anna, ben = world.member("Anna"), world.member("Ben")
    world.public_case(anna)
    world.public_case(ben, "c2")
    world.settle()
    erase(world, ben)
    world.settle()
    return world


class TestRollBack:
    def test_the_replaced_build_serves_again_and_the_new_one_is_kept(
        self, videos: Operated
    ) -> None:
        videos.rebuild()
        answers = videos.answers(videos.service)
        assert shown(answers) == 3
        videos.world.public_case(videos.world.member("Ben"), "c4")
        videos.operator.roll_back(videos.service)
        videos.work()
        state = videos.state
        assert (state.phase, state.kept, videos.live()) == (Phase.ROLLED_BACK, 2, 1)
        videos.bring()
        videos.passed += LOOK_UP_SECONDS * 2
        assert shown(answers) == 4
        videos.wait()
        videos.restart()
        videos.wait()
        assert (videos.live(), videos.builds(), keys_of(videos.model(2))) == (
            1,
            [1, 2],
            keys_of(videos.model(1)),
        )

    def test_it_goes_forward_again(self, videos: Operated) -> None:
        videos.rebuild()
        for phase, live in ((Phase.ROLLED_BACK, 1), (Phase.SWAPPED, 2), (Phase.ROLLED_BACK, 1)):
            videos.operator.roll_back(videos.service)
            videos.work()
            assert (videos.state.phase, videos.live()) == (phase, live)

    def test_a_rebuild_after_a_roll_back_replaces_both(self, videos: Operated) -> None:
        videos.rebuild()
        videos.operator.roll_back(videos.service)
        videos.work()
        videos.rebuild()
        videos.wait()
        assert (videos.live(), videos.builds(), videos.state.kept) == (3, [1, 3], 1)

    def test_without_a_kept_build_it_is_refused(self, videos: Operated) -> None:
        with pytest.raises(RebuildRefused, match="No earlier build"):
            videos.operator.roll_back(videos.service)
        videos.rebuild()
        videos.model(1).drop()
        with pytest.raises(RebuildRefused, match="No earlier build"):
            videos.operator.roll_back(videos.service)

    def test_it_is_cancelled(self, videos: Operated) -> None:
        videos.rebuild()
        for phase in (Phase.SWAPPED, Phase.ROLLED_BACK):
            videos.operator.roll_back(videos.service)
            videos.operator.cancel(videos.service)
            assert videos.state.phase is phase
            videos.operator.roll_back(videos.service)
            videos.work()

    def test_it_is_given_up_when_another_program_serves_by_then(self, videos: Operated) -> None:
        videos.rebuild()
        videos.operator.roll_back(videos.service)
        newer = videos.fed(NewVideos())
        videos.catch_up(newer)
        assert (videos.state.phase, videos.live()) == (Phase.SWAPPED, 3)
        videos.operator.compare(NewVideos())
        videos.catch_up(newer)
        assert videos.state.phase is Phase.COMPARED

    def test_it_waits_for_a_kept_build_that_cannot_get_as_far(self, videos: Operated) -> None:
        videos.rebuild()
        append_newer(videos.world.stores["cases"], videos.world.codec, "c1")
        live = videos.model()
        end = videos.world.history.last_position("cases")
        live.commit({}, live.checkpoint().moved("cases", end))
        videos.restart()
        videos.operator.roll_back(videos.service)
        videos.work()
        assert (videos.state.phase, videos.live()) == (Phase.ROLLING_BACK, 2)

    def test_an_erasure_reaches_the_kept_build_and_the_held_one(self, videos: Operated) -> None:
        world = videos.world
        anna = world.member("Erika")
        world.public_case(anna, "erika")
        videos.work()
        videos.rebuild()
        videos.rebuild(then=Then.HOLD)
        assert videos.builds() == [1, 2, 3]
        erase(world, anna)
        world.settle()
        videos.feed_.make_due()
        videos.work()
        left = {build: repr(keys_of(videos.model(build))) for build in videos.builds()}
        assert [build for build, keys in left.items() if "erika" in keys] == []

    def test_the_files_of_the_kept_build_lose_what_was_erased(self, world: World) -> None:
        world.public_case(world.member())
        search = Operated(world, service=CaseSearch())
        search.rebuild()
        search.passed += feeds.PURGE_SECONDS
        search.work()
        purged = [getattr(search.model(build), "purged") for build in (1, 2)]  # noqa: B009 - of the tests alone
        assert min(purged) > 0


class TestNothingIsRepeated:
    def test_a_rebuild_appends_nothing_and_notifies_nobody(self, busy: World) -> None:
        ends = busy.last_positions()
        operated = Operated(busy, service=Notifications())
        rows = {row.key: row.document for row in operated.model().find(parity.BY_KEY, limit=99)}
        operated.rebuild()
        busy.settle()
        assert busy.last_positions() == ends
        after = {row.key: row.document for row in operated.model().find(parity.BY_KEY, limit=99)}
        assert after == rows


class TestRebuilder:
    """The command, which waits for the work or does it."""

    @pytest.fixture(autouse=True)
    def in_a_hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rebuilds, "LOOK_SECONDS", 0.001)

    def test_it_does_what_no_other_process_does(self, videos: Operated) -> None:
        rebuilder = Rebuilder(videos.world.projections(), videos.leases)
        rebuilder.rebuilds.begin(videos.service)
        told: list[RebuildState] = []
        state = rebuilder.complete(videos.service, told.append)
        assert (state.phase, told[-1]) == (Phase.SWAPPED, state)
        assert videos.leases.holder(videos.feed_.lease) is None

    def test_it_waits_for_the_process_that_holds_the_lease(self, videos: Operated) -> None:
        videos.lead(videos.service)
        self.must_wait(videos, Rebuilder(videos.world.projections(), videos.leases))

    def test_it_waits_for_a_process_whose_lease_it_cannot_see(self, videos: Operated) -> None:
        self.must_wait(videos, Rebuilder(videos.world.projections(), videos.leases, lambda: True))

    def must_wait(self, videos: Operated, rebuilder: Rebuilder) -> None:
        rebuilder.rebuilds.begin(videos.service)
        handled: list[int] = []

        def progress(state: RebuildState) -> None:
            handled.append(sum(videos.model(2).checkpoint().positions.values()))
            if len(handled) == 3:
                videos.work()

        assert rebuilder.complete(videos.service, progress).phase is Phase.SWAPPED
        assert handled[:3] == [0, 0, 0]

    def test_processes_of_another_program_are_not_waited_for(self, videos: Operated) -> None:
        rebuilder = Rebuilder(videos.world.projections(), videos.leases, lambda: True)
        rebuilder.rebuilds.begin(NewVideos())
        assert rebuilder.complete(NewVideos()).phase is Phase.SWAPPED


# Killed


def mortal(videos: Operated, death: Death) -> QueryFeed:
    """A process that dies at a step, with models of its own that all write to the same store."""
    whole = videos.world.models
    try:
        videos.world.models = Mortal(whole, CHANGES, death)  # type: ignore[assignment]  # it stands for them
        return videos.feed(videos.service)
    finally:
        videos.world.models = whole


@pytest.mark.parametrize("deed", ["swap", "drop", "cancel", "roll back"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rebuild_goes_on_after_a_kill_at_any_step(busy: World, deed: str, *, after: bool) -> None:
    left = {"swap": (2, [1, 2]), "drop": (1, [1]), "cancel": (1, [1]), "roll back": (1, [1, 2])}
    for step in count():
        death = Death(step, after=after)
        videos = killed(busy, deed, death)
        settle(videos)
        assert (videos.live(), videos.builds()) == left[deed], death
        assert not videos.state.is_moving
        assert shown(videos.answers(videos.service)) == 1
        if not death.happened:
            assert step > 2
            return


def killed(world: World, deed: str, death: Death) -> Operated:
    """What a process left that died while it did something."""
    videos = Operated(world)
    if deed == "roll back":
        videos.rebuild()
        videos.operator.roll_back(videos.service)
    else:
        then = {"drop": Then.DROP, "cancel": Then.HOLD}.get(deed, Then.SWAP)
        videos.operator.begin(videos.service, then=then)
    with suppress(Died):
        feed = mortal(videos, death)
        videos.catch_up(feed)
        if deed == "cancel":
            videos.operator.cancel(videos.service)
        videos.catch_up(feed)
        videos.passed += GRACE_SECONDS
        videos.catch_up(feed)
    return videos


def settle(videos: Operated) -> None:
    """Let another process finish it."""
    videos.restart()
    videos.work()
    if videos.state.phase is Phase.HELD:
        videos.operator.cancel(videos.service)
    videos.work()
    videos.wait()


def test_a_process_that_dies_while_it_begins_leaves_nothing_behind(videos: Operated) -> None:
    for step in range(2):
        for after in (False, True):
            models = Mortal(videos.world.models, CHANGES, Death(step, after=after))
            with pytest.raises(Died):
                Rebuilds(models, videos.world.clock).begin(videos.service)
            settle(videos)
    assert (videos.live(), len(videos.builds())) == (4, 2)


# Answers never go back


class Ruled(HotCase):
    """A case that changes while its read model is rebuilt, rolled back, and cancelled."""

    @property
    def operator(self) -> Rebuilds:
        return Rebuilds(self.world.models, self.world.clock)

    def ask(self, wish: Callable[..., Any]) -> None:
        with suppress(RebuildRefused):
            wish(Cases())

    def begin(self) -> None:
        self.ask(self.operator.begin)

    def compare(self) -> None:
        self.ask(self.operator.compare)

    def cancel(self) -> None:
        self.ask(self.operator.cancel)

    def roll_back(self) -> None:
        self.ask(self.operator.roll_back)

    def a_day(self) -> None:
        self.world.clock.wind(hours=25)


OFTEN = [Ruled.change, Ruled.bring, Ruled.step, Ruled.wait, Ruled.read]
SELDOM = [Ruled.begin, Ruled.compare, Ruled.cancel, Ruled.roll_back, Ruled.restart, Ruled.a_day]


@given(st.lists(st.sampled_from([*OFTEN * 3, *SELDOM, Ruled.begin, Ruled.roll_back]), max_size=80))
@settings(deadline=None, max_examples=15)
def test_answers_never_go_back_whatever_an_operator_does(
    actions: list[Callable[[Ruled], None]],
) -> None:
    case = Ruled()
    for act in actions:
        act(case)
        case.read()


def test_the_texts_of_a_mapping_are_its_keys_and_values() -> None:
    assert sorted(texts_in({"a": ("b", {"c": "d"})})) == ["a", "b", "c", "d"]
