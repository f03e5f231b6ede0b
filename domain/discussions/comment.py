"""A comment: what one member says about a case, or replies to another comment."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, assert_never

from domain.actors import Actor
from domain.constraints import Length
from domain.decider import Decider, DomainError, must_be_system
from domain.discussions.discussion import Discussion
from domain.ids import CaseId, CommentId, MemberId
from domain.personal import PersonalText, SealedMember

CommentText = Annotated[str, Length(1, 5000)]


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteComment:
    """``discussion`` and ``parent`` are what stands when the comment is written."""

    comment_id: CommentId
    case_id: CaseId
    text: CommentText
    parent_id: CommentId = CommentId("")
    discussion: Discussion
    parent: "Comment | None" = None
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EditComment:
    text: CommentText
    discussion: Discussion
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveComment:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideComment:
    rule: str
    role: str = "moderator"
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreComment:
    by: Actor
    at: datetime


CommentCommand = WriteComment | EditComment | RemoveComment | HideComment | RestoreComment


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentWritten:
    """``by_reporter`` tells that whoever reported the case speaks; anonymously, where that was."""

    comment_id: CommentId
    case_id: CaseId
    parent_id: CommentId = CommentId("")
    author: SealedMember
    author_name: PersonalText
    text: PersonalText
    by_reporter: bool = False
    anonymous: bool = False
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentEdited:
    comment_id: CommentId
    author: SealedMember
    text: PersonalText
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRemoved:
    """``hidden`` tells whether it was out of sight already, for those who count."""

    comment_id: CommentId
    case_id: CaseId
    hidden: bool = False
    role: str = "author"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentHidden:
    comment_id: CommentId
    case_id: CaseId
    rule: str
    role: str = "system"
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRestored:
    comment_id: CommentId
    case_id: CaseId
    role: str = "system"
    at: datetime


CommentEvent = CommentWritten | CommentEdited | CommentRemoved | CommentHidden | CommentRestored


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """``author`` is empty once that member was erased."""

    comment_id: CommentId = CommentId("")
    case_id: CaseId = CaseId("")
    author: MemberId = MemberId("")
    text: str = ""
    hidden: bool = False
    removed: bool = False


def decide(command: CommentCommand, state: Comment) -> list[CommentEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case WriteComment():
            return _write(command, state)
        case EditComment():
            return _edit(command, state)
        case RemoveComment():
            return _remove(command, state)
        case HideComment():
            return _hide(command, state)
        case RestoreComment():
            return _restore(command, state)
        case _:
            assert_never(command)


def evolve(state: Comment, event: CommentEvent) -> Comment:
    match event:
        case CommentWritten():
            return Comment(
                comment_id=event.comment_id,
                case_id=event.case_id,
                author=event.author,
                text=event.text,
            )
        case CommentEdited():
            return replace(state, text=event.text)
        case CommentRemoved():
            return replace(state, text="", removed=True)
        case CommentHidden():
            return replace(state, hidden=True)
        case CommentRestored():
            return replace(state, hidden=False)
        case _:
            assert_never(event)


comment_decider: Decider[CommentCommand, Comment, CommentEvent] = Decider(
    category="comment", initial=Comment(), decide=decide, evolve=evolve
)


def _write(command: WriteComment, state: Comment) -> list[CommentEvent]:
    if state.comment_id:
        raise DomainError("already-written", "A comment with this id has been written already.")
    _must_be_open(command.discussion)
    if command.parent_id and not _can_be_answered(command.parent, command.case_id):
        raise DomainError("not-found", "There is no such comment to reply to in this discussion.")
    by_reporter = command.by.member_id == command.discussion.author
    anonymous = by_reporter and command.discussion.anonymous
    written = CommentWritten(
        comment_id=command.comment_id,
        case_id=command.case_id,
        parent_id=command.parent_id,
        author=command.by.member_id,
        author_name="" if anonymous else command.by.pseudonym,
        text=command.text,
        by_reporter=by_reporter,
        anonymous=anonymous,
        at=command.at,
    )
    return [written]


def _edit(command: EditComment, state: Comment) -> list[CommentEvent]:
    _must_be_there(state, command.by)
    _must_be_author(state, command.by)
    _must_be_open(command.discussion)
    if command.text == state.text:
        return []
    edited = CommentEdited(
        comment_id=state.comment_id, author=state.author, text=command.text, at=command.at
    )
    return [edited]


def _remove(command: RemoveComment, state: Comment) -> list[CommentEvent]:
    if state.removed and command.by.member_id == state.author:
        return []
    _must_be_there(state, command.by)
    _must_be_author(state, command.by)
    removed = CommentRemoved(
        comment_id=state.comment_id,
        case_id=state.case_id,
        hidden=state.hidden,
        at=command.at,
    )
    return [removed]


def _hide(command: HideComment, state: Comment) -> list[CommentEvent]:
    must_be_system(command.by, "Only moderation hides and restores.")
    if state.hidden or state.removed or not state.comment_id:
        return []
    hidden = CommentHidden(
        comment_id=state.comment_id,
        case_id=state.case_id,
        rule=command.rule,
        role=command.role,
        at=command.at,
    )
    return [hidden]


def _restore(command: RestoreComment, state: Comment) -> list[CommentEvent]:
    must_be_system(command.by, "Only moderation hides and restores.")
    if not state.hidden or state.removed:
        return []
    return [CommentRestored(comment_id=state.comment_id, case_id=state.case_id, at=command.at)]


def _must_be_author(state: Comment, by: Actor) -> None:
    if by.member_id != state.author:
        raise DomainError("forbidden", "Only the author may do this; moderators decide on it.")


def _must_be_open(discussion: Discussion) -> None:
    if not discussion.open:
        raise DomainError("not-found", "There is no public case to discuss.")
    if discussion.locked:
        raise DomainError("locked", "Moderators locked this discussion.")


def _can_be_answered(parent: Comment | None, case_id: CaseId) -> bool:
    return (
        parent is not None and parent.case_id == case_id and not (parent.hidden or parent.removed)
    )


def _must_be_there(state: Comment, by: Actor) -> None:
    """A comment that somebody may not see does not exist for them."""
    if state.comment_id and not state.author:
        raise DomainError("erased", "Who wrote this comment was erased.")
    sees_hidden = by.moderates or by.member_id == state.author
    if not state.comment_id or state.removed or (state.hidden and not sees_hidden):
        raise DomainError("not-found", "There is no such comment.")
