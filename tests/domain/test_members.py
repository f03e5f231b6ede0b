"""The rules of membership."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from domain.actors import SYSTEM, Actor, Role
from domain.ids import MemberId
from domain.members.member import (
    AppealSuspension,
    ChooseInterests,
    EraseMember,
    GrantRole,
    HideProfile,
    InterestsChosen,
    MemberCommand,
    MemberErased,
    MemberEvent,
    MemberRegistered,
    MemberReinstated,
    MemberSuspended,
    ProfileHidden,
    ProfileRestored,
    RecommendationsTurnedOff,
    RecommendationsTurnedOn,
    RedactSuspension,
    RegisterMember,
    ReinstateMember,
    RestoreProfile,
    RevokeRole,
    RoleGranted,
    RoleRevoked,
    StandingSigned,
    SuspendMember,
    SuspensionAppealed,
    SuspensionExplained,
    SuspensionRedacted,
    SuspensionUpheld,
    SwitchRecommendations,
    UpholdSuspension,
    member_decider,
)
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ME = MemberId("anna")
ANNA = Actor(member_id=ME, pseudonym="Anna")
BEN = Actor(member_id=MemberId("ben"))
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
ADMIN = Actor(member_id=MemberId("ad"), roles=frozenset({Role.ADMIN}))

REGISTERED = MemberRegistered(member_id=ME, pseudonym="Anna", interests=("health",), at=AT)
SUSPENDED = MemberSuspended(member_id=ME, at=AT)
EXPLAINED = SuspensionExplained(member_id=ME, reason_id="suspension/anna/1", reason="spam", at=AT)
SIGNED = StandingSigned(member_id=ME, by=MODERATOR.member_id, at=AT)
APPEAL = AppealSuspension(statement="I sell nothing.", by=ANNA, at=AT)
APPEALED = SuspensionAppealed(member_id=ME, statement="I sell nothing.", at=AT)
UPHELD = SuspensionUpheld(member_id=ME, at=AT)
GRANTED = RoleGranted(member_id=ME, role=Role.MODERATOR, at=AT)
ERASED = MemberErased(member_id=ME, at=AT)
REGISTER = RegisterMember(member_id=ME, pseudonym="Anna", interests=("health",), by=ANNA, at=AT)


def when(past: list[MemberEvent], command: MemberCommand) -> list[MemberEvent]:
    return member_decider.decide(command, member_decider.fold(past))


def signatures(by: Actor) -> list[MemberEvent]:
    """Who did it; the operator leaves no signature."""
    return [] if by is SYSTEM else [StandingSigned(member_id=ME, by=by.member_id, at=AT)]


def test_registering_a_member_again_is_refused() -> None:
    assert when([], REGISTER) == [REGISTERED]
    with refused("already-registered"):
        when([REGISTERED], REGISTER)


def test_a_member_chooses_interests() -> None:
    chosen = InterestsChosen(member_id=ME, interests=("roads",), at=AT)
    choose = ChooseInterests(interests=("roads",), by=ANNA, at=AT)
    assert when([REGISTERED], choose) == [chosen]
    assert when([REGISTERED, chosen], choose) == []


def test_members_choose_their_own_interests_only() -> None:
    with refused("forbidden"):
        when([REGISTERED], ChooseInterests(interests=(), by=MODERATOR, at=AT))


def test_a_member_turns_recommendations_off_and_on_again() -> None:
    off = RecommendationsTurnedOff(member_id=ME, at=AT)
    turned_on = RecommendationsTurnedOn(member_id=ME, at=AT)
    switch = SwitchRecommendations(on=False, by=ANNA, at=AT)
    back = replace(switch, on=True)
    assert when([REGISTERED], switch) == [off]
    assert when([REGISTERED], back) == when([REGISTERED, off], switch) == []
    assert when([REGISTERED, off], back) == [turned_on]
    assert when([REGISTERED, off, turned_on], switch) == [off]


def test_nobody_turns_off_the_recommendations_of_others() -> None:
    with refused("forbidden"):
        when([REGISTERED], SwitchRecommendations(on=False, by=MODERATOR, at=AT))


@pytest.mark.parametrize("by", [ADMIN, SYSTEM])
def test_an_admin_grants_and_revokes_roles(by: Actor) -> None:
    grant = GrantRole(role=Role.MODERATOR, by=by, at=AT)
    revoke = RevokeRole(role=Role.MODERATOR, by=by, at=AT)
    revoked = RoleRevoked(member_id=ME, role=Role.MODERATOR, at=AT)
    signed = signatures(by)
    assert when([REGISTERED], grant) == [GRANTED, *signed]
    assert when([REGISTERED, GRANTED], grant) == []
    assert when([REGISTERED, GRANTED], revoke) == [revoked, *signed]
    assert when([REGISTERED, GRANTED, revoked], revoke) == []


def test_only_admins_grant_and_revoke_roles() -> None:
    for by in (ANNA, MODERATOR):
        with refused("forbidden"):
            when([REGISTERED], GrantRole(role=Role.ADMIN, by=by, at=AT))
        with refused("forbidden"):
            when([REGISTERED, GRANTED], RevokeRole(role=Role.MODERATOR, by=by, at=AT))


@pytest.mark.parametrize("by", [MODERATOR, ADMIN])
def test_a_moderator_suspends_and_reinstates(by: Actor) -> None:
    suspend = SuspendMember(reason="spam", by=by, at=AT)
    reinstate = ReinstateMember(by=by, at=AT)
    reinstated = MemberReinstated(member_id=ME, at=AT)
    signed = signatures(by)
    assert when([REGISTERED], suspend) == [SUSPENDED, EXPLAINED, *signed]
    assert when([REGISTERED, SUSPENDED], suspend) == []
    assert when([REGISTERED, SUSPENDED], reinstate) == [reinstated, *signed]
    assert when([REGISTERED, SUSPENDED, reinstated], reinstate) == []


@pytest.mark.parametrize("by", [ANNA, BEN, SYSTEM])
def test_only_moderators_suspend_and_reinstate(by: Actor) -> None:
    with refused("forbidden"):
        when([REGISTERED], SuspendMember(reason="spite", by=by, at=AT))
    with refused("forbidden"):
        when([REGISTERED, SUSPENDED], ReinstateMember(by=by, at=AT))


def test_moderators_cannot_suspend_themselves() -> None:
    myself = Actor(member_id=ME, roles=frozenset({Role.MODERATOR}))
    with refused("not-oneself"):
        when([REGISTERED], SuspendMember(reason="tired", by=myself, at=AT))


class TestAppealingAgainstASuspension:
    PAST: ClassVar[list[MemberEvent]] = [REGISTERED, SUSPENDED, SIGNED]
    WAITS: ClassVar[list[MemberEvent]] = [*PAST, APPEALED]
    UPHOLD = UpholdSuspension(by=ADMIN, at=AT)

    def test_a_suspended_member_appeals_once_and_waits(self) -> None:
        assert when(self.PAST, APPEAL) == [APPEALED]
        assert member_decider.fold(self.WAITS).appeal_waits
        for past in (self.WAITS, [*self.WAITS, UPHELD]):
            with refused("already-appealed"):
                when(past, APPEAL)

    def test_nobody_else_appeals_and_nobody_who_is_not_suspended(self) -> None:
        with refused("forbidden"):
            when(self.PAST, replace(APPEAL, by=BEN))
        with refused("nothing-to-appeal"):
            when([REGISTERED], APPEAL)

    def test_another_moderator_turns_it_down(self) -> None:
        assert when(self.WAITS, self.UPHOLD) == [UPHELD, *signatures(ADMIN)]
        state = member_decider.fold([*self.WAITS, UPHELD])
        assert (state.suspended, state.appeal_waits) == (True, False)
        with refused("not-found"):
            when([*self.WAITS, UPHELD], self.UPHOLD)

    def test_who_suspended_them_does_not(self) -> None:
        with refused("same-moderator"):
            when(self.WAITS, replace(self.UPHOLD, by=MODERATOR))
        for by in (ANNA, BEN, SYSTEM):
            with refused("forbidden"):
                when(self.WAITS, replace(self.UPHOLD, by=by))

    def test_of_a_moderator_only_an_admin_does(self) -> None:
        other = replace(MODERATOR, member_id=MemberId("max"))
        past: list[MemberEvent] = [REGISTERED, GRANTED, SUSPENDED, SIGNED, APPEALED]
        with refused("forbidden"):
            when(past, replace(self.UPHOLD, by=other))
        assert when(past, self.UPHOLD) == [UPHELD, *signatures(ADMIN)]

    def test_who_was_reinstated_appeals_against_the_next_suspension(self) -> None:
        reinstated = MemberReinstated(member_id=ME, at=AT)
        assert when(self.WAITS, ReinstateMember(by=MODERATOR, at=AT)) == [
            reinstated,
            SIGNED,
        ]
        past = [*self.WAITS, reinstated]
        assert member_decider.fold(past) == member_decider.fold([REGISTERED])
        assert when([*past, SUSPENDED, SIGNED], APPEAL) == [APPEALED]


def test_members_can_be_erased_by_themselves_only() -> None:
    assert when([REGISTERED], EraseMember(by=ANNA, at=AT)) == [ERASED]
    with refused("forbidden"):
        when([REGISTERED], EraseMember(by=ADMIN, at=AT))


def test_an_erased_member_has_no_details_and_cannot_change() -> None:
    state = member_decider.fold([REGISTERED, GRANTED, ERASED])
    assert (state.pseudonym, state.interests, state.roles) == ("", (), frozenset())
    with refused("erased"):
        when([REGISTERED, ERASED], ChooseInterests(interests=(), by=ANNA, at=AT))


def test_suspending_an_unknown_member_is_refused() -> None:
    with refused("not-found"):
        when([], SuspendMember(reason="spam", by=MODERATOR, at=AT))


def test_moderation_hides_and_restores_a_profile_once() -> None:
    hide, restore = HideProfile(rule="spam", by=SYSTEM, at=AT), RestoreProfile(by=SYSTEM, at=AT)
    hidden = ProfileHidden(member_id=ME, rule="spam", at=AT)
    restored = ProfileRestored(member_id=ME, pseudonym="Anna", at=AT)
    assert when([REGISTERED], hide) == [hidden]
    assert when([REGISTERED, hidden], hide) == []
    assert when([REGISTERED, hidden], restore) == [restored]
    assert when([REGISTERED, hidden, restored], restore) == []


def test_only_the_system_hides_and_restores_a_profile() -> None:
    for by in (ANNA, MODERATOR, ADMIN):
        with refused("forbidden"):
            when([REGISTERED], HideProfile(rule="spam", by=by, at=AT))
        with refused("forbidden"):
            when([REGISTERED], RestoreProfile(by=by, at=AT))


def test_only_an_admin_suspends_a_moderator() -> None:
    past: list[MemberEvent] = [REGISTERED, GRANTED]
    suspend = SuspendMember(reason="spam", by=MODERATOR, at=AT)
    with refused("forbidden"):
        when(past, suspend)
    assert when(past, replace(suspend, by=ADMIN))


def test_the_reasons_for_suspensions_are_redacted_once_by_another_moderator() -> None:
    second = replace(EXPLAINED, reason_id="suspension/anna/2")
    past: list[MemberEvent] = [REGISTERED, SUSPENDED, EXPLAINED, second]
    redact = RedactSuspension(by=MODERATOR, at=AT)
    redacted: list[MemberEvent] = [
        SuspensionRedacted(member_id=ME, reason_id=each.reason_id, at=AT)
        for each in (EXPLAINED, second)
    ]
    assert when(past, redact) == [*redacted, *signatures(MODERATOR)]
    assert when([*past, *redacted], redact) == []
    with refused("forbidden"):
        when(past, replace(redact, by=BEN))
    with refused("not-oneself"):
        when(past, replace(redact, by=replace(MODERATOR, member_id=ME)))


def test_the_reason_of_each_suspension_has_its_own_id() -> None:
    past: list[MemberEvent] = [REGISTERED, SUSPENDED, EXPLAINED]
    past += [MemberReinstated(member_id=ME, at=AT)]
    suspended = when(past, SuspendMember(reason="spam", by=MODERATOR, at=AT))
    assert replace(EXPLAINED, reason_id="suspension/anna/2") in suspended


def test_an_erased_member_keeps_the_ids_of_reasons_so_that_their_keys_are_destroyed() -> None:
    state = member_decider.fold([REGISTERED, SUSPENDED, EXPLAINED, ERASED])
    assert state.reasons == (EXPLAINED.reason_id,)
