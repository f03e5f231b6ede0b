"""The discussion of a case: open while the case is public, unless moderators lock it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.actors import Actor, ContributorRole
from domain.decider import Decider, DomainError, must_be_system, must_moderate
from domain.ids import CaseId, MemberId
from domain.personal import SealedMember

WITH_CASES = "Discussions open and close with their cases."


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDiscussion:
    """``author`` reported the case; ``anonymous`` says that the case does not show who that is."""

    case_id: CaseId
    author: MemberId
    anonymous: bool
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDiscussion:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDiscussion:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockDiscussion:
    by: Actor
    at: datetime


DiscussionCommand = OpenDiscussion | CloseDiscussion | LockDiscussion | UnlockDiscussion


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionOpened:
    case_id: CaseId
    author: SealedMember
    anonymous: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionClosed:
    case_id: CaseId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionLocked:
    case_id: CaseId
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionUnlocked:
    case_id: CaseId
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


DiscussionEvent = DiscussionOpened | DiscussionClosed | DiscussionLocked | DiscussionUnlocked


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Discussion:
    """``author`` is the member who reported the case."""

    case_id: CaseId = CaseId("")
    author: MemberId = MemberId("")
    anonymous: bool = False
    open: bool = False
    locked: bool = False


def decide(command: DiscussionCommand, state: Discussion) -> list[DiscussionEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case OpenDiscussion():
            return _open(command, state)
        case CloseDiscussion():
            return _close(command, state)
        case LockDiscussion():
            return _lock(command, state)
        case UnlockDiscussion():
            return _unlock(command, state)
        case _:
            assert_never(command)


def evolve(state: Discussion, event: DiscussionEvent) -> Discussion:
    """Return the state after the event."""
    match event:
        case DiscussionOpened():
            return replace(
                state,
                case_id=event.case_id,
                author=event.author,
                anonymous=event.anonymous,
                open=True,
            )
        case DiscussionClosed():
            return replace(state, open=False)
        case DiscussionLocked():
            return replace(state, locked=True)
        case DiscussionUnlocked():
            return replace(state, locked=False)
        case _:
            assert_never(event)


discussion_decider: Decider[DiscussionCommand, Discussion, DiscussionEvent] = Decider(
    category="discussion", initial=Discussion(), decide=decide, evolve=evolve
)


def _open(command: OpenDiscussion, state: Discussion) -> list[DiscussionEvent]:
    must_be_system(command.by, WITH_CASES)
    if state.open:
        return []
    opened = DiscussionOpened(
        case_id=command.case_id,
        author=command.author,
        anonymous=command.anonymous,
        at=command.at,
    )
    return [opened]


def _close(command: CloseDiscussion, state: Discussion) -> list[DiscussionEvent]:
    must_be_system(command.by, WITH_CASES)
    return [DiscussionClosed(case_id=state.case_id, at=command.at)] if state.open else []


def _lock(command: LockDiscussion, state: Discussion) -> list[DiscussionEvent]:
    _must_moderate_this(state, command.by)
    return [] if state.locked else [DiscussionLocked(case_id=state.case_id, at=command.at)]


def _unlock(command: UnlockDiscussion, state: Discussion) -> list[DiscussionEvent]:
    _must_moderate_this(state, command.by)
    return [DiscussionUnlocked(case_id=state.case_id, at=command.at)] if state.locked else []


def _must_moderate_this(state: Discussion, by: Actor) -> None:
    """Refuse members who are no moderators, and moderators who reported the case themselves."""
    must_moderate(by)
    if not state.case_id:
        raise DomainError("not-found", "There is no such discussion.")
    if by.member_id == state.author:
        raise DomainError(
            "not-oneself", "This is the discussion of your own case; leave it to another moderator."
        )
