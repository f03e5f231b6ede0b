"""A flag: a member says that a subject breaks a rule. A member can flag each subject once."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, assert_never

from domain.actors import SYSTEM, Actor
from domain.constraints import Length
from domain.decider import Decider, DomainError, Informed, must_be_system
from domain.moderation.rules import must_be_a_rule
from domain.moderation.subject import Subject, SubjectKind, WeighFlag
from domain.personal import HiddenText, PersonalText, SealedMember

FlagNote = Annotated[str, Length(0, 1000)]

MOST_OPEN_FLAGS = 50
TOO_MANY_FLAGS = (
    f"You have {MOST_OPEN_FLAGS} open flags; wait until a moderator has decided on one."
)


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseFlag:
    flag_id: str
    subject_kind: SubjectKind
    subject_id: str
    rule: str
    note: FlagNote
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleFlag:
    """``upheld`` says whether the moderators agreed with the flag."""

    upheld: bool
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetFlagger:
    """The member who raised the flag has erased their account."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFacts:
    """What the application looks up for RaiseFlag.

    ``subject`` is the flagged subject. ``is_visible`` says that the member can see it,
    ``is_erased`` that its author has erased their account. ``record_id`` names the member's record,
    which ``weight`` comes from. ``open_flags`` is how many flags of the member wait for moderators.
    """

    subject: Subject
    is_visible: bool
    is_erased: bool
    record_id: str
    weight: float
    open_flags: int


FlagCommand = Informed[RaiseFlag, FlagFacts] | SettleFlag | ForgetFlagger


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRaised:
    """``weight`` follows from the member's record at that time. The flag is weighed again when it
    is added to its subject, because other flags of the member may wait since. It never gains."""

    flag_id: str
    subject_kind: SubjectKind
    subject_id: str
    rule: str
    weight: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSigned:
    """The personal part of FlagRaised, in the same commit: who raised the flag, and their note."""

    flag_id: str
    subject_kind: SubjectKind
    subject_id: str
    by: SealedMember
    record_id: HiddenText
    note: PersonalText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSettled:
    flag_id: str
    upheld: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggerForgotten:
    """The member was erased. The flag still counts, without its note."""

    flag_id: str
    subject_kind: SubjectKind
    subject_id: str
    at: datetime


FlagEvent = FlagRaised | FlagSigned | FlagSettled | FlaggerForgotten


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """``record_id`` is empty once the member has erased their account."""

    flag_id: str = ""
    subject_kind: SubjectKind = SubjectKind.CASE
    subject_id: str = ""
    rule: str = ""
    record_id: str = ""
    settled: bool = False
    forgotten: bool = False


def decide(command: FlagCommand, state: Flag) -> list[FlagEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case Informed(asked, facts):
            return _raise(asked, state, facts)
        case SettleFlag():
            return _settle(command, state)
        case ForgetFlagger():
            return _forget(command, state)
        case _:
            assert_never(command)


def evolve(state: Flag, event: FlagEvent) -> Flag:
    """Return the state after the event."""
    match event:
        case FlagRaised():
            return Flag(
                flag_id=event.flag_id,
                subject_kind=event.subject_kind,
                subject_id=event.subject_id,
                rule=event.rule,
            )
        case FlagSigned():
            return replace(state, record_id=event.record_id)
        case FlagSettled():
            return replace(state, settled=True)
        case FlaggerForgotten():
            return replace(state, record_id="", forgotten=True)
        case _:
            assert_never(event)


flag_decider: Decider[FlagCommand, Flag, FlagEvent] = Decider(
    category="flag", initial=Flag(), decide=decide, evolve=evolve
)


def weighing(event: FlagRaised, at: datetime) -> WeighFlag:
    """Return the command to weigh a flag."""
    return WeighFlag(flag_id=event.flag_id, rule=event.rule, by=SYSTEM, at=at)


def _raise(command: RaiseFlag, state: Flag, facts: FlagFacts) -> list[FlagEvent]:
    must_be_a_rule(command.rule)
    _must_be_flaggable(facts, command.by)
    if state.flag_id:
        raise DomainError("already-flagged", "You have flagged this already.")
    if facts.open_flags >= MOST_OPEN_FLAGS:
        raise DomainError("too-many-flags", TOO_MANY_FLAGS)
    return [_raised(command, facts), _signed(command, facts)]


def _raised(command: RaiseFlag, facts: FlagFacts) -> FlagRaised:
    return FlagRaised(
        flag_id=command.flag_id,
        subject_kind=command.subject_kind,
        subject_id=command.subject_id,
        rule=command.rule,
        weight=facts.weight,
        at=command.at,
    )


def _signed(command: RaiseFlag, facts: FlagFacts) -> FlagSigned:
    return FlagSigned(
        flag_id=command.flag_id,
        subject_kind=command.subject_kind,
        subject_id=command.subject_id,
        by=command.by.member_id,
        record_id=facts.record_id,
        note=command.note,
        at=command.at,
    )


def _settle(command: SettleFlag, state: Flag) -> list[FlagEvent]:
    must_be_system(command.by, "Flags are settled by a decision on their subject.")
    if state.settled or not state.flag_id:
        return []
    return [FlagSettled(flag_id=state.flag_id, upheld=command.upheld, at=command.at)]


def _forget(command: ForgetFlagger, state: Flag) -> list[FlagEvent]:
    """Forget the member, also of a settled flag: they themselves still saw it."""
    must_be_system(command.by, "Members are forgotten when they erase their account.")
    if state.forgotten or not state.flag_id:
        return []
    forgotten = FlaggerForgotten(
        flag_id=state.flag_id,
        subject_kind=state.subject_kind,
        subject_id=state.subject_id,
        at=command.at,
    )
    return [forgotten]


def _must_be_flaggable(facts: FlagFacts, by: Actor) -> None:
    """Refuse a subject that the member cannot see, as one that does not exist.

    Their own content is refused first: they can see it in any case.
    """
    subject = facts.subject
    if subject.author == by.member_id:
        raise DomainError("own-subject", "You cannot flag your own content.")
    hidden = subject.hidden and not by.moderates
    if not subject.subject_id or hidden or not facts.is_visible:
        raise DomainError("not-found", "There is no such subject, or you cannot see it.")
    if facts.is_erased:
        raise DomainError("erased", "This was erased and cannot be flagged any more.")
