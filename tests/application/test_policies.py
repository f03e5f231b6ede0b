"""Policies: they react to events, each time with the same effect."""

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


def total_of_events(world: World) -> int:
    return sum(store.last_position() for store in world.stores.values())


def test_evidence_verified_before_the_report_publishes_the_case(world: World) -> None:
    anna = world.member()
    evidence = world.evidence(anna)
    world.settle()
    world.report(anna, evidence)
    world.settle()
    assert status(world) is CaseStatus.PUBLISHED


def test_evidence_verified_after_the_report_publishes_the_case(world: World) -> None:
    anna = world.member()
    world.report(anna, world.evidence(anna))
    assert status(world) is CaseStatus.AWAITING_EVIDENCE
    world.settle()
    assert status(world) is CaseStatus.PUBLISHED


def test_attached_evidence_publishes_the_case(world: World) -> None:
    anna = world.member()
    case = world.report(anna)
    command = AttachEvidence(evidence=(world.evidence(anna),), by=anna, at=world.clock())
    world.executors.cases.execute(case, command, CommandContext())
    world.settle()
    assert status(world) is CaseStatus.PUBLISHED


def test_evidence_of_another_member_does_not_publish_the_case(world: World) -> None:
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


def test_the_erasure_of_a_member_destroys_account_and_media(world: World) -> None:
    anna = world.member()
    world.executors.members.execute(
        anna.member_id, EraseMember(by=anna, at=world.clock()), CommandContext()
    )
    world.settle()
    assert world.forgotten == [anna.member_id]
    assert world.without_media == [anna.member_id]


def test_handling_all_events_again_appends_nothing(world: World) -> None:
    anna = world.member()
    world.public_case(anna)
    before = total_of_events(world)
    for subscription in world.subscriptions:
        if isinstance(subscription.subscriber, PolicySubscriber):
            world.checkpoints.delete(subscription.name)
            subscription.reset()
    world.settle()
    assert total_of_events(world) == before


def test_pending_reactions_for_an_erased_member_are_dropped_without_a_failure(world: World) -> None:
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
    return PolicySubscriber(kind(dependencies), world.codec, world.checkpoints)


def recorded(world: World) -> RecordedEvent:
    return world.history.read("cases", 0, 10)[0]


def test_a_command_refused_because_of_an_erasure_is_no_failure(world: World) -> None:
    world.report(world.member())
    subscriber(world, Refusing).react(recorded(world))


def test_a_command_refused_for_another_reason_is_a_failure(world: World) -> None:
    class Angry(Refusing):
        code = "forbidden"

    world.report(world.member())
    with refused("forbidden"):
        subscriber(world, Angry).react(recorded(world))


def test_undeclared_events_of_a_newer_program_are_skipped(world: World) -> None:
    world.report(world.member())
    newer = replace(recorded(world), type="cases.CasePublished", schema=9)
    subscriber(world, Refusing).handle([newer], START.moved("cases", 1))


@pytest.mark.parametrize("kind", policy_types())
def test_no_policy_skips_an_event_that_a_newer_version_of_it_may_handle(
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


def test_a_policy_that_lost_its_lease_handles_no_further_event(world: World) -> None:
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


def test_a_policy_ignores_events_that_it_does_not_declare(world: World) -> None:
    world.report(world.member())
    for subscription in world.policies:
        policy = subscription.subscriber
        assert isinstance(policy, PolicySubscriber)
        policy.policy.react(object(), Cause("test", recorded(world)))
    assert total_of_events(world) == 2


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


def test_a_policy_must_implement_react() -> None:
    with pytest.raises(NotImplementedError):
        Policy.react(object.__new__(Policy), object(), object.__new__(Cause))


def test_a_photo_publishes_the_case(world: World) -> None:
    anna = world.member()
    world.report(anna, world.evidence(anna, kind=MediaKind.PHOTO))
    world.settle()
    assert world.answers["videos"].service.name == "videos"
    assert status(world) is CaseStatus.PUBLISHED
