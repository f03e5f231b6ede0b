"""A comment: what one member says about a case, or replies to another comment."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, assert_never

from domain.actors import Actor, ContributorRole
from domain.constraints import Length
from domain.decider import Decider, DomainError, Informed, must_be_system, with_publication
from domain.discussions.discussion import Discussion
from domain.ids import CaseId, CommentId, MemberId
from domain.personal import PersonalText, SealedMember

CommentText = Annotated[str, Length(1, 5000)]


class CommentConcealedReason(StrEnum):
    """Why a comment is no longer visible to everybody."""

    HIDDEN = "hidden"
    REMOVED = "removed"
    ERASED = "erased"


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteComment:
    comment_id: CommentId
    case_id: CaseId
    text: CommentText
    parent_id: CommentId = CommentId("")
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EditComment:
    text: CommentText
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveComment:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideComment:
    rule: str
    role: ContributorRole = ContributorRole.MODERATOR
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreComment:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseComment:
    """The author has erased their account."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentFacts:
    """``discussion`` is the discussion of the case, ``parent`` the comment to reply to, if any."""

    discussion: Discussion
    parent: "Comment | None" = None


CommentCommand = (
    Informed[WriteComment | EditComment, CommentFacts]
    | RemoveComment
    | HideComment
    | RestoreComment
    | EraseComment
)


# Events. Only CommentShown and CommentConcealed say whether everybody can read a comment.


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentWritten:
    """``by_reporter`` says that the author of the case wrote it, ``anonymous`` that the case is
    anonymous, so that the comment must not show who that is."""

    comment_id: CommentId
    case_id: CaseId
    parent_id: CommentId = CommentId("")
    author: SealedMember
    author_name: PersonalText
    text: PersonalText
    by_reporter: bool = False
    anonymous: bool = False
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentEdited:
    comment_id: CommentId
    author: SealedMember
    text: PersonalText
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRemoved:
    comment_id: CommentId
    case_id: CaseId
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentHidden:
    comment_id: CommentId
    case_id: CaseId
    rule: str
    role: ContributorRole
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRestored:
    comment_id: CommentId
    case_id: CaseId
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentErased:
    """The author was erased. Only the position of the comment in the discussion remains."""

    comment_id: CommentId
    case_id: CaseId
    parent_id: CommentId
    written_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentShown:
    comment_id: CommentId
    case_id: CaseId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentConcealed:
    comment_id: CommentId
    case_id: CaseId
    reason: CommentConcealedReason
    at: datetime


