"""The engagement of one member with one case: support ("me too"), following, shares."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from domain.actors import Actor
from domain.decider import Decider, DomainError, Informed
from domain.ids import CaseId, MemberId
from domain.personal import SealedMember


class ShareNetwork(StrEnum):
    """The network on which a member shared a case."""

    FACEBOOK = "facebook"
    X = "x"
    WHATSAPP = "whatsapp"
    TELEGRAM = "telegram"
    MASTODON = "mastodon"
    BLUESKY = "bluesky"
    LINKEDIN = "linkedin"
    EMAIL = "email"
    LINK = "link"
    OTHER = "other"


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportCase:
    case_id: CaseId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawSupport:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowCase:
    case_id: CaseId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfollowCase:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCase:
    case_id: CaseId
    network: ShareNetwork
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementFacts:
    """``author`` is the member who reported the case."""

    author: MemberId


EngagementCommand = (
    Informed[SupportCase, EngagementFacts] | WithdrawSupport | FollowCase | UnfollowCase | ShareCase
)


# Events. Who did it is in an event of its own in the same commit, sealed with their key. So counts
# stay as they are when the member is erased, and nobody can tell any more whose they were.


class EngagementDeed(StrEnum):
    """What a member did."""

    SUPPORTED = "supported"
    WITHDREW = "withdrew"
    FOLLOWED = "followed"
    UNFOLLOWED = "unfollowed"
    SHARED = "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSupported:
    case_id: CaseId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportWithdrawn:
    """``supported_at`` lets a ranking subtract exactly what the support had added."""

    case_id: CaseId
    supported_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFollowed:
    case_id: CaseId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUnfollowed:
    case_id: CaseId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseShared:
    case_id: CaseId
    network: ShareNetwork
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementSigned:
    """``by`` is the member who did it, or the alias of the author of an anonymous case."""

    case_id: CaseId
    by: SealedMember
    deed: EngagementDeed
    at: datetime


EngagementFact = CaseSupported | SupportWithdrawn | CaseFollowed | CaseUnfollowed | CaseShared
EngagementEvent = EngagementFact | EngagementSigned


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    case_id: CaseId = CaseId("")
    supported_at: datetime | None = None
    follows: bool = False
    shared_on: frozenset[ShareNetwork] = frozenset()


def decide(command: EngagementCommand, state: Engagement) -> list[EngagementEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case Informed(asked, facts):
            return _support(asked, state, facts)
        case WithdrawSupport():
            return _withdraw_support(command, state)
        case FollowCase():
            return _follow(command, state)
        case UnfollowCase():
            return _unfollow(command, state)
        case ShareCase():
            return _share(command, state)
        case _:
            assert_never(command)


def evolve(state: Engagement, event: EngagementEvent) -> Engagement:
    """Return the state after the event."""
    match event:
        case CaseSupported():
            return replace(state, case_id=event.case_id, supported_at=event.at)
        case SupportWithdrawn():
            return replace(state, supported_at=None)
        case CaseFollowed():
            return replace(state, case_id=event.case_id, follows=True)
        case CaseUnfollowed():
            return replace(state, follows=False)
        case CaseShared():
            shared_on = state.shared_on | {event.network}
            return replace(state, case_id=event.case_id, shared_on=shared_on)
        case EngagementSigned():
            return state
        case _:
            assert_never(event)


engagement_decider: Decider[EngagementCommand, Engagement, EngagementEvent] = Decider(
    category="engagement", initial=Engagement(), decide=decide, evolve=evolve
)


def _signed(event: EngagementFact, by: Actor, deed: EngagementDeed) -> list[EngagementEvent]:
    signature = EngagementSigned(case_id=event.case_id, by=by.member_id, deed=deed, at=event.at)
    return [event, signature]


def _support(
    command: SupportCase, state: Engagement, facts: EngagementFacts
) -> list[EngagementEvent]:
    if command.by.member_id == facts.author:
        raise DomainError("own-case", "You cannot support your own case; share it instead.")
    if state.supported_at:
        return []
    supported = CaseSupported(case_id=command.case_id, at=command.at)
    return _signed(supported, command.by, EngagementDeed.SUPPORTED)


def _withdraw_support(command: WithdrawSupport, state: Engagement) -> list[EngagementEvent]:
    if not state.supported_at:
        return []
    withdrawn = SupportWithdrawn(
        case_id=state.case_id, supported_at=state.supported_at, at=command.at
    )
    return _signed(withdrawn, command.by, EngagementDeed.WITHDREW)


def _follow(command: FollowCase, state: Engagement) -> list[EngagementEvent]:
    if state.follows:
        return []
    followed = CaseFollowed(case_id=command.case_id, at=command.at)
    return _signed(followed, command.by, EngagementDeed.FOLLOWED)


def _unfollow(command: UnfollowCase, state: Engagement) -> list[EngagementEvent]:
    if not state.follows:
        return []
    unfollowed = CaseUnfollowed(case_id=state.case_id, at=command.at)
    return _signed(unfollowed, command.by, EngagementDeed.UNFOLLOWED)


def _share(command: ShareCase, state: Engagement) -> list[EngagementEvent]:
    if command.network in state.shared_on:
        return []
    shared = CaseShared(case_id=command.case_id, network=command.network, at=command.at)
    return _signed(shared, command.by, EngagementDeed.SHARED)
