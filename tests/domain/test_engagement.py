"""The rules of supporting, following and sharing a case."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.actors import Actor
from domain.cases.engagement import (
    CaseFollowed,
    CaseShared,
    CaseSupported,
    CaseUnfollowed,
    EngagementCommand,
    EngagementDeed,
    EngagementEvent,
    EngagementFacts,
    EngagementSigned,
    FollowCase,
    ShareCase,
    ShareNetwork,
    SupportCase,
    SupportWithdrawn,
    UnfollowCase,
    WithdrawSupport,
    engagement_decider,
)
from domain.decider import Informed
from domain.ids import CaseId, MemberId
from tests.domain.informed import knowing
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
LATER = AT + timedelta(days=1)
BEN = Actor(member_id=MemberId("ben"))
CASE = CaseId("c1")
FACTS = EngagementFacts(author=MemberId("anna"))
SUPPORT = Informed(SupportCase(case_id=CASE, by=BEN, at=AT), FACTS)
WITHDRAW = WithdrawSupport(by=BEN, at=LATER)
FOLLOW = FollowCase(case_id=CASE, by=BEN, at=AT)
SHARE = ShareCase(case_id=CASE, network=ShareNetwork.WHATSAPP, by=BEN, at=AT)
MAIL = ShareCase(case_id=CASE, network=ShareNetwork.EMAIL, by=BEN, at=LATER)
UNFOLLOW = UnfollowCase(by=BEN, at=LATER)


def after(*commands: EngagementCommand) -> list[EngagementEvent]:
    past: list[EngagementEvent] = []
    for command in commands:
        past += engagement_decider.decide(command, engagement_decider.fold(past))
    return past


def facts(*commands: EngagementCommand) -> list[EngagementEvent]:
    """What happened, without the signatures."""
    return [event for event in after(*commands) if not isinstance(event, EngagementSigned)]


def test_what_a_member_did_is_signed_beside_it() -> None:
    done = after(SUPPORT, FOLLOW, SHARE, WITHDRAW, UNFOLLOW)
    assert done[1::2] == [
        EngagementSigned(case_id=CASE, by=BEN.member_id, deed=deed, at=at)
        for deed, at in (
            (EngagementDeed.SUPPORTED, AT),
            (EngagementDeed.FOLLOWED, AT),
            (EngagementDeed.SHARED, AT),
            (EngagementDeed.WITHDREW, LATER),
            (EngagementDeed.UNFOLLOWED, LATER),
        )
    ]


def test_a_member_supports_a_case_once_and_can_withdraw_the_support() -> None:
    supported = CaseSupported(case_id=CASE, at=AT)
    withdrawn = SupportWithdrawn(case_id=CASE, supported_at=AT, at=LATER)
    assert facts(SUPPORT, SUPPORT) == [supported]
    assert facts(SUPPORT, WITHDRAW, WITHDRAW) == [supported, withdrawn]
    assert after(WITHDRAW) == []


def test_the_author_cannot_support_their_own_case() -> None:
    with refused("own-case"):
        after(knowing(SUPPORT, author=BEN.member_id))


def test_a_member_follows_a_case_once_and_can_unfollow_it() -> None:
    followed = CaseFollowed(case_id=CASE, at=AT)
    unfollowed = CaseUnfollowed(case_id=CASE, at=LATER)
    assert facts(FOLLOW, FOLLOW) == [followed]
    assert facts(FOLLOW, UNFOLLOW, UNFOLLOW) == [followed, unfollowed]
    assert after(UNFOLLOW) == []


def test_a_member_shares_a_case_once_for_each_network() -> None:
    shared, mailed = (
        CaseShared(case_id=CASE, network=command.network, at=command.at)
        for command in (SHARE, MAIL)
    )
    assert facts(SHARE, SHARE, MAIL, SHARE) == [shared, mailed]


@given(st.lists(st.sampled_from([SUPPORT, WITHDRAW, FOLLOW, UNFOLLOW, SHARE, MAIL]), max_size=20))
def test_in_any_order_a_member_supports_follows_and_shares_a_case_at_most_once(
    commands: list[EngagementCommand],
) -> None:
    counts = Counter(type(event) for event in after(*commands))
    assert counts[CaseSupported] - counts[SupportWithdrawn] in (0, 1)
    assert counts[CaseFollowed] - counts[CaseUnfollowed] in (0, 1)
    assert counts[CaseShared] == len({SHARE, MAIL} & set(commands))