CommentEvent = (
    CommentWritten
    | CommentEdited
    | CommentRemoved
    | CommentHidden
    | CommentRestored
    | CommentErased
    | CommentShown
    | CommentConcealed
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    comment_id: CommentId = CommentId("")
    case_id: CaseId = CaseId("")
    parent_id: CommentId = CommentId("")
    author: MemberId = MemberId("")
    text: str = ""
    written_at: datetime | None = None
    hidden: bool = False
    removed: bool = False
    erased: bool = False

    @property
    def concealed_reason(self) -> CommentConcealedReason | None:
        """Why the comment is not visible to everybody, or None if it is."""
        if self.erased:
            return CommentConcealedReason.ERASED
        if self.removed:
            return CommentConcealedReason.REMOVED
        return CommentConcealedReason.HIDDEN if self.hidden else None

    @property
    def is_shown(self) -> bool:
        """Whether everybody can read it while its discussion is open."""
        return bool(self.comment_id) and not self.concealed_reason


def _decide(command: CommentCommand, state: Comment) -> list[CommentEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case Informed(asked, facts):
            return _decide_with_facts(asked, state, facts)
        case RemoveComment():
            return _remove(command, state)
        case HideComment():
            return _hide(command, state)
        case RestoreComment():
            return _restore(command, state)
        case EraseComment():
            return _erase(command, state)
        case _:
            assert_never(command)


def _decide_with_facts(
    command: WriteComment | EditComment, state: Comment, facts: CommentFacts
) -> list[CommentEvent]:
    match command:
        case WriteComment():
            return _write(command, state, facts)
        case EditComment():
            return _edit(command, state, facts)
        case _:
            assert_never(command)


def evolve(state: Comment, event: CommentEvent) -> Comment:
    """Return the state after the event."""
    match event:
        case CommentWritten():
            return Comment(
                comment_id=event.comment_id,
                case_id=event.case_id,
                parent_id=event.parent_id,
                author=event.author,
                text=event.text,
                written_at=event.at,
            )
        case CommentEdited():
            return replace(state, text=event.text)
        case CommentRemoved():
            return replace(state, text="", removed=True)
        case CommentHidden():
            return replace(state, hidden=True)
        case CommentRestored():
            return replace(state, hidden=False)
        case CommentErased():
            return replace(state, text="", erased=True)
        case CommentShown() | CommentConcealed():
            return state
        case _:
            assert_never(event)


def publication(
    before: Comment, after: Comment, at: datetime
) -> list[CommentShown | CommentConcealed]:
    """Return the event that says that everybody can read the comment from now on, or no longer."""
    if after.is_shown == before.is_shown:
        return []
    comment_id, case_id, reason = after.comment_id, after.case_id, after.concealed_reason
    if reason:
        return [CommentConcealed(comment_id=comment_id, case_id=case_id, reason=reason, at=at)]
    return [CommentShown(comment_id=comment_id, case_id=case_id, at=at)]


decide = with_publication(_decide, evolve, publication)

comment_decider: Decider[CommentCommand, Comment, CommentEvent] = Decider(
    category="comment", initial=Comment(), decide=decide, evolve=evolve
)


def _write(command: WriteComment, state: Comment, facts: CommentFacts) -> list[CommentEvent]:
    if state.comment_id:
        raise DomainError(
            "already-written", "A comment with this id exists already; use another id."
        )
    _must_be_open(facts.discussion)
    if command.parent_id and not _can_be_replied_to(facts.parent, command.case_id):
        raise DomainError("not-found", "This discussion has no such comment to reply to.")
    by_reporter = command.by.member_id == facts.discussion.author
    anonymous = by_reporter and facts.discussion.anonymous
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


def _edit(command: EditComment, state: Comment, facts: CommentFacts) -> list[CommentEvent]:
    _must_be_there(state, command.by)
    _must_be_author(state, command.by)
    _must_be_open(facts.discussion)
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
    return [CommentRemoved(comment_id=state.comment_id, case_id=state.case_id, at=command.at)]


def _hide(command: HideComment, state: Comment) -> list[CommentEvent]:
    must_be_system(command.by, "Only moderation hides and restores a comment.")
    if not state.is_shown:
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
    must_be_system(command.by, "Only moderation hides and restores a comment.")
    if state.concealed_reason is not CommentConcealedReason.HIDDEN:
        return []
    return [CommentRestored(comment_id=state.comment_id, case_id=state.case_id, at=command.at)]


def _erase(command: EraseComment, state: Comment) -> list[CommentEvent]:
    must_be_system(command.by, "Comments are erased with their author's account.")
    if state.erased or state.written_at is None:
        return []
    erased = CommentErased(
        comment_id=state.comment_id,
        case_id=state.case_id,
        parent_id=state.parent_id,
        written_at=state.written_at,
        at=command.at,
    )
    return [erased]


def _must_be_author(state: Comment, by: Actor) -> None:
    if by.member_id != state.author:
        raise DomainError("forbidden", "Only the author may change or remove a comment.")


def _must_be_open(discussion: Discussion) -> None:
    if not discussion.open:
        raise DomainError("not-found", "There is no such public case to discuss.")
    if discussion.locked:
        raise DomainError("locked", "Moderators locked this discussion; wait until they unlock it.")


def _can_be_replied_to(parent: Comment | None, case_id: CaseId) -> bool:
    return parent is not None and parent.case_id == case_id and parent.is_shown


def _must_be_there(state: Comment, by: Actor) -> None:
    """Refuse a comment that was erased, removed or hidden from the actor.

    The latter two are refused as if they did not exist.
    """
    if state.erased:
        raise DomainError("erased", "The author of this comment has erased their account.")
    sees_hidden = by.moderates or by.member_id == state.author
    if not state.comment_id or state.removed or (state.hidden and not sees_hidden):
        raise DomainError("not-found", "There is no such comment.")
