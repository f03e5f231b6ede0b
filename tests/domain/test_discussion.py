"""The rules of a discussion."""

from dataclasses import replace
from datetime import UTC, datetime

from domain.actors import SYSTEM, Actor, Role
from domain.discussions.discussion import (
    CloseDiscussion,
    Discussion,
    DiscussionClosed,
    DiscussionCommand,
    DiscussionEvent,
    DiscussionLocked,
    DiscussionOpened,
    DiscussionUnlocked,
    LockDiscussion,
    OpenDiscussion,
    UnlockDiscussion,
    discussion_decider,
)
from domain.ids import CaseId, MemberId
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
BEN = Actor(member_id=MemberId("ben"))
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
CASE = CaseId("c1")
ANNA = MemberId("anna")
OPEN = OpenDiscussion(case_id=CASE, author=ANNA, anonymous=True, by=SYSTEM, at=AT)
CLOSE = CloseDiscussion(by=SYSTEM, at=AT)
LOCK, UNLOCK = LockDiscussion(by=MODERATOR, at=AT), UnlockDiscussion(by=MODERATOR, at=AT)
OPENED = DiscussionOpened(case_id=CASE, author=ANNA, anonymous=True, at=AT)
CLOSED = DiscussionClosed(case_id=CASE, at=AT)
LOCKED, UNLOCKED = DiscussionLocked(case_id=CASE, at=AT), DiscussionUnlocked(case_id=CASE, at=AT)


def when(past: list[DiscussionEvent], command: DiscussionCommand) -> list[DiscussionEvent]:
    return discussion_decider.decide(command, discussion_decider.fold(past))


def test_a_discussion_opens_and_closes_with_its_case() -> None:
    assert when([], OPEN) == [OPENED]
    assert when([OPENED], OPEN) == []
    assert when([OPENED], CLOSE) == [CLOSED]
    assert when([OPENED, CLOSED], CLOSE) == []
    assert when([OPENED, CLOSED], OPEN) == [OPENED]


def test_only_the_system_opens_and_closes_a_discussion() -> None:
    for by in (BEN, MODERATOR):
        with refused("forbidden"):
            when([], replace(OPEN, by=by))
        with refused("forbidden"):
            when([OPENED], replace(CLOSE, by=by))


def test_a_moderator_locks_and_unlocks_a_discussion() -> None:
    assert when([OPENED], LOCK) == [LOCKED]
    assert when([OPENED, LOCKED], LOCK) == []
    assert when([OPENED, LOCKED], UNLOCK) == [UNLOCKED]
    assert when([OPENED, LOCKED, UNLOCKED], UNLOCK) == []


def test_only_moderators_lock_and_unlock_a_discussion() -> None:
    for by in (BEN, SYSTEM):
        with refused("forbidden"):
            when([OPENED], replace(LOCK, by=by))
        with refused("forbidden"):
            when([OPENED, LOCKED], replace(UNLOCK, by=by))


def test_moderators_do_not_lock_the_discussion_of_their_own_case() -> None:
    author = replace(MODERATOR, member_id=ANNA)
    with refused("not-oneself"):
        when([OPENED], replace(LOCK, by=author))
    with refused("not-oneself"):
        when([OPENED, LOCKED], replace(UNLOCK, by=author))


def test_locking_a_missing_discussion_is_refused() -> None:
    for command in (LOCK, UNLOCK):
        with refused("not-found"):
            when([], command)


def test_a_locked_discussion_stays_locked_when_it_is_closed_and_opened_again() -> None:
    past: list[DiscussionEvent] = [OPENED, LOCKED, CLOSED, OPENED]
    assert discussion_decider.fold(past) == Discussion(
        case_id=CASE, author=ANNA, anonymous=True, open=True, locked=True
    )
