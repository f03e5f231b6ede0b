"""The runtime: loops under leases, feeds and rebuilds beside the requests."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from adapters.event_store.memory import TRIAL
from adapters.leases.memory import MemoryLeases
from adapters.message_bus.memory import MemoryMessageBus
from application.engine import loop as loops
from application.engine import subscription as subscriptions
from application.engine.executor import CommandContext
from application.engine.log_sealer import LogSealer
from application.engine.loop import Loop
from application.engine.policy import PolicySubscriber
from application.engine.pool import PooledPolicySubscriber
from application.engine.query_service import Viewer
from application.engine.relay import Relay
from application.engine.runtime import Runtime
from application.ports.codec import NewerProgram, RecordedEvent
from application.ports.leases import Leases
from application.ports.message_bus import Message
from application.ports.unavailable import Unavailable
from application.queries.videos import Videos
from application.system import (
    COMMAND,
    QUERY,
    UnknownService,
    chosen,
    policy_types,
    query_services,
    services,
)
from tests.world import World

PATIENCE = 60.0


def soon(true: Callable[[], object]) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.005)
    return False


class Unreachable(MemoryLeases):
    """Leases that cannot be given back."""

    def release(self, name: str, holder: str) -> None:
        raise Unavailable


NEWER = RecordedEvent(
    log="cases",
    position=1,
    stream="case-c1",
    version=1,
    stamp=1,
    type="cases.New",
    schema=1,
    data=b"{}",
)


class TestLoop:
    def loop(
        self, step: Callable[[], bool], leases: Leases | None = None, **hooks: Callable[[], Any]
    ) -> Loop:
        return Loop("job", step, leases or MemoryLeases(), "me", idle_seconds=lambda: 0.01, **hooks)

    def run(self, loop: Loop, until: Callable[[], object]) -> None:
        loop.start()
        try:
            assert soon(until)
        finally:
            loop.stop()
            loop.join(PATIENCE)

    def test_a_loop_works_until_no_work_is_left_and_again_when_woken(self) -> None:
        left = [3]

        def step() -> bool:
            left[0] -= 1
            return left[0] > 0

        loop = self.loop(step)
        self.run(loop, lambda: left[0] < -3)
        loop.wake()

    def test_a_loop_works_only_while_it_holds_the_lease(self) -> None:
        leases, done = MemoryLeases(), Event()
        leases.acquire("job", "another", 60)

        def step() -> bool:
            done.set()
            return False

        loop = self.loop(step, leases)
        loop.start()
        time.sleep(0.05)
        assert not done.is_set()
        assert not loop.leading
        leases.release("job", "another")
        loop.wake()
        assert soon(done.is_set)
        assert soon(lambda: loop.leading)
        loop.stop()
        loop.join(PATIENCE)
        assert leases.holder("job") is None

    def test_the_lease_is_prolonged_after_a_third_of_its_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Counting(MemoryLeases):
            acquired = 0

            def acquire(self, name: str, holder: str, seconds: float) -> bool:
                self.acquired += 1
                return super().acquire(name, holder, seconds)

        leases, steps = Counting(), [0]

        def step() -> bool:
            steps[0] += 1
            return False

        monkeypatch.setattr(loops, "LEASE_SECONDS", 1000.0)
        self.run(self.loop(step, leases), lambda: steps[0] > 5)
        assert leases.acquired == 1
        monkeypatch.setattr(loops, "LEASE_SECONDS", 0.03)
        self.run(self.loop(step, leases), lambda: leases.acquired > 3)

    def test_a_loop_stops_working_when_it_loses_the_lease(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loops, "LEASE_SECONDS", 0.03)
        leases, steps = MemoryLeases(), [0]

        def step() -> bool:
            steps[0] += 1
            if steps[0] == 1:
                leases.release("job", "me")
                leases.acquire("job", "another", 60)
            time.sleep(0.02)
            return True

        loop = self.loop(step, leases)
        loop.start()
        assert soon(lambda: steps[0] and not loop.leading)
        taken = steps[0]
        time.sleep(0.1)
        assert steps[0] == taken
        loop.stop()
        loop.join(PATIENCE)

    def test_a_long_step_prolongs_the_lease_by_asking_whether_it_may_continue(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leases, steps = MemoryLeases(), list[int]()
        asked = Event()

        def step() -> bool:
            steps.append(0)
            while loop.may_continue():
                steps[-1] += 1
                if steps[-1] == 3:  # somebody else takes it
                    leases.release("job", "me")
                    leases.acquire("job", "another", 60)
                    loop._renew_at = 0.0
            asked.set()
            return False

        loop = self.loop(step, leases)
        loop.start()
        assert soon(asked.is_set)
        assert soon(lambda: not loop.leading)
        assert steps == [3]
        loop.stop()
        loop.join(PATIENCE)
        assert not loop.may_continue()

    def test_a_long_step_ends_when_the_loop_is_stopped(self) -> None:
        begun = Event()

        def step() -> bool:
            while loop.may_continue():
                begun.set()
            return True

        loop = self.loop(step)
        loop.start()
        assert soon(begun.is_set)
        loop.stop()
        loop.join(PATIENCE)
        assert not loop.leading

    def test_an_outdated_loop_hands_its_lease_to_a_newer_program(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loops, "LEASE_SECONDS", 1.0)
        leases, led, worked = MemoryLeases(), Event(), Event()

        def work() -> bool:
            worked.set()
            return False

        old = self.loop(lambda: False, leases, outdated=lambda: True, on_lead=led.set)
        new = Loop("job", work, leases, "newer", idle_seconds=lambda: 0.01)
        old.start()
        assert led.wait(PATIENCE)
        self.run(new, worked.is_set)
        old.stop()
        old.join(PATIENCE)

    def test_an_outdated_loop_continues_where_no_newer_program_runs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loops, "LEASE_SECONDS", 0.02)
        steps = [0]

        def step() -> bool:
            steps[0] += 1
            return False

        self.run(self.loop(step, outdated=lambda: True), lambda: steps[0] > 2)

    def test_a_step_that_meets_an_event_of_a_newer_program_releases_the_lease(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loops, "LEASE_SECONDS", 1.0)
        leases, met, worked = MemoryLeases(), Event(), Event()

        def meet() -> bool:
            met.set()
            raise NewerProgram(NEWER)

        def work() -> bool:
            worked.set()
            return False

        old = self.loop(meet, leases)
        new = Loop("job", work, leases, "newer", idle_seconds=lambda: 0.01)
        old.start()
        assert met.wait(PATIENCE)
        self.run(new, worked.is_set)
        old.stop()
        old.join(PATIENCE)

    def test_a_loop_logs_that_a_newer_program_is_needed(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def step() -> bool:
            raise NewerProgram(NEWER)

        self.run(self.loop(step), lambda: "newer program" in caplog.text)

    def test_a_loop_calls_its_hooks_when_it_begins_and_ends_to_lead(self) -> None:
        told: list[str] = []
        leases = MemoryLeases()
        loop = self.loop(
            lambda: False,
            leases,
            on_lead=lambda: told.append("entered"),
            on_leave=lambda: told.append("left"),
        )
        loop.start()
        assert soon(lambda: told == ["entered"])
        leases.release("job", "me")
        leases.acquire("job", "another", 60)
        loop.wake()
        assert soon(lambda: told == ["entered", "left"])
        loop.stop()
        loop.join(PATIENCE)
        assert told == ["entered", "left"]

    def test_the_pause_of_a_loop_grows_with_each_failure_and_is_reset_by_a_success(self) -> None:
        outcomes: list[Exception | None] = [*[RuntimeError("broken")] * 12, None, None]
        rests: list[float] = []

        class Resting(Loop):
            def _wait(self, seconds: float, until: Event) -> None:
                rests.append(seconds)
                if not outcomes:
                    self.stop()

        def step() -> bool:
            if error := outcomes.pop(0):
                raise error
            return False

        loop = Resting("job", step, MemoryLeases(), "me", idle_seconds=lambda: 1.0)
        loop.start()
        loop.join(PATIENCE)
        assert rests[:4] == [2.0, 4.0, 8.0, loops.LONGEST_PAUSE]
        assert rests[-3:] == [loops.LONGEST_PAUSE, 1.0, 1.0]

    @pytest.mark.parametrize("error", [Unavailable(), RuntimeError("broken")])
    def test_a_failing_step_is_tried_again(self, error: Exception) -> None:
        tries: list[int] = []

        def step() -> bool:
            tries.append(1)
            raise error

        self.run(self.loop(step), lambda: len(tries) > 2)

    def test_being_woken_does_not_shorten_the_pause_after_a_failure(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a relay is by each append, while its bus is away."""
        monkeypatch.setattr(loops, "LEASE_SECONDS", 3 * 3600.0)
        monkeypatch.setattr(loops, "FIRST_PAUSE", 3600.0)
        monkeypatch.setattr(loops, "LONGEST_PAUSE", 3600.0)
        steps: list[int] = []

        def step() -> bool:
            steps.append(1)
            raise Unavailable

        loop = Loop("job", step, MemoryLeases(), "me", idle_seconds=lambda: 3600.0)
        loop.start()
        assert soon(lambda: steps)
        for _ in range(20):
            loop.wake()
            time.sleep(0.005)
        loop.stop()
        loop.join(PATIENCE)
        assert len(steps) == 1

    def test_a_loop_stops_although_its_lease_cannot_be_released(self) -> None:
        done = Event()

        def step() -> bool:
            done.set()
            return False

        self.run(self.loop(step, Unreachable()), done.is_set)


