"""The rules of a comment."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actors import SYSTEM, Actor, ContributorRole, Role
from domain.decider import DomainError, Informed
from domain.discussions.comment import (
    Comment,
    CommentCommand,
    CommentConcealed,
    CommentConcealedReason,
    CommentEdited,
    CommentErased,
    CommentEvent,
    CommentFacts,
    CommentHidden,
    CommentRemoved,
    CommentRestored,
    CommentShown,
    CommentWritten,
    EditComment,
    EraseComment,
    HideComment,
    RemoveComment,
    RestoreComment,
    WriteComment,
    comment_decider,
)
from domain.discussions.discussion import Discussion
from domain.ids import CaseId, CommentId, MemberId
from tests.domain.informed import asking, knowing
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Actor(member_id=MemberId("anna"), pseudonym="Anna")
BEN = Actor(member_id=MemberId("ben"), pseudonym="Ben")
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
CASE, K1, K2 = CaseId("c1"), CommentId("k1"), CommentId("k2")
OPEN = Discussion(case_id=CASE, open=True)
LOCKED = replace(OPEN, locked=True)
CLOSED = replace(OPEN, open=False)
PARENT = Comment(comment_id=K2, case_id=CASE, author=BEN.member_id, text="Where?")

FACTS = CommentFacts(discussion=OPEN)
WRITE = Informed(
    WriteComment(comment_id=K1, case_id=CASE, text="I saw it too.", by=ANNA, at=AT), FACTS
)
EDIT = Informed(EditComment(text="I saw it, too.", by=ANNA, at=AT), FACTS)
REMOVE = RemoveComment(by=ANNA, at=AT)
HIDE = HideComment(rule="hatred", by=SYSTEM, at=AT)
RESTORE = RestoreComment(by=SYSTEM, at=AT)
ERASE = EraseComment(by=SYSTEM, at=AT)

WRITTEN = CommentWritten(
    comment_id=K1,
    case_id=CASE,
    author=ANNA.member_id,
    author_name="Anna",
    text="I saw it too.",
    at=AT,
)
EDITED = CommentEdited(comment_id=K1, author=ANNA.member_id, text="I saw it, too.", at=AT)
REMOVED = CommentRemoved(comment_id=K1, case_id=CASE, at=AT)
HIDDEN = CommentHidden(
    comment_id=K1, case_id=CASE, rule="hatred", role=ContributorRole.MODERATOR, at=AT
)
RESTORED = CommentRestored(comment_id=K1, case_id=CASE, at=AT)
ERASED = CommentErased(comment_id=K1, case_id=CASE, parent_id=CommentId(""), written_at=AT, at=AT)
SHOWN = CommentShown(comment_id=K1, case_id=CASE, at=AT)
CONCEALED = CommentConcealed(
    comment_id=K1, case_id=CASE, reason=CommentConcealedReason.HIDDEN, at=AT
)


def concealed(reason: CommentConcealedReason) -> CommentConcealed:
    return replace(CONCEALED, reason=reason)


def when(past: list[CommentEvent], command: CommentCommand) -> list[CommentEvent]:
    return comment_decider.decide(command, comment_decider.fold(past))


def test_writing_a_comment_again_is_refused() -> None:
    assert when([], WRITE) == [WRITTEN, SHOWN]
    with refused("already-written"):
        when([WRITTEN], WRITE)


def test_writing_and_editing_need_an_open_discussion() -> None:
    for discussion in (Discussion(), CLOSED):
        with refused("not-found"):
            when([], knowing(WRITE, discussion=discussion))
        with refused("not-found"):
            when([WRITTEN], knowing(EDIT, discussion=discussion))


def test_writing_and_editing_in_a_locked_discussion_are_refused() -> None:
    with refused("locked"):
        when([], knowing(WRITE, discussion=LOCKED))
    with refused("locked"):
        when([WRITTEN], knowing(EDIT, discussion=LOCKED))


def test_a_visible_comment_can_be_replied_to() -> None:
    reply = knowing(asking(WRITE, parent_id=K2), parent=PARENT)
    assert when([], reply) == [replace(WRITTEN, parent_id=K2), SHOWN]


@pytest.mark.parametrize(
    "parent",
    [
        None,
        Comment(),
        replace(PARENT, case_id=CaseId("c2")),
        replace(PARENT, hidden=True),
        replace(PARENT, removed=True),
        replace(PARENT, erased=True),
    ],
)
def test_replying_to_a_missing_or_concealed_comment_is_refused(parent: Comment | None) -> None:
    with refused("not-found"):
        when([], knowing(asking(WRITE, parent_id=K2), parent=parent))


def test_only_the_author_edits_a_comment() -> None:
    assert when([WRITTEN], EDIT) == [EDITED]
    assert when([WRITTEN, EDITED], EDIT) == []
    assert comment_decider.fold([WRITTEN, EDITED]).text == EDITED.text
    for other in (BEN, MODERATOR):
        with refused("forbidden"):
            when([WRITTEN], asking(EDIT, by=other))


def test_the_author_removes_a_comment_once() -> None:
    assert when([WRITTEN], REMOVE) == [REMOVED, concealed(CommentConcealedReason.REMOVED)]
    assert when([WRITTEN, REMOVED], REMOVE) == []
    assert comment_decider.fold([WRITTEN, REMOVED]).text == ""


def test_only_the_author_removes_a_comment() -> None:
    pasts: list[list[CommentEvent]] = [[WRITTEN], [WRITTEN, HIDDEN]]
    for past in pasts:
        with refused("forbidden"):
            when(past, replace(REMOVE, by=MODERATOR))
    with refused("forbidden"):
        when([WRITTEN], replace(REMOVE, by=BEN))
    with refused("not-found"):
        when([WRITTEN, REMOVED], replace(REMOVE, by=MODERATOR))


def test_removing_a_hidden_comment_does_not_conceal_it_again() -> None:
    assert when([WRITTEN, HIDDEN], REMOVE) == [REMOVED]


def test_moderation_hides_and_restores_a_comment_once() -> None:
    assert when([WRITTEN], HIDE) == [HIDDEN, CONCEALED]
    assert when([WRITTEN, HIDDEN], HIDE) == []
    assert when([WRITTEN, HIDDEN], RESTORE) == [RESTORED, SHOWN]
    assert when([WRITTEN, HIDDEN, RESTORED], RESTORE) == []


@pytest.mark.parametrize("command", [HIDE, RESTORE])
def test_moderating_a_missing_removed_or_erased_comment_emits_nothing(
    command: CommentCommand,
) -> None:
    assert when([], command) == []
    assert when([WRITTEN, REMOVED], command) == []
    assert when([WRITTEN, HIDDEN, REMOVED], command) == []
    assert when([WRITTEN, HIDDEN, ERASED], command) == []


def test_only_the_system_hides_restores_and_erases() -> None:
    for command in (HIDE, RESTORE, ERASE):
        with refused("forbidden"):
            when([WRITTEN], replace(command, by=MODERATOR))


def test_a_hidden_comment_is_visible_to_its_author_and_moderators_only() -> None:
    past: list[CommentEvent] = [WRITTEN, HIDDEN]
    assert when(past, EDIT) == [EDITED]
    with refused("forbidden"):
        when(past, replace(REMOVE, by=MODERATOR))
    for command in (asking(EDIT, by=BEN), replace(REMOVE, by=BEN)):
        with refused("not-found"):
            when(past, command)


def test_editing_or_removing_a_missing_comment_is_refused() -> None:
    for command in (EDIT, REMOVE):
        with refused("not-found"):
            when([], command)


def test_a_comment_is_erased_once_and_its_place_is_kept() -> None:
    assert when([WRITTEN], ERASE) == [ERASED, concealed(CommentConcealedReason.ERASED)]
    assert when([WRITTEN, HIDDEN], ERASE) == [ERASED]
    assert when([WRITTEN, REMOVED], ERASE) == [ERASED]
    assert when([WRITTEN, ERASED], ERASE) == []
    assert when([], ERASE) == []
    assert comment_decider.fold([WRITTEN, ERASED]).text == ""


def test_changing_an_erased_comment_is_refused() -> None:
    for command in (EDIT, REMOVE, replace(REMOVE, by=MODERATOR)):
        with refused("erased"):
            when([WRITTEN, ERASED], command)


def test_a_destroyed_key_does_not_change_decisions() -> None:
    unreadable = replace(WRITTEN, author_name="", text="")
    assert when([unreadable], HIDE) == [HIDDEN, CONCEALED]
    assert comment_decider.fold([unreadable]).author == ANNA.member_id


COMMANDS: list[CommentCommand] = [
    *(WRITE, EDIT, REMOVE, replace(REMOVE, by=MODERATOR)),
    *(HIDE, RESTORE, ERASE),
]


@given(st.lists(st.sampled_from(COMMANDS), max_size=12))
def test_shown_and_concealed_events_alternate_and_agree_with_the_state(
    commands: list[CommentCommand],
) -> None:
    past: list[CommentEvent] = []
    for command in commands:
        past += attempt(past, command)
    told = [event for event in past if isinstance(event, CommentShown | CommentConcealed)]
    alternate = [CommentShown, CommentConcealed] * len(told)
    assert [type(event) for event in told] == alternate[: len(told)]
    shown = bool(told) and isinstance(told[-1], CommentShown)
    assert comment_decider.fold(past).is_shown == shown


def attempt(past: list[CommentEvent], command: CommentCommand) -> list[CommentEvent]:
    try:
        return when(past, command)
    except DomainError:
        return []
