"""Texts that can be taken back: each has a key of its own, and nothing shows them afterwards."""

from collections.abc import Callable

import pytest

from application.engine.executor import CommandContext
from application.policies.when_reason_is_redacted_then_destroy_its_key import (
    WhenReasonIsRedactedThenDestroyItsKey,
)
from application.queries.moderation_ledger import Deed
from application.queries.notification import Notification, NotificationKind
from domain.actors import Actor
from domain.moderation.decision import ReasonRedacted
from tests.application.community import (
    COMMENT,
    appeal,
    decide,
    involved,
    listed,
    moderator,
    must_be_rebuilt_alike,
    read_models_with,
    resolve,
    rows,
)
from tests.world import World, refused

REASON, OUTCOME = "It breaks the rule.", "Seen again."


@pytest.fixture
def author(world: World) -> Actor:
    """The author of a comment that moderators hid, and that a second one let be seen again."""
    cora = involved(world, world.member("Anna"))
    decide(world, COMMENT, "k1", moderator(world))
    world.settle()
    appeal(world, cora)
    resolve(world, moderator(world, "Ada"))
    world.settle()
    return cora


def stored(world: World) -> bytes:
    """Everything that the logs hold, as it is stored."""
    return b"".join(
        event.data for log in world.stores for event in world.history.read(log, 0, 10_000)
    )


def redact(world: World, *, of_outcome: bool = False) -> None:
    """Let a third moderator remove a reason."""
    by = moderator(world, f"Max {of_outcome}")
    world.moderate.redact("d1", by, CommandContext(), of_outcome=of_outcome)
    world.settle()


class TestReason:
    def test_it_is_in_no_log_in_the_open(self, world: World, author: Actor) -> None:
        assert author
        assert REASON.encode() not in stored(world)
        assert OUTCOME.encode() not in stored(world)

    def test_the_ledger_and_the_author_are_told_it(self, world: World, author: Actor) -> None:
        assert {entry["reason"] for entry in ledger(world)} == {None, REASON, OUTCOME}
        told = {each.kind: each.reason for each in notified(world, author)}
        assert told[NotificationKind.HIDDEN] == REASON
        assert told[NotificationKind.APPEAL_RESOLVED] == OUTCOME

    @pytest.mark.parametrize(
        ("of_outcome", "gone", "kept", "key"),
        [
            (False, REASON, OUTCOME, "reason/d1"),
            (True, OUTCOME, REASON, "reason/d1/outcome"),
        ],
    )
    def test_once_redacted_it_is_nowhere_and_its_key_is_destroyed(
        self, world: World, author: Actor, of_outcome: bool, gone: str, kept: str, key: str
    ) -> None:
        assert author
        assert world.vault.key(key)
        redact(world, of_outcome=of_outcome)
        assert world.vault.key(key) is None
        assert read_models_with(world, gone) == []
        assert read_models_with(world, kept) == ["moderation-ledger", "notifications"]
        must_be_rebuilt_alike(world)
        assert read_models_with(world, gone) == []

    def test_everybody_sees_that_it_was_removed(self, world: World, author: Actor) -> None:
        assert author
        redact(world)
        removed = {entry["what"]: entry["reason_removed"] for entry in ledger(world)}
        assert removed[Deed.DECIDED]
        assert not removed[Deed.APPEAL_RESOLVED]
        assert Deed.REASON_REMOVED in removed

    def test_what_is_redacted_before_the_decision_is_applied_is_never_told(
        self, world: World
    ) -> None:
        cora, mo = involved(world, world.member("Anna")), moderator(world)
        decide(world, COMMENT, "k1", mo)
        world.moderate.redact("d1", mo, CommandContext(), of_outcome=False)
        world.settle()
        assert [each.reason for each in notified(world, cora)] == [None]
        must_be_rebuilt_alike(world)

    def test_a_decision_without_a_reason_is_appealed_as_any_other(self, world: World) -> None:
        cora, mo = involved(world, world.member("Anna")), moderator(world)
        decide(world, COMMENT, "k1", mo)
        world.moderate.redact("d1", mo, CommandContext(), of_outcome=False)
        world.settle()
        appeal(world, cora)
        with refused("same-moderator"):
            resolve(world, mo)
        resolve(world, moderator(world, "Ada"))
        world.settle()
        assert world.parked.list() == []

    def test_a_forged_message_destroys_no_key(self, world: World, author: Actor) -> None:
        assert author
        react(world)(redacted_in_a_message())
        assert world.vault.key("reason/d1")


def react(world: World) -> Callable[[object], None]:
    dependencies = world.use_cases.policy_dependencies
    policy = WhenReasonIsRedactedThenDestroyItsKey(dependencies)
    return lambda event: policy.react(event, None)  # type: ignore[arg-type]  # it reads no cause


def redacted_in_a_message() -> ReasonRedacted:
    return ReasonRedacted(
        decision_id="d1",
        reason_id="reason/d1",
        subject_kind=COMMENT,
        subject_id="k1",
        at=World().clock(),
    )


def ledger(world: World) -> list[dict[str, object]]:
    return listed(world, "moderation-ledger")


def notified(world: World, member: Actor) -> list[Notification]:
    found = rows(world, "notifications").values()
    judged = (NotificationKind.HIDDEN, NotificationKind.APPEAL_RESOLVED)
    return [each for each in found if each.member_id == member.member_id and each.kind in judged]
