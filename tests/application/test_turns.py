"""The order in which waiting evidence is sanitised."""

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event

import pytest

from application.engine.executor import CommandContext
from application.engine.pool import PooledPolicySubscriber
from application.engine.turns import Lane, Turn
from application.policies.when_evidence_is_received_then_sanitise_it import (
    WhenEvidenceIsReceivedThenSanitiseIt,
)
from application.policy import PolicyDependencies
from application.security import SecurityLog
from domain.actors import Actor
from domain.evidence.evidence import EvidenceReceived
from domain.ids import MediaKind
from domain.members.member import EraseMember
from tests.application.test_runtime import soon
from tests.world import World


class Stage:
    """The policy in a pool of one worker a lane, and a sanitiser that a test may hold."""

    def __init__(self) -> None:
        self.world = World()
        self.sanitised: list[str] = []
        self.held = set(MediaKind)
        self.begun = Event()
        self.go_on = Event()
        dependencies = PolicyDependencies(
            executors=self.world.executors,
            sanitise=self.sanitise,
            forget_member=lambda _: None,
            destroy_key=lambda _: None,
            send_alert=lambda *_: None,
            security=SecurityLog(),
            erase_media=lambda _: None,
            forget_in_cases=lambda _: None,
            forget_in_discussions=lambda _: None,
            forget_in_moderation=lambda _: None,
            forget_in_operations=lambda _: None,
            carry_out=lambda *_: None,
            hide_at=1.0,
        )
        self.policy = WhenEvidenceIsReceivedThenSanitiseIt(dependencies)
        self.pool = PooledPolicySubscriber(
            self.policy, self.world.codec, self.world.checkpoints, self.world.parked, workers=1
        )
        self.subscription = self.world.subscription(self.pool)

    def sanitise(
        self,
        received: EvidenceReceived,
        context: Callable[[str], CommandContext],
        within: float | None,
    ) -> None:
        self.begun.set()
        if received.kind in self.held:
            assert self.go_on.wait(60)
        if not self.world.is_erased(received.owner):
            self.sanitised.append(received.evidence_id)

    def receive(self, owner: Actor, names: str, kind: MediaKind) -> None:
        for name in names.split():
            self.world.evidence(owner, name, kind)

    def settle(self) -> None:
        self.go_on.set()
        assert soon(self.pool.settled)

    def close(self) -> None:
        self.go_on.set()
        self.pool.stop()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with closing(Stage()) as stage:
        yield stage


def received(stage: Stage, kind: MediaKind) -> object:
    stage.receive(stage.world.member(), "e1", kind)
    return stage.world.executors.evidence.events("e1")[0]


@pytest.mark.parametrize(
    ("kind", "lane"),
    [
        (MediaKind.VIDEO, Lane.LONG),
        (MediaKind.AUDIO, Lane.SHORT),
        (MediaKind.PHOTO, Lane.SHORT),
        (MediaKind.DOCUMENT, Lane.SHORT),
    ],
)
def test_the_turn_of_evidence_is_its_owner_in_the_lane_of_its_kind(
    stage: Stage, kind: MediaKind, lane: Lane
) -> None:
    assert stage.policy.turn(received(stage, kind)) == Turn("member-Anna", lane)


def test_an_unknown_event_takes_the_default_turn(stage: Stage) -> None:
    assert stage.policy.turn(object()) == Turn()


def test_the_photos_of_one_member_do_not_delay_those_of_another(stage: Stage) -> None:
    stage.receive(stage.world.member("Anna"), "a1 a2 a3 a4 a5", MediaKind.PHOTO)
    stage.receive(stage.world.member("Ben"), "b1 b2", MediaKind.PHOTO)
    stage.subscription.catch_up()
    stage.settle()
    assert stage.sanitised == ["a1", "b1", "a2", "b2", "a3", "a4", "a5"]


def test_a_photo_does_not_wait_for_videos(stage: Stage) -> None:
    stage.held = {MediaKind.VIDEO}
    stage.receive(stage.world.member("Anna"), "a1 a2 a3", MediaKind.VIDEO)
    stage.receive(stage.world.member("Ben"), "b1", MediaKind.PHOTO)
    stage.subscription.catch_up()
    assert soon(lambda: stage.sanitised == ["b1"])
    stage.settle()
    assert stage.sanitised == ["b1", "a1", "a2", "a3"]


def test_waiting_evidence_of_an_erased_member_is_dropped(stage: Stage) -> None:
    anna = stage.world.member("Anna")
    stage.receive(anna, "a1 a2 a3 a4", MediaKind.VIDEO)
    stage.receive(stage.world.member("Ben"), "b1", MediaKind.VIDEO)
    stage.subscription.catch_up()
    assert stage.begun.wait(60)
    erase = EraseMember(by=anna, at=stage.world.clock())
    stage.world.executors.members.execute(anna.member_id, erase, CommandContext())
    stage.world.vault.destroy(anna.member_id)
    stage.settle()
    assert stage.sanitised == ["b1"]
    assert stage.world.parked.list() == []
