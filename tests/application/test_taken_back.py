"""Reasons and statements that can be redacted or erased, and their keys."""

from dataclasses import replace
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.policies.when_reason_is_redacted_then_destroy_its_key import (
    WhenReasonIsRedactedThenDestroyItsKey,
)
from application.policies.when_statement_is_erased_then_destroy_its_key import (
    WhenStatementIsErasedThenDestroyItsKey,
)
from application.policies.when_suspension_is_redacted_then_destroy_its_key import (
    WhenSuspensionIsRedactedThenDestroyItsKey,
)
from application.policy import KlarityPolicy
from application.queries.members import MemberDocument
from application.queries.moderation_ledger import Deed
from application.queries.moderation_queue import ModerationQueue
from application.queries.notification import Notification, NotificationKind
from domain.actors import SYSTEM, Actor, Role
from domain.cases.party import StatementErased
from domain.ids import CaseId, PartyId
from domain.members.member import (
    AppealSuspension,
    GrantRole,
    MemberCommand,
    RedactSuspension,
    ReinstateMember,
    RevokeRole,
    SuspendMember,
    SuspensionRedacted,
    UpholdSuspension,
)
from domain.moderation.decision import ReasonRedacted
from tests.application.community import (
    COMMENT,
    DISMISS,
    DISPUTE,
    RESTORE,
    Reading,
    appeal,
    decide,
    dispute,
    erase,
    erase_statement,
    flag,
    involved,
    listed,
    moderator,
    must_be_rebuilt_alike,
    one,
    read_models_with,
    resolve,
    rows,
    seen_by_all,
    trusted,
)
from tests.world import World, refused

REASON, OUTCOME = "It breaks the rule.", "Seen again."
SPAM, WORDS = "Adverts for Ben.", "Anna of the third floor invented it."

KEEPING_REASONS = ["moderation-ledger", "my-cases", "my-comments", "notifications"]
"""The read models that hold the reason for a decision."""


@pytest.fixture
def mo(world: World) -> Actor:
    return moderator(world)


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
    @pytest.mark.usefixtures("author")
    def test_a_reason_is_in_no_log_in_plain_text(self, world: World) -> None:
        assert REASON.encode() not in stored(world)
        assert OUTCOME.encode() not in stored(world)

    def test_the_reason_is_shown_in_the_ledger_and_to_the_author(
        self, world: World, author: Actor
    ) -> None:
        assert {entry["reason"] for entry in ledger(world)} == {None, REASON, OUTCOME}
        told = {each.kind: each.reason for each in notified(world, author)}
        assert told[NotificationKind.HIDDEN] == REASON
        assert told[NotificationKind.APPEAL_RESOLVED] == OUTCOME

    @pytest.mark.usefixtures("author")
    @pytest.mark.parametrize(
        ("of_outcome", "gone", "kept", "key"),
        [
            (False, REASON, OUTCOME, "reason/d1"),
            (True, OUTCOME, REASON, "reason/d1/outcome"),
        ],
    )
    def test_a_redacted_reason_is_in_no_answer_and_its_key_is_destroyed(
        self, world: World, of_outcome: bool, gone: str, kept: str, key: str
    ) -> None:
        assert world.vault.key(key)
        redact(world, of_outcome=of_outcome)
        assert world.vault.key(key) is None
        assert read_models_with(world, gone) == []
        assert read_models_with(world, kept) == KEEPING_REASONS
        must_be_rebuilt_alike(world)
        assert read_models_with(world, gone) == []

    @pytest.mark.usefixtures("author")
    def test_the_ledger_shows_that_a_reason_was_removed(self, world: World) -> None:
        redact(world)
        removed = {entry["what"]: entry["reason_removed"] for entry in ledger(world)}
        assert removed[Deed.DECIDED]
        assert not removed[Deed.APPEAL_RESOLVED]
        assert Deed.REASON_REMOVED in removed

    def test_a_reason_redacted_before_its_decision_is_applied_is_never_shown(
        self, world: World
    ) -> None:
        cora, mo = involved(world, world.member("Anna")), moderator(world)
        decide(world, COMMENT, "k1", mo)
        world.moderate.redact("d1", mo, CommandContext(), of_outcome=False)
        world.settle()
        assert [each.reason for each in notified(world, cora)] == [None]
        must_be_rebuilt_alike(world)

    def test_a_decision_with_a_redacted_reason_can_be_appealed(self, world: World) -> None:
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

    @pytest.mark.usefixtures("author")
    def test_a_forged_message_destroys_no_key(self, world: World) -> None:
        forged = ReasonRedacted(
            decision_id="d1",
            reason_id="reason/d1",
            subject_kind=COMMENT,
            subject_id="k1",
            at=world.clock(),
        )
        heard(world, WhenReasonIsRedactedThenDestroyItsKey, forged)
        assert world.vault.key("reason/d1")


