"""The rules of a flag."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.actors import SYSTEM, Actor, Role
from domain.decider import Informed
from domain.ids import MemberId
from domain.moderation.flag import (
    MOST_OPEN_FLAGS,
    FlagCommand,
    FlagEvent,
    FlagFacts,
    FlaggerForgotten,
    FlagRaised,
    FlagSettled,
    FlagSigned,
    ForgetFlagger,
    RaiseFlag,
    SettleFlag,
    flag_decider,
)
from domain.moderation.subject import Subject, SubjectKind
from tests.domain.informed import asking, knowing
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Actor(member_id=MemberId("anna"))
BEN = Actor(member_id=MemberId("ben"))
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
SUBJECT = Subject(kind=SubjectKind.COMMENT, subject_id="k1", author=ANNA.member_id)

RAISE = Informed(
    RaiseFlag(
        flag_id="f1",
        subject_kind=SubjectKind.COMMENT,
        subject_id="k1",
        rule="spam",
        note="Again and again.",
        by=BEN,
        at=AT,
    ),
    FlagFacts(
        subject=SUBJECT,
        is_visible=True,
        is_erased=False,
        record_id="r1",
        weight=0.25,
        open_flags=0,
    ),
)
SETTLE = SettleFlag(upheld=True, by=SYSTEM, at=AT)
RAISED = FlagRaised(
    flag_id="f1",
    subject_kind=SubjectKind.COMMENT,
    subject_id="k1",
    rule="spam",
    weight=0.25,
    at=AT,
)
SIGNED = FlagSigned(
    flag_id="f1",
    subject_kind=SubjectKind.COMMENT,
    subject_id="k1",
    by=BEN.member_id,
    record_id="r1",
    note="Again and again.",
    at=AT,
)
FORGET = ForgetFlagger(by=SYSTEM, at=AT)
FORGOTTEN = FlaggerForgotten(flag_id="f1", subject_kind=SubjectKind.COMMENT, subject_id="k1", at=AT)
SETTLED = FlagSettled(flag_id="f1", upheld=True, at=AT)


def when(past: list[FlagEvent], command: FlagCommand) -> list[FlagEvent]:
    return flag_decider.decide(command, flag_decider.fold(past))


def test_a_member_flags_a_subject_once() -> None:
    assert when([], RAISE) == [RAISED, SIGNED]
    pasts: list[list[FlagEvent]] = [[RAISED], [RAISED, SETTLED]]
    for past in pasts:
        with refused("already-flagged"):
            when(past, RAISE)


def test_a_flag_names_a_known_rule() -> None:
    with refused("unknown-rule"):
        when([], asking(RAISE, rule="dislike"))


@pytest.mark.parametrize("subject", [Subject(), replace(SUBJECT, hidden=True)])
def test_flagging_a_missing_or_hidden_subject_is_refused(subject: Subject) -> None:
    with refused("not-found"):
        when([], knowing(RAISE, subject=subject))
    with refused("not-found"):
        when([], knowing(RAISE, is_visible=False))


def test_a_moderator_can_flag_a_hidden_subject() -> None:
    command = knowing(asking(RAISE, by=MODERATOR), subject=replace(SUBJECT, hidden=True))
    assert when([], command) == [RAISED, replace(SIGNED, by=MODERATOR.member_id)]


def test_flagging_does_not_reveal_that_an_unseen_subject_was_erased() -> None:
    erased = knowing(RAISE, is_erased=True)
    with refused("erased"):
        when([], erased)
    hidden = replace(SUBJECT, hidden=True)
    for unseen in (knowing(erased, is_visible=False), knowing(erased, subject=hidden)):
        with refused("not-found"):
            when([], unseen)


@pytest.mark.parametrize("hidden", [False, True])
def test_members_cannot_flag_their_own_contributions(hidden: bool) -> None:
    subject = replace(SUBJECT, hidden=hidden)
    with refused("own-subject"):
        when([], knowing(asking(RAISE, by=ANNA), subject=subject, is_visible=False))


def test_the_open_flags_of_a_member_are_limited() -> None:
    assert when([], knowing(RAISE, open_flags=MOST_OPEN_FLAGS - 1)) == [RAISED, SIGNED]
    with refused("too-many-flags"):
        when([], knowing(RAISE, open_flags=MOST_OPEN_FLAGS))


def test_a_flag_is_settled_once() -> None:
    assert when([RAISED, SIGNED], SETTLE) == [SETTLED]
    assert when([RAISED, SETTLED], SETTLE) == []
    assert when([], SETTLE) == []


def test_the_flagger_is_forgotten_once_whether_the_flag_is_open_or_settled() -> None:
    assert when([RAISED, SIGNED], FORGET) == [FORGOTTEN]
    assert when([RAISED, SIGNED, FORGOTTEN], FORGET) == []
    assert when([RAISED, SIGNED, SETTLED], FORGET) == [FORGOTTEN]
    assert when([RAISED, SIGNED, SETTLED, FORGOTTEN], FORGET) == []
    assert when([], FORGET) == []
    assert when([RAISED, SIGNED, FORGOTTEN], SETTLE) == [SETTLED]
    assert flag_decider.fold([RAISED, SIGNED, FORGOTTEN]).record_id == ""


def test_only_the_system_settles_flags_and_forgets_members() -> None:
    for command in (replace(SETTLE, by=MODERATOR), replace(FORGET, by=MODERATOR)):
        with refused("forbidden"):
            when([RAISED, SIGNED], command)


def test_a_settled_flag_still_knows_the_record_that_counts_it() -> None:
    state = flag_decider.fold([RAISED, SIGNED, SETTLED])
    assert (state.record_id, state.rule, state.settled) == ("r1", "spam", True)
