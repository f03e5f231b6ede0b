"""How far an erasure has come, for who has the receipt and no account any more."""

import pytest

from application.engine.executor import CommandContext, Receipt
from application.use_cases.members.erasure_progress import ErasureReceipts, ErasureState
from domain.actors import Actor
from domain.members.member import EraseMember, Member
from tests.application.test_anonymous_authors import report
from tests.world import World, refused


@pytest.fixture
def anna(world: World) -> Actor:
    anna = world.member("Anna")
    report(world, anna)
    return anna


@pytest.fixture
def receipts(world: World) -> ErasureReceipts:
    return world.use_cases.erasure_receipts


def leave(world: World, member: Actor) -> Receipt[Member]:
    command = EraseMember(by=member, at=world.clock())
    return world.executors.members.execute(member.member_id, command, CommandContext())


def states(receipts: ErasureReceipts, receipt: str) -> dict[str, ErasureState]:
    return {step.name: step.state for step in receipts.progress(receipt).steps}


def test_it_is_done_when_every_context_and_the_aliases_are(
    world: World, receipts: ErasureReceipts, anna: Actor
) -> None:
    receipt = receipts.of(leave(world, anna))
    assert set(states(receipts, receipt).values()) == {ErasureState.UNDER_WAY}
    world.settle()
    under_way = [name for name, state in states(receipts, receipt).items() if state != "done"]
    assert under_way == ["aliases"]
    assert not receipts.progress(receipt).done
    world.use_cases.destroy_aliases.step()
    assert receipts.progress(receipt).done
    assert receipts.progress(receipt).remains


def test_what_failed_is_not_called_done(
    world: World, receipts: ErasureReceipts, anna: Actor
) -> None:
    name = "when-member-is-erased-then-forget-them-in-cases"
    erased = leave(world, anna)
    other = leave(world, world.member("Ben"))
    world.settle()
    parked = frozenset({f"members/{erased.stream}@{erased.version}"})
    world.checkpoints.save(name, world.checkpoints.load(name).next(parked=parked))
    assert states(receipts, receipts.of(erased))["cases"] is ErasureState.DELAYED
    assert states(receipts, receipts.of(other))["cases"] is ErasureState.DONE


def test_a_receipt_names_nobody_and_expires(
    world: World, receipts: ErasureReceipts, anna: Actor
) -> None:
    receipt = receipts.of(leave(world, anna))
    world.clock.wind(days=30)
    told = receipts.progress(receipt)
    assert anna.member_id not in receipt + repr(told)
    world.clock.wind(days=1)
    with refused("not-found"):
        receipts.progress(receipt)
    with refused("not-found"):
        receipts.progress("made up")