class TestStatement:
    @pytest.fixture(autouse=True)
    def stated(self, world: World, anna: Actor) -> Actor:
        """Somebody who named a party to Anna's case, which answered."""
        cora = involved(world, anna)
        dispute(world, WORDS)
        world.settle()
        return cora

    def disputes(self, world: World) -> list[tuple[str, str | None]]:
        (party,) = one(world, "cases", "c1")["parties"]
        return [(each.statement, each.removed) for each in party.disputes]

    def test_flags_hide_a_statement_and_a_moderator_restores_it(
        self, world: World, mo: Actor
    ) -> None:
        flag(world, DISPUTE, "s1", *(trusted(world, f"Member {number}") for number in range(4)))
        world.settle()
        (item,) = [row for row in rows(world, "moderation-queue").values() if row.waits]
        assert (item.text, item.case_id, item.hidden) == (WORDS, "c1", True)
        assert self.disputes(world) == [("", "hidden")]
        assert WORDS not in seen_by_all(world)
        must_be_rebuilt_alike(world)
        decide(world, DISPUTE, "s1", mo, RESTORE)
        world.settle()
        assert self.disputes(world) == [(WORDS, None)]
        must_be_rebuilt_alike(world)

    def test_statements_keep_their_order(self, world: World, mo: Actor) -> None:
        world.clock.wind(hours=1)
        dispute(world, "Really not.", dispute_id="s2")
        decide(world, DISPUTE, "s1", mo)
        world.settle()
        decide(world, DISPUTE, "s1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert self.disputes(world) == [(WORDS, None), ("Really not.", None)]
        erase_statement(world, mo, "s1")
        world.settle()
        assert self.disputes(world) == [("", "erased"), ("Really not.", None)]
        must_be_rebuilt_alike(world)

    def test_an_erased_statement_is_in_no_answer_and_its_key_is_destroyed(
        self, world: World, mo: Actor
    ) -> None:
        flag(world, DISPUTE, "s1", world.member("Ben"))
        world.settle()
        assert world.vault.key("s1")
        erase_statement(world, mo, "s1")
        world.settle()
        assert world.vault.key("s1") is None
        assert read_models_with(world, WORDS) == []
        assert self.disputes(world) == [("", "erased")]
        must_be_rebuilt_alike(world)
        assert read_models_with(world, WORDS) == []
        with refused("erased"):
            flag(world, DISPUTE, "s1", mo)
        decide(world, DISPUTE, "s1", mo, DISMISS)
        world.settle()
        assert world.parked.list() == []

    def test_the_logs_of_a_statement_may_be_read_in_any_order(
        self, world: World, mo: Actor
    ) -> None:
        flag(world, DISPUTE, "s1", world.member("Ben"))
        erase_statement(world, mo, "s1")
        world.settle()
        for order in (("cases", "moderation"), ("moderation", "cases")):
            queue = Reading(world, ModerationQueue(), build=len(order[0]))
            queue.catch_up(*order)
            row = queue.rows["dispute-s1"]
            assert (row.text, row.case_id, len(row.flags)) == ("", "c1", 1)

    def test_a_hidden_statement_can_be_flagged_by_moderators_only(
        self, world: World, mo: Actor
    ) -> None:
        decide(world, DISPUTE, "s1", mo)
        world.settle()
        with refused("not-found"):
            flag(world, DISPUTE, "s1", world.member("Ben"))
        flag(world, DISPUTE, "s1", moderator(world, "Ada"))

    def test_a_statement_is_erased_with_its_party(self, world: World, stated: Actor) -> None:
        world.enrich.retract_party(PartyId("p1"), CaseId("c1"), stated, CommandContext())
        with refused("not-found"):
            flag(world, DISPUTE, "s1", world.member("Ben"))
        world.settle()
        assert world.vault.key("s1") is None
        assert read_models_with(world, WORDS) == []
        assert world.use_cases.security.counts == {}
        must_be_rebuilt_alike(world)

    def test_claimant_and_author_cannot_judge_a_statement(
        self, world: World, stated: Actor, anna: Actor
    ) -> None:
        for own in (stated, anna):
            judge = replace(own, roles=frozenset({Role.MODERATOR}))
            with refused("not-oneself"):
                decide(world, DISPUTE, "s1", judge)
            with refused("not-oneself"):
                erase_statement(world, judge, "s1")

    def test_no_member_is_notified_of_a_decision_on_a_statement(
        self, world: World, mo: Actor
    ) -> None:
        decide(world, DISPUTE, "s1", mo)
        world.settle()
        assert "s1" not in repr(rows(world, "notifications"))

    def test_a_forged_message_destroys_no_key(self, world: World) -> None:
        forged = StatementErased(
            party_id=PartyId("p1"), case_id=CaseId("c1"), dispute_id="s1", at=world.clock()
        )
        for dispute_id in ("s1", "s2"):
            heard(
                world,
                WhenStatementIsErasedThenDestroyItsKey,
                replace(forged, dispute_id=dispute_id),
            )
        assert world.vault.key("s1")


class TestSuspension:
    def test_the_reason_of_a_suspension_is_visible_to_the_member_and_moderators_only(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        standing(world, anna, SuspendMember(reason=SPAM, by=mo, at=world.clock()))
        assert SPAM.encode() not in stored(world)
        assert SPAM not in seen_by_all(world)
        ben = world.member("Ben")
        seen = {viewer: self.profile(world, anna, viewer) for viewer in (anna, mo, ben)}
        assert seen == {anna: SPAM, mo: SPAM, ben: None}

    def test_the_reason_of_a_suspension_is_hidden_after_the_member_is_reinstated(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        standing(world, anna, SuspendMember(reason=SPAM, by=mo, at=world.clock()))
        standing(world, anna, ReinstateMember(by=mo, at=world.clock()))
        assert self.profile(world, anna, mo) is None

    def test_redacting_the_reason_of_a_suspension_destroys_its_key(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        standing(world, anna, SuspendMember(reason=SPAM, by=mo, at=world.clock()))
        standing(world, anna, RedactSuspension(by=mo, at=world.clock()))
        assert world.vault.key(f"suspension/{anna.member_id}/1") is None
        assert read_models_with(world, SPAM) == []
        must_be_rebuilt_alike(world)
        assert world.executors.members.load(anna.member_id).state.suspended

    def test_a_forged_message_destroys_no_key(self, world: World, anna: Actor, mo: Actor) -> None:
        standing(world, anna, SuspendMember(reason=SPAM, by=mo, at=world.clock()))
        key = f"suspension/{anna.member_id}/1"
        forged = SuspensionRedacted(member_id=anna.member_id, reason_id=key, at=world.clock())
        heard(world, WhenSuspensionIsRedactedThenDestroyItsKey, forged)
        assert world.vault.key(key)

    def profile(self, world: World, member: Actor, viewer: Actor) -> str | None:
        answers = world.answers["members"]
        seen = answers.one(member.member_id, Viewer(viewer))
        shown: MemberDocument = answers.service.as_seen_by(seen, Viewer(viewer))
        return shown.suspension


def test_the_operator_can_list_who_changed_roles_and_suspensions(
    world: World, anna: Actor, mo: Actor
) -> None:
    at = world.clock()
    standing(world, mo, GrantRole(role=Role.ADMIN, by=SYSTEM, at=at))
    standing(world, anna, GrantRole(role=Role.MODERATOR, by=admin(mo), at=at))
    standing(world, anna, RevokeRole(role=Role.MODERATOR, by=admin(mo), at=at))
    standing(world, anna, SuspendMember(reason=SPAM, by=mo, at=at))
    standing(world, anna, RedactSuspension(by=mo, at=at))
    standing(world, anna, AppealSuspension(statement="I sell nothing.", by=anna, at=at))
    standing(world, anna, UpholdSuspension(by=moderator(world, "Ada"), at=at))
    standing(world, anna, ReinstateMember(by=mo, at=at))
    changes = list(world.use_cases.standing)
    assert [(each.member, each.what, each.by) for each in changes] == [
        ("Mo (member-Mo)", "admin granted", "the operator"),
        *(
            ("Anna (member-Anna)", what, f"{by} (member-{by})")
            for what, by in (
                ("moderator granted", "Mo"),
                ("moderator revoked", "Mo"),
                ("suspended", "Mo"),
                ("reason of a suspension removed", "Mo"),
                ("appeal against the suspension turned down", "Ada"),
                ("reinstated", "Mo"),
            )
        ),
    ]
    assert b"member-Mo" not in b"".join(
        event.data for event in world.history.stream("members", "member-member-Anna")
    )
    erase(world, mo)
    assert {each.by for each in world.use_cases.standing} == {
        "the operator",
        "erased (member-Mo)",
        "Ada (member-Ada)",
    }


def admin(member: Actor) -> Actor:
    return replace(member, roles=frozenset({Role.ADMIN}))


def standing(world: World, member: Actor, command: MemberCommand) -> None:
    world.executors.members.execute(member.member_id, command, CommandContext())
    world.settle()


def heard(world: World, policy: type[KlarityPolicy], event: object) -> None:
    """Let a policy react to an event that is in no log."""
    no_cause: Any = None
    policy(world.use_cases.policy_dependencies).react(event, no_cause)


def ledger(world: World) -> list[dict[str, object]]:
    return listed(world, "moderation-ledger")


def notified(world: World, member: Actor) -> list[Notification]:
    found = rows(world, "notifications").values()
    judged = (NotificationKind.HIDDEN, NotificationKind.APPEAL_RESOLVED)
    return [each for each in found if each.member_id == member.member_id and each.kind in judged]
