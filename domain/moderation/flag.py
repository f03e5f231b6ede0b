"""A flag: one member says that a subject breaks a rule. One for each member and subject."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, assert_never

from domain.actors import SYSTEM, Actor
from domain.constraints import Length
from domain.decider import Decider, DomainError, must_be_system
from domain.ids import MemberId
from domain.moderation.rules import must_be_a_rule
from domain.moderation.subject import Subject, SubjectKind, WeighFlag
from domain.personal import PersonalText, SealedMember

FlagNote = Annotated[str, Length(0, 1000)]

MOST_OPEN_FLAGS = 50
TOO_MANY_FLAGS = (
    f"You have {MOST_OPEN_FLAGS} open flags; wait until a moderator has decided on one."
)


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseFlag:
    """``seen`` says whether the actor may see the subject, and ``erased`` whether it was erased.

    ``record_id`` is the member's record: it gives the ``weight`` of the flag, and ``open_flags`` is
    the number of flags in it that wait for moderators."""

    flag_id: str
    subject: Subject
    seen: bool
    erased: bool
    rule: str
    note: FlagNote
    record_id: str
    weight: float
    open_flags: int
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleFlag:
    """``upheld`` says whether the moderators agreed with the flag."""

    upheld: bool
    by: Actor
    at: datetime


FlagCommand = RaiseFlag | SettleFlag


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRaised:
    """``weight`` comes from the record at that time. The subject is given the weight at its own."""

    flag_id: str
    subject_kind: SubjectKind
    subject_id: str
    rule: str
    note: PersonalText
    by: SealedMember
    record_id: PersonalText
    weight: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSettled:
    flag_id: str
    upheld: bool
    at: datetime


FlagEvent = FlagRaised | FlagSettled


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """``by`` and ``record_id`` are empty once the member was erased."""

    flag_id: str = ""
    rule: str = ""
    by: MemberId = MemberId("")
    record_id: str = ""
    settled: bool = False


def decide(command: FlagCommand, state: Flag) -> list[FlagEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case RaiseFlag():
            return _raise(command, state)
        case SettleFlag():
            must_be_system(command.by, "A flag is settled by a decision on its subject only.")
            settled = FlagSettled(flag_id=state.flag_id, upheld=command.upheld, at=command.at)
            return [] if state.settled or not state.flag_id else [settled]
        case _:
            assert_never(command)


def evolve(state: Flag, event: FlagEvent) -> Flag:
    match event:
        case FlagRaised():
            return Flag(
                flag_id=event.flag_id, rule=event.rule, by=event.by, record_id=event.record_id
            )
        case FlagSettled():
            return replace(state, settled=True)
        case _:
            assert_never(event)


flag_decider: Decider[FlagCommand, Flag, FlagEvent] = Decider(
    category="flag", initial=Flag(), decide=decide, evolve=evolve
)


def weighing(event: FlagRaised, weight: float, threshold: float, at: datetime) -> WeighFlag:
    """Return the command that adds the flag's weight to its subject."""
    return WeighFlag(
        flag_id=event.flag_id,
        rule=event.rule,
        weight=weight,
        threshold=threshold,
        by=SYSTEM,
        at=at,
    )


def _raise(command: RaiseFlag, state: Flag) -> list[FlagEvent]:
    subject = command.subject
    must_be_a_rule(command.rule)
    _must_be_seen(command)
    if state.flag_id:
        raise DomainError("already-flagged", "You have flagged this already.")
    if command.open_flags >= MOST_OPEN_FLAGS:
        raise DomainError("too-many-flags", TOO_MANY_FLAGS)
    raised = FlagRaised(
        flag_id=command.flag_id,
        subject_kind=subject.kind,
        subject_id=subject.subject_id,
        rule=command.rule,
        note=command.note,
        by=command.by.member_id,
        record_id=command.record_id,
        weight=command.weight,
        at=command.at,
    )
    return [raised]


def _must_be_seen(command: RaiseFlag) -> None:
    """Refuse a subject that the member may not see, and the member's own."""
    subject, by = command.subject, command.by
    if subject.author == by.member_id:
        raise DomainError("own-subject", "You cannot flag your own content.")
    hidden = subject.hidden and not by.moderates
    if not subject.subject_id or hidden or not command.seen:
        raise DomainError("not-found", "There is no such subject, or you may not see it.")
    if command.erased:
        raise DomainError("erased", "This was erased, so it cannot be flagged.")
