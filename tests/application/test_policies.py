"""Policies: what happens of itself, once, however often an event is heard."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.codec.personal import personal_fields
from application.engine.executor import CommandContext
from application.engine.policy import Cause, Policy, PolicySubscriber
from application.policies.when_case_is_backed_then_cite_exhibit import (
    WhenCaseIsBackedThenCiteExhibit,
)
from application.policies.when_something_is_said_then_register_subject import (
    WhenSomethingIsSaidThenRegisterSubject,
)
from application.policy import KlarityPolicy, PolicyDependencies
from application.ports.checkpoints import START, Fenced
from application.ports.codec import NewerProgram, RecordedEvent
from application.security import SecurityLog
from application.system import policy_types
from domain.cases.case_commands import AttachEvidence, WithdrawCase
from domain.cases.case_details import CaseStatus
from domain.cases.case_events import CaseReported
from domain.catalog import ERASURE, EVENTS
from domain.decider import DomainError
from domain.evidence.evidence import EvidenceReceived
from domain.ids import MediaKind
from domain.members.member import EraseMember
from tests.application.community import ask_to_be_erased
from tests.world import World, refused


def status(world: World, case_id: str = "c1") -> CaseStatus | None:
    return world.executors.cases.load(case_id).state.status


def everything(world: World) -> int:
    return sum(store.last_position() for store in world.stores.values())


def test_evidence_that_comes_first_publishes_the_case(world: World) -> None:
    anna = world.member()
    evidence = world.evidence(anna)
    world.settle()
    world.report(anna, evidence)
    world.settle()
    assert status(world) is CaseStatus.PUBLISHED


def test_evidence_that_comes_last_publishes_the_case(world: World) -> None:
    anna = world.member()
    world.report(anna, world.evidence(anna))
    assert status(world) is CaseStatus.AWAITING_EVIDENCE
    world.settle()
    assert status(world) is CaseStatus.PUBLISHED


def test_evidence_that_is_attached_publishes_the_case(world: World) -> None:
    anna = world.member()
    case = world.report(anna)
    command = AttachEvidence(evidence=(world.evidence(anna),), by=anna, at=world.clock())
    world.executors.cases.execute(case, command, CommandContext())
    world.settle()
    assert status(world) is CaseStatus.PUBLISHED


def test_somebody_elses_evidence_publishes_nothing(world: World) -> None:
    anna, ben = world.member(), world.member("Ben")
    world.report(ben, world.evidence(anna))
    world.settle()
    assert status(world) is CaseStatus.AWAITING_EVIDENCE


def test_a_withdrawn_case_stays_withdrawn(world: World) -> None:
    anna = world.member()
    case = world.report(anna, world.evidence(anna))
    world.executors.cases.execute(case, WithdrawCase(by=anna, at=world.clock()), CommandContext())
    world.settle()
    assert status(world) is CaseStatus.WITHDRAWN
    assert world.parked.list() == []


def test_an_erased_member_is_forgotten(world: World) -> None:
    anna = world.member()
    world.executors.members.execute(
        anna.member_id, EraseMember(by=anna, at=world.clock()), CommandContext()
    )
    world.settle()
    assert world.forgotten == [anna.member_id]
    assert world.without_media == [anna.member_id]


def test_hearing_everything_again_changes_nothing(world: World) -> None:
    anna = world.member()
    world.public_case(anna)
    before = everything(world)
    for subscription in world.subscriptions:
        if isinstance(subscription.subscriber, PolicySubscriber):
            world.checkpoints.delete(subscription.name)
            subscription.reset()
    world.settle()
    assert everything(world) == before


def test_what_an_erased_person_left_undone_stays_undone(world: World) -> None:
    anna = world.member()
    world.report(anna, world.evidence(anna))
    ask_to_be_erased(world, anna)
    world.settle()
    assert world.parked.list() == []
    assert status(world) is CaseStatus.ERASED


class Refusing(KlarityPolicy):
    name, service = "refusing", "cases"
    code = "erased"

    def react(self, event: CaseReported, cause: Cause) -> None:
        raise DomainError(self.code, "refused")


def subscriber(world: World, kind: type[KlarityPolicy]) -> PolicySubscriber:
    def sanitise(
        received: EvidenceReceived, context: Callable[[str], CommandContext], within: float | None
    ) -> None:
        raise AssertionError("there is nothing to sanitise")

    dependencies = PolicyDependencies(
        executors=world.executors,
        sanitise=sanitise,
        forget_member=lambda _: None,
        destroy_key=lambda _: None,
        security=SecurityLog(),
        erase_media=lambda _: None,
        forget_in_cases=lambda _: None,
        forget_in_discussions=lambda _: None,
        forget_in_moderation=lambda _: None,
        hide_at=1.0,
    )
    return PolicySubscriber(kind(dependencies), world.codec, world.checkpoints)


def recorded(world: World) -> RecordedEvent:
    return world.history.read("cases", 0, 10)[0]


def test_a_refusal_because_somebody_was_erased_is_no_fault(world: World) -> None:
    world.report(world.member())
    subscriber(world, Refusing).react(recorded(world))


def test_any_other_refusal_is_a_fault(world: World) -> None:
    class Angry(Refusing):
        code = "forbidden"

    world.report(world.member())
    with refused("forbidden"):
        subscriber(world, Angry).react(recorded(world))


def test_events_that_a_policy_does_not_hear_are_passed_over(world: World) -> None:
    world.report(world.member())
    newer = replace(recorded(world), type="cases.CasePublished", schema=9)
    subscriber(world, Refusing).handle([newer], START.moved("cases", 1))


@pytest.mark.parametrize("kind", policy_types())
def test_no_policy_passes_over_an_event_that_its_newer_self_may_hear(
    world: World, kind: type[KlarityPolicy]
) -> None:
    world.report(world.member())
    newer = replace(recorded(world), type="cases.New")
    policy = subscriber(world, kind)
    assert policy.concerns(newer)
    with pytest.raises(NewerProgram):
        policy.handle([newer], START.moved("cases", 1))
    assert policy.checkpoint() == START


def test_a_checkpoint_is_saved_after_the_commands(world: World) -> None:
    world.report(world.member())
    policy = subscriber(world, WhenCaseIsBackedThenCiteExhibit)
    policy.handle([recorded(world)], START.moved("cases", 1))
    assert policy.checkpoint().at("cases") == 1


def test_who_lost_the_lease_handles_no_event_more(world: World) -> None:
    anna = world.member()
    for number in range(3):
        world.report(anna, case_id=f"c{number}")
    policy = subscriber(world, WhenSomethingIsSaidThenRegisterSubject)
    policy.may_continue = iter([True, True, False]).__next__
    with pytest.raises(Fenced):
        policy.handle(world.history.read("cases", 0, 10), START.moved("cases", 3))
    assert [event.stream for event in world.history.read("moderation", 0, 10)] == [
        "subject-case-c0",
        "subject-case-c1",
    ]
    assert policy.checkpoint() == START


def test_a_policy_passes_over_what_is_none_of_its_business(world: World) -> None:
    world.report(world.member())
    for subscription in world.policies:
        policy = subscription.subscriber
        assert isinstance(policy, PolicySubscriber)
        policy.policy.react(object(), Cause("test", recorded(world)))
    assert everything(world) == 2


def test_every_context_with_personal_data_forgets_erased_members() -> None:
    personal = {
        name.partition(".")[0] for name, kind in EVENTS.types.items() if personal_fields(kind)
    }
    forgetting = {policy.service for policy in policy_types() if ERASURE.name in policy.handles}
    missing = personal - forgetting
    assert not missing, "add a policy that forgets an erased member, as the other contexts have"


def test_a_policy_of_no_context_is_refused() -> None:
    with pytest.raises(TypeError, match="service is case, which is no context"):
        type("WhenNothingHappens", (KlarityPolicy,), {"service": "case"})


def test_a_policy_says_what_it_does() -> None:
    with pytest.raises(NotImplementedError):
        Policy.react(object.__new__(Policy), object(), object.__new__(Cause))


def test_photos_are_evidence_as_well(world: World) -> None:
    anna = world.member()
    world.report(anna, world.evidence(anna, kind=MediaKind.PHOTO))
    world.settle()
    assert world.answers["videos"].service.name == "videos"
    assert status(world) is CaseStatus.PUBLISHED