def runtime(world: World, bus: MemoryMessageBus) -> Runtime:
    leases = MemoryLeases()
    return Runtime(
        bus=bus,
        history=world.history,
        wire=world.wire,
        parked=world.parked,
        leases=leases,
        projections=world.projections(),
        model_leases=leases,
        idle_seconds=0.02,
    )


class NoBus:
    """A bus that nobody can connect to."""

    connected = False

    def subscribe(self, *_: object) -> "NoBus":
        return self

    def stop(self, timeout: float = 0) -> None: ...


class TestRuntime:
    def test_a_reported_case_is_published_by_the_running_policies(self, world: World) -> None:
        bus = MemoryMessageBus()
        running = runtime(world, bus)
        dependencies = world.dependencies(world.executors)
        for log, store in world.stores.items():
            running.add_relay(Relay(store, world.codec, world.wire, bus, world.checkpoints), store)
            running.add_sealer(LogSealer(store, TRIAL))
            assert log
        for kind in policy_types():
            policy = kind(dependencies)
            subscriber = (
                PooledPolicySubscriber(
                    policy, world.codec, world.checkpoints, world.parked, workers=2
                )
                if policy.slow
                else PolicySubscriber(policy, world.codec, world.checkpoints)
            )
            running.add_policy(subscriber)
        for service in query_services():
            running.add_query(service, world.answers[service.name])
        chores: list[int] = []
        running.add_chore("sweep", lambda: chores.append(1))
        running.start()
        try:
            anna = world.member()
            world.report(anna, world.evidence(anna))
            answers = world.answers["cases"]
            assert soon(lambda: answers.page(Viewer(), {}, limit=9).documents)
            assert soon(lambda: chores)
            assert soon(lambda: not sum(each.lag() for each in running.running))

            def heard() -> bool:
                """History may be quicker than the bus, but not each time."""
                world.report(anna, case_id=uuid4().hex)
                return any(each.handled().get("bus") for each in running.running)

            assert soon(heard)
            assert soon(lambda: all(each.loop.leading for each in running.running))
            answers.wake()
            sweeping = next(each for each in running.running if each.kind == "chore")
            sweeping.loop.wake()
            time.sleep(0.1)
        finally:
            running.stop()
            bus.close()
        assert len(chores) == 1
        members = world.stores["members"]
        assert members.sealed_head() != TRIAL.start("members")

    def test_history_is_read_at_once_while_the_bus_is_away(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for seconds in ("SILENT_BUS_SECONDS", "BUSY_BUS_SECONDS"):
            monkeypatch.setattr(subscriptions, seconds, 1e9)
        running = runtime(world, NoBus())  # type: ignore[arg-type]  # as much of one as is used
        running._idle = 3600.0
        running.add_query(Videos(), world.answers["videos"])
        running.start()
        try:
            (query,) = running.running
            assert soon(lambda: not query.lag())
            for name in ("Anna", "Ben"):
                world.report(world.member(name), case_id=name.lower())
                assert soon(lambda: not query.lag())
        finally:
            running.stop()

    def test_a_stopping_policy_saves_the_checkpoint_over_skipped_events(self, world: World) -> None:
        bus = MemoryMessageBus()
        running = runtime(world, bus)
        running._idle = 60.0
        deaf = next(policy for policy in world.policies if policy.topics == ("evidence",))
        assert isinstance(deaf.subscriber, PolicySubscriber)
        running.add_policy(deaf.subscriber)
        assert deaf.subscriber.may_continue == running.running[0].loop.may_continue
        running.start()
        assert soon(lambda: running.running[0].loop.leading)
        world.evidence(world.member())
        (event,) = world.history.read("evidence", 0, 10)
        bus.publish("evidence", [Message(world.wire.pack([event]))])
        assert soon(lambda: running.running[0].handled()["bus"])
        running.stop()
        bus.close()
        assert world.checkpoints.load(deaf.name).at("evidence") == 1

    def test_each_process_name_is_unique(self) -> None:
        assert loops.process_name() != loops.process_name()
        assert loops.LEASE_SECONDS > 0


class TestSystem:
    def test_every_query_service_and_policy_is_a_declared_service(self) -> None:
        declared = services()
        queries = {service.name for service in query_services()}
        assert {service.name for service in declared if service.kind == QUERY} == queries
        policies = {policy.name for policy in policy_types()}
        assert {name for service in declared for name in service.policies} == policies
        assert all(service.about for service in declared)

    def test_a_policy_is_named_after_its_file(self) -> None:
        for policy in policy_types():
            file = policy.__module__.rpartition(".")[2]
            assert policy.name == file.replace("_", "-")

    def test_services_are_chosen_by_name_kind_or_all(self) -> None:
        assert {service.id for service in chosen("cases, query:videos")} == {
            f"{COMMAND}:cases",
            f"{QUERY}:cases",
            f"{QUERY}:videos",
        }
        assert chosen("all") == services()

    def test_choosing_an_unknown_service_names_it(self) -> None:
        with pytest.raises(UnknownService, match="nope"):
            chosen("cases,nope")

    def test_each_context_without_a_command_id_gets_a_new_one(self) -> None:
        assert CommandContext().command_id != CommandContext().command_id
