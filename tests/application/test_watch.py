"""What the monitor sees and says: right while something is broken, and silent while all is well."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from adapters.event_store.memory import TRIAL
from adapters.leases.memory import MemoryLeases
from application.engine.announcing import AnnouncedLoop, Announcement, read, written
from application.engine.rolling_verification import RollingVerification
from application.engine.ticker import Ticker
from application.ports.checkpoints import START as BEGINNING
from application.ports.checkpoints import Checkpoint
from application.ports.event_store import SealedHead, StoreUnavailable
from application.ports.history import HistoryUnavailable
from application.ports.message_bus import Delivery
from application.use_cases.operations.growth import Growth
from application.use_cases.operations.judging import ALL_IS_WELL, LEADERLESS_SECONDS
from application.use_cases.operations.log_ends import MOST_SAMPLES, LogEnd
from application.use_cases.operations.observing import FLAPPING_CHANGES, GRACE_SECONDS, Sources
from application.use_cases.operations.overview import (
    Level,
    Overview,
    ParityState,
    ProcessStatus,
    SubscriberState,
    as_json,
)
from application.use_cases.operations.sightings import (
    FORGOTTEN_SECONDS,
    LOST_SECONDS,
    STOPPED_SECONDS,
    Sightings,
)
from application.use_cases.operations.subjects import subjects
from application.use_cases.operations.watch import SystemWatch
from domain.operations.alert import Severity, Trouble
from tests.world import START, World

HERE = "here-1-abc"
RELAY, QUERY = "relay.cases", "query.videos"
LONG = 70.0
EVERYTHING = ("command:cases", "query:videos", "monitor")


class Stage:
    """A world that a monitor watches, whose processes a test plays."""

    def __init__(self) -> None:
        self.world = World()
        self.leases = MemoryLeases(self.seconds)
        self.sightings = Sightings(self.seconds)
        self.away: set[str] = set()
        self.private: set[str] = set()
        self.checkpoints: dict[str, Checkpoint] = {}
        self.number = 0
        self.compared: ParityState | None = None
        self.cannot_compare = False
        self.watched = {subject.name: subject for subject in subjects()}
        world = self.world
        self.watch = SystemWatch(
            Sources(
                history=self,  # type: ignore[arg-type]  # as much as is used
                checkpoints=self.stored,
                leases=self.listed,
                parked=world.parked.list,
                chains={
                    log: RollingVerification(store, world.codec, TRIAL, world.clock)
                    for log, store in world.stores.items()
                },
                parity={"videos": self.parity_of_videos},
                sightings=self.sightings,
                clock=world.clock,
                seconds=self.seconds,
            )
        )

    def parity_of_videos(self) -> ParityState | None:
        if self.cannot_compare:
            raise StoreUnavailable
        return self.compared

    def seconds(self) -> float:
        return self.world.clock().timestamp()

    def read(self, log: str, after: int, limit: int) -> Any:
        return self.world.history.read(log, after, limit)

    def last_position(self, log: str) -> int:
        if log in self.away:
            raise HistoryUnavailable(log)
        return self.world.history.last_position(log)

    def stored(self) -> dict[str, Checkpoint]:
        if "checkpoints" in self.away:
            raise StoreUnavailable
        found = {
            name: self.checkpoints.get(name) or self.handled_all(subject.topics)
            for name, subject in self.watched.items()
        }
        return {name: one for name, one in found.items() if name not in self.private}

    def handled_all(self, topics: Any) -> Checkpoint:
        return Checkpoint(positions={log: self.world.history.last_position(log) for log in topics})

    def listed(self) -> Any:
        if "leases" in self.away:
            raise StoreUnavailable
        return self.leases.list()

    def lead(self, *names: str, by: str = HERE) -> None:
        """Let a process take or renew leases: all of them if none is named."""
        for name in names or tuple(one.lease.rstrip(".") for one in self.watched.values()):
            lease = f"{name}.program" if name.startswith("query.") else name
            assert self.leases.acquire(lease, by, 10_000)

    def announce(self, process: str = HERE, **more: Any) -> None:
        self.number += 1
        announced = Announcement(
            id=process,
            number=more.pop("number", self.number),
            version="1",
            services=more.pop("services", EVERYTHING),
            started_at=self.world.clock().isoformat(),
            **more,
        )
        self.sightings.hear([Delivery("monitor", written(announced))])

    def wait(self, seconds: float, *announcing: str) -> None:
        """Let time pass, while these processes announce themselves, and look. The beginning of a
        long time passes at once."""
        if seconds > LONG:
            self.world.clock.wind(seconds=seconds - LONG)
            seconds = LONG
        while seconds > 0:
            self.world.clock.wind(seconds=min(2.0, seconds))
            seconds -= 2.0
            for process in announcing:
                self.announce(process)
            self.watch.step()

    def look(self) -> Overview:
        self.watch.step()
        return self.watch.overview()

    def subscriber(self, name: str) -> SubscriberState:
        return next(one for one in self.watch.overview().subscribers if one.name == name)

    def found(self) -> list[tuple[Trouble, str, Severity]]:
        return [(one.trouble, one.subject, one.severity) for one in self.watch.overview().findings]


@pytest.fixture
def stage() -> Stage:
    """A system that runs well, and has been watched for a while."""
    stage = Stage()
    stage.lead()
    stage.wait(20, HERE)
    return stage


def test_all_is_well(stage: Stage) -> None:
    verdict = stage.watch.overview().verdict
    assert (verdict.level, verdict.sentence) == (Level.WELL, ALL_IS_WELL)
    since = verdict.since
    stage.wait(10, HERE)
    assert stage.watch.overview().verdict.since == since
    assert stage.found() == []


def test_an_overview_is_json(stage: Stage) -> None:
    found = as_json(stage.watch.overview())
    assert found["verdict"]["level"] == "well"
    assert {"relay", "sealer", "policy", "query"} == {one["kind"] for one in found["subscribers"]}
    assert isinstance(found["at"], str)


def test_nothing_is_said_before_enough_is_known() -> None:
    stage = Stage()
    stage.lead()
    stage.announce()
    verdict = stage.look().verdict
    assert verdict.level is Level.UNKNOWN
    assert "others have come" in verdict.sentence


class TestLag:
    def test_an_event_counts_once_it_has_been_unhandled_for_a_moment(self, stage: Stage) -> None:
        stage.checkpoints[RELAY] = BEGINNING
        stage.world.report(stage.world.member())
        stage.wait(GRACE_SECONDS - 2, HERE)
        assert (stage.subscriber(RELAY).behind, stage.subscriber(RELAY).oldest_seconds) == (0, 0)
        stage.wait(4, HERE)
        assert stage.subscriber(RELAY).behind == stage.world.history.last_position("cases")
        assert stage.subscriber(RELAY).oldest_seconds == GRACE_SECONDS
        assert not stage.subscriber(RELAY).at_least

    def test_it_becomes_a_warning_and_then_critical_and_ends(self, stage: Stage) -> None:
        stage.checkpoints[RELAY] = BEGINNING
        stage.world.report(stage.world.member())
        stage.wait(12, HERE)
        assert stage.found() == [(Trouble.BEHIND, RELAY, Severity.WARNING)]
        stage.wait(20, HERE)
        assert stage.found() == [(Trouble.BEHIND, RELAY, Severity.CRITICAL)]
        verdict = stage.watch.overview().verdict
        assert verdict.level is Level.CRITICAL
        assert verdict.sentence == "The relay of cases does not keep up with cases."
        del stage.checkpoints[RELAY]
        stage.wait(2, HERE)
        assert stage.watch.overview().verdict.level is Level.WELL

    def test_the_age_is_that_of_the_oldest_event_and_not_of_the_newest(self, stage: Stage) -> None:
        anna = stage.world.member()
        stage.checkpoints[RELAY] = BEGINNING
        for number in range(5):
            stage.world.report(anna, case_id=f"c{number}")
            stage.wait(4, HERE)
        assert stage.subscriber(RELAY).oldest_seconds == 18
        stage.checkpoints[RELAY] = Checkpoint(positions={"cases": 1})
        stage.wait(2, HERE)
        assert stage.subscriber(RELAY).oldest_seconds == 16

    def test_an_event_from_before_the_first_look_is_at_least_that_old(self) -> None:
        stage = Stage()
        stage.world.report(stage.world.member())
        stage.checkpoints[RELAY] = BEGINNING
        stage.lead()
        stage.announce()
        stage.look()
        stage.wait(8, HERE)
        assert stage.subscriber(RELAY).at_least
        assert stage.subscriber(RELAY).oldest_seconds == 8

    def test_what_a_process_says_of_itself_counts_where_the_store_is_behind_or_private(
        self, stage: Stage
    ) -> None:
        stage.private = {QUERY}
        stage.wait(2, HERE)
        assert stage.subscriber(QUERY).behind is None
        verdict = stage.watch.overview().verdict
        assert verdict.level is Level.UNKNOWN
        assert "the query service videos have come" in verdict.sentence
        loop = AnnouncedLoop(
            kind="query", name=QUERY, leading=True, positions={"cases": 0, "evidence": 0}
        )
        idle = AnnouncedLoop(kind="relay", name=RELAY)
        stage.announce(loops=[idle, loop])
        stage.look()
        assert stage.subscriber(QUERY).behind == 0

    def test_a_slow_policy_may_take_minutes(self, stage: Stage) -> None:
        name = "when-evidence-is-received-then-sanitise-it"
        stage.checkpoints[name] = BEGINNING
        stage.world.evidence(stage.world.member())
        stage.wait(300, HERE)
        assert stage.subscriber(name).behind
        assert stage.found() == []

    def test_a_subscriber_that_waits_for_a_newer_program_says_so(self, stage: Stage) -> None:
        stage.checkpoints[RELAY] = BEGINNING
        stage.world.report(stage.world.member())
        stage.wait(12, HERE)
        stage.announce(loops=[AnnouncedLoop(kind="relay", name=RELAY, leading=True, newer=True)])
        assert "newer program" in stage.look().verdict.sentence

    def test_a_log_that_cannot_be_read_is_unknown_and_critical(self, stage: Stage) -> None:
        stage.away = {"cases"}
        stage.wait(2, HERE)
        assert stage.found() == [(Trouble.UNKNOWN, "cases", Severity.CRITICAL)]
        assert stage.subscriber(RELAY).behind is None
        stage.away = set()
        stage.wait(2, HERE)
        assert stage.found() == []

    def test_without_checkpoints_and_leases_nothing_is_made_up(self, stage: Stage) -> None:
        stage.away = {"checkpoints", "leases"}
        stage.wait(30, HERE)
        assert stage.found() == [(Trouble.UNKNOWN, "leases", Severity.CRITICAL)]
        assert stage.subscriber(RELAY).behind is None
        assert stage.subscriber(RELAY).parked is None

    def test_rates_are_known_while_events_come(self, stage: Stage) -> None:
        anna = stage.world.member()
        for number in range(4):
            stage.world.report(anna, case_id=f"c{number}")
            stage.wait(2, HERE)
        log = next(one for one in stage.watch.overview().logs if one.log == "cases")
        assert log.appended_a_second
        assert log.appended_a_second > 0
        assert stage.subscriber(RELAY).handled_a_second == log.appended_a_second


class TestLeaders:
    def test_a_subscriber_that_nobody_runs_is_critical(self, stage: Stage) -> None:
        assert stage.subscriber(RELAY).leader == HERE
        assert stage.subscriber(QUERY).leader == HERE
        stage.leases.release(RELAY, HERE)
        stage.wait(LEADERLESS_SECONDS, HERE)
        assert stage.found() == []
        stage.wait(4, HERE)
        assert stage.found() == [(Trouble.STOPPED, RELAY, Severity.CRITICAL)]
        assert stage.watch.overview().verdict.sentence == "No process runs the relay of cases."
        stage.lead(RELAY, by="other")
        stage.wait(2, HERE)
        assert stage.found() == []

    def test_a_lease_that_changes_hands_again_and_again_is_flapping(self, stage: Stage) -> None:
        for number in range(FLAPPING_CHANGES):
            stage.leases.release(RELAY, HERE if number % 2 == 0 else "other")
            stage.lead(RELAY, by="other" if number % 2 == 0 else HERE)
            stage.wait(2, HERE)
        assert stage.found() == [(Trouble.FLAPPING, RELAY, Severity.WARNING)]
        lease = next(one for one in stage.watch.overview().leases if one.name == RELAY)
        assert (lease.number, lease.changes, lease.is_flapping) == (6, FLAPPING_CHANGES, True)
        assert (lease.holder, lease.process) == ("other", None)
        stage.wait(400, HERE)
        assert stage.found() == []

    def test_a_loop_that_fails_for_long_is_a_problem(self, stage: Stage) -> None:
        def fail(seconds: float, error: str) -> None:
            since = (stage.world.clock() - timedelta(seconds=seconds)).isoformat()
            loop = AnnouncedLoop(
                kind="relay", name=RELAY, leading=True, error=error, failing_since=since
            )
            stage.announce(loops=[loop])
            stage.look()

        fail(5, "KeyError")
        assert stage.found() == []
        fail(15, "KeyError")
        assert stage.found() == [(Trouble.FAILING, RELAY, Severity.WARNING)]
        assert stage.subscriber(RELAY).error == "KeyError"
        fail(70, "KeyError")
        assert stage.found() == [(Trouble.FAILING, RELAY, Severity.CRITICAL)]

    def test_a_chore_that_fails_for_long_is_a_problem(self, stage: Stage) -> None:
        def fail(process: str, seconds: float, **more: Any) -> None:
            since = (stage.world.clock() - timedelta(seconds=seconds)).isoformat()
            loop = AnnouncedLoop(
                kind="chore", name="erase.later", error="KeyError", failing_since=since
            )
            stage.announce(process, loops=[loop], **more)
            stage.look()

        fail("first", 5)
        assert stage.found() == []
        fail("second", 70)
        fail("third", 15)
        assert stage.found() == [(Trouble.FAILING, "erase.later", Severity.CRITICAL)]
        sentence = "The chore erase.later fails again and again (KeyError)."
        assert stage.watch.overview().verdict.sentence == sentence
        fail("second", 70, stopping=True)
        assert stage.found() == [(Trouble.FAILING, "erase.later", Severity.WARNING)]


class TestProcesses:
    def test_a_process_that_is_killed_is_lost(self, stage: Stage) -> None:
        stage.announce("other", services=("command:cases",))
        stage.announce(HERE, services=("monitor",))
        for _ in range(5):
            stage.world.clock.wind(seconds=2)
            stage.announce(HERE, services=("monitor",))
            stage.look()
        assert stage.found() == [(Trouble.LOST, "other", Severity.CRITICAL)]
        sentence = stage.watch.overview().verdict.sentence
        assert sentence == "The process other is lost, and no other process runs command:cases."
        lost = stage.watch.overview().processes[-1]
        assert (lost.id, lost.status) == ("other", ProcessStatus.LOST)

    def test_a_lost_process_that_others_replace_is_a_warning_for_a_while(
        self, stage: Stage
    ) -> None:
        stage.announce("other", services=("command:cases",))
        stage.wait(LOST_SECONDS + 2, HERE)
        assert stage.found() == [(Trouble.LOST, "other", Severity.WARNING)]
        stage.wait(60, HERE)
        assert stage.found() == []
        stage.wait(FORGOTTEN_SECONDS, HERE)
        assert [one.id for one in stage.watch.overview().processes] == [HERE]

    def test_a_lost_process_with_many_services_names_some(self, stage: Stage) -> None:
        stage.announce("other", services=("a", "b", "c", "d"))
        stage.wait(LOST_SECONDS + 2, HERE)
        assert "runs a, b, c and others." in stage.watch.overview().verdict.sentence

    def test_a_process_that_was_paused_is_back(self, stage: Stage) -> None:
        stage.announce("other", services=("command:evidence",))
        stage.wait(20, HERE)
        assert stage.found() == [(Trouble.LOST, "other", Severity.CRITICAL)]
        stage.announce("other", services=("command:evidence",))
        stage.look()
        assert stage.found() == []

    def test_a_process_that_stops_is_not_lost(self, stage: Stage) -> None:
        stage.announce("other", stopping=True)
        stage.wait(20, HERE)
        assert stage.found() == []
        assert stage.watch.overview().processes[-1].status is ProcessStatus.STOPPED
        stage.wait(STOPPED_SECONDS, HERE)
        assert [one.id for one in stage.watch.overview().processes] == [HERE]

    def test_while_the_bus_is_away_nobody_is_lost(self, stage: Stage) -> None:
        stage.announce("other", services=("command:evidence",))
        stage.wait(6, HERE)  # the last that arrives is of some only
        stage.wait(30)
        assert stage.found() == [(Trouble.BUS, "monitor", Severity.WARNING)]
        stage.announce(HERE)
        stage.wait(4, HERE)
        assert stage.found() == []
        stage.wait(LOST_SECONDS, HERE)
        assert stage.found() == [(Trouble.LOST, "other", Severity.CRITICAL)]

    def test_a_process_that_is_lost_remains_so_until_it_is_heard_of(self, stage: Stage) -> None:
        lost = (Trouble.LOST, "other", Severity.CRITICAL)
        stage.announce("other", services=("command:evidence",))
        stage.wait(LOST_SECONDS + 2, HERE)
        assert stage.found() == [lost]
        stage.wait(60)  # the bus is away
        assert lost in stage.found()
        stage.wait(4, HERE)
        assert stage.found() == [lost]
        stage.wait(2, HERE, "other")
        assert stage.found() == []

    def test_a_relay_that_cannot_publish_is_not_more_than_the_bus_away(self, stage: Stage) -> None:
        stage.checkpoints[RELAY] = BEGINNING
        stage.world.report(stage.world.member())
        since = stage.world.clock().isoformat()
        loop = AnnouncedLoop(
            kind="relay", name=RELAY, leading=True, error="BusUnavailable", failing_since=since
        )
        stage.announce(loops=[loop])
        stage.wait(60)
        assert stage.found() == [
            (Trouble.BUS, "monitor", Severity.WARNING),
            (Trouble.BEHIND, RELAY, Severity.WARNING),
        ]
        assert stage.watch.overview().verdict.sentence.endswith("There is 1 more problem.")

    def test_repeated_and_foreign_announcements_are_ignored(self, stage: Stage) -> None:
        stage.announce("other", number=1000, services=("a",))
        stage.announce("other", number=999, services=("b",))
        bodies = (b"", b"[]", b"{}", b'{"started_at": "now", "loops": []}', b'{"loops": [1]}')
        stage.sightings.hear([Delivery("monitor", body) for body in bodies])
        found = {one.id: one.services for one in stage.sightings.processes()}
        assert found["other"] == ("a",)
        assert len(found) == 2

    def test_what_a_newer_program_adds_is_ignored(self) -> None:
        announced = Announcement(
            id="a", number=1, version="2", services=(), started_at="2026-01-01"
        )
        body = written(announced).replace(b'"id"', b'"mood": "good", "id"')
        assert read(body) == announced or read(body)


class TestParked:
    def test_parked_events_are_counted_with_the_age_of_the_oldest(self, stage: Stage) -> None:
        world = stage.world
        world.report(world.member())
        policy = next(one for one in world.policies if "cases" in one.topics)
        poison: Any = policy.subscriber

        def fail(*_: object) -> None:
            raise ValueError

        poison.policy.react = fail
        policy.catch_up()
        stored = world.checkpoints.load(policy.name)
        assert stored.parked
        stage.checkpoints[policy.name] = stored
        stage.wait(10, HERE)
        state = stage.subscriber(policy.name)
        assert (state.parked, state.oldest_parked_seconds) == (1, 10)
        assert (Trouble.PARKED, policy.name, Severity.WARNING) in stage.found()
        assert stage.watch.overview().parked == 1
        stage.wait(600, HERE)
        assert (Trouble.PARKED, policy.name, Severity.CRITICAL) in stage.found()


def test_a_log_that_was_changed_is_critical_and_comes_first(stage: Stage) -> None:
    stage.world.stores["cases"].seal(SealedHead(10, b"forged", b""))
    stage.wait(20, HERE)
    assert stage.found()[0] == (Trouble.CHAIN, "cases", Severity.CRITICAL)
    sentence = "The log cases was changed in the database: its sealed head was changed."
    assert stage.watch.overview().verdict.sentence.startswith(sentence)


def test_a_store_that_is_away_is_verified_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise StoreUnavailable

    monkeypatch.setattr(RollingVerification, "step", away)
    stage.wait(4, HERE)
    assert stage.found() == []


def test_a_read_model_that_differs_is_critical_until_it_no_longer_does(stage: Stage) -> None:
    found = ParityState(service="videos", differences=2, compared=9, at=stage.world.clock())
    stage.compared = found
    stage.wait(2, HERE)
    assert stage.found() == [(Trouble.DIFFERENT, "videos", Severity.CRITICAL)]
    assert stage.watch.overview().parity == [found]
    stage.compared = replace(found, differences=0)
    stage.wait(2, HERE)
    assert stage.found() == []


def test_a_read_model_that_depends_on_the_order_of_logs_is_warned_of(stage: Stage) -> None:
    at = stage.world.clock()
    stage.compared = ParityState(service="videos", differences=2, compared=9, at=at, by_order=True)
    stage.wait(2, HERE)
    assert stage.found() == [(Trouble.DIFFERENT, "videos", Severity.WARNING)]


def test_a_comparison_that_cannot_be_read_is_not_shown(stage: Stage) -> None:
    stage.compared = ParityState(service="videos", differences=2, compared=9, at=START)
    stage.cannot_compare = True
    stage.wait(2, HERE)
    assert stage.watch.overview().parity == []


def test_a_comparison_that_cannot_be_read_again_goes_on_to_count(stage: Stage) -> None:
    stage.compared = ParityState(service="videos", differences=2, compared=9, at=START)
    stage.wait(2, HERE)
    stage.cannot_compare = True
    stage.wait(2, HERE)
    assert stage.found() == [(Trouble.DIFFERENT, "videos", Severity.CRITICAL)]


@pytest.mark.parametrize("away", ["cases", "checkpoints", "leases"])
def test_an_overview_is_complete_if_all_stores_could_be_read(stage: Stage, away: str) -> None:
    assert stage.look().complete
    stage.away.add(away)
    assert not stage.look().complete
    stage.away.clear()
    assert stage.look().complete


class TestLogEnd:
    def test_events_without_positions_are_numbered_by_reading(self, world: World) -> None:
        class Unnumbered:
            """A log in which nobody but a reader numbers events."""

            def last_position(self, _: str) -> int:
                return 0

            def read(self, *asked: Any) -> list[Any]:
                return world.history.read(*asked)

        log = LogEnd("cases", Unnumbered(), lambda: 0.0)  # type: ignore[arg-type]  # as much as is used
        world.report(world.member())
        log.look()
        assert log.end == world.history.last_position("cases")

    def test_old_ends_are_thinned_out_and_handled_ones_forgotten(self) -> None:
        now, end = [0.0], [0]

        class Log:
            def last_position(self, _: str) -> int:
                return end[0]

            def read(self, *_: object) -> list[Any]:
                return []

        log = LogEnd("cases", Log(), lambda: now[0])  # type: ignore[arg-type]  # as much as is used
        for second in range(MOST_SAMPLES + 10):
            now[0], end[0] = float(second), second
            log.look()
        assert len(log._ends) < MOST_SAMPLES
        assert log.age(MOST_SAMPLES) == (9.0, False)
        assert log.age(0) == (float(MOST_SAMPLES + 9), True)
        log.forget(MOST_SAMPLES)
        assert log.age(MOST_SAMPLES + 1) == (8.0, False)
        assert log.was(1e9) is None


def test_a_rate_begins_anew_when_the_number_falls() -> None:
    rate = Growth()
    rate.note(0.0, 10)
    assert rate.a_second() is None
    rate.note(2.0, 20)
    assert rate.a_second() == 5.0
    rate.note(4.0, 1)
    assert (rate.a_second(), rate.growth()) == (None, 0)


class TestTicker:
    @pytest.fixture
    def run(self) -> Iterator[Callable[[Callable[[], object]], None]]:
        tickers: list[Ticker] = []

        def start(step: Callable[[], object]) -> None:
            ticker = Ticker("test", step, 0.001)
            tickers.append(ticker)
            ticker.start()

        yield start
        for ticker in tickers:
            ticker.stop()

    def test_it_goes_on_whatever_happens(self, run: Callable[..., None]) -> None:
        errors, gone_on = [StoreUnavailable(), ValueError()], Event()

        def step() -> None:
            if errors:
                raise errors.pop()
            gone_on.set()

        run(step)
        assert gone_on.wait(60)

    def test_one_that_was_not_started_can_be_stopped(self) -> None:
        Ticker("test", lambda: None, 1.0).stop()
