"""A subject of moderation: something that can be flagged, hidden and restored.

The weights of open flags add up. At a threshold they hide the subject until a moderator decides;
its author can answer meanwhile. Flags by a rule that moderators found not broken count no more
(ADR 39). One decision at a time is in force on a subject (ADR 16).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, assert_never

from domain.actors import Actor, ContributorRole
from domain.constraints import Length
from domain.decider import Decider, DomainError, Informed, must_be_system
from domain.ids import CaseId, MemberId
from domain.personal import PersonalText, SealedMember
from domain.times import DAY, EXACT


class SubjectKind(StrEnum):
    CASE = "case"
    COMMENT = "comment"
    PARTY = "party"
    DISPUTE = "dispute"
    EVIDENCE = "evidence"
    MEMBER = "member"


class Verdict(StrEnum):
    """The decision of a moderator: hide the subject, restore it, or dismiss its flags."""

    HIDE = "hide"
    RESTORE = "restore"
    DISMISS = "dismiss"


# Commands. Only the system gives them, except AnswerFlags: flags and decisions have streams of
# their own.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSubject:
    """``case_id`` is the case that the subject belongs to. Evidence and members belong to none.

    A dispute is the statement of a party, ``part_of`` which it is. A party has no account, so its
    ``author`` is the id of the dispute, which is the data subject of the statement.
    """

    kind: SubjectKind
    subject_id: str
    case_id: CaseId
    part_of: str = ""
    author: MemberId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CiteSubject:
    """A case cites the subject, a piece of evidence. It may not be registered yet."""

    kind: SubjectKind
    subject_id: str
    case_id: CaseId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighFlag:
    flag_id: str
    rule: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFlags:
    """The author says what moderators should know before they decide."""

    statement: Annotated[str, Length(1, 5000)]
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyVerdict:
    """``turns`` is the number of turns of the subject when the moderator decided."""

    decision_id: str
    verdict: Verdict
    rule: str
    reason_id: str
    turns: int
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAppeal:
    decision_id: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOutcome:
    """The outcome of an appeal against the decision."""

    decision_id: str
    verdict: Verdict
    rule: str
    reason_id: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAuthor:
    """The author has erased their account."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFacts:
    """``weight`` is how much the flag counts. At the ``threshold``, flags hide the subject."""

    weight: float
    threshold: float


SubjectCommand = (
    RegisterSubject
    | CiteSubject
    | Informed[WeighFlag, SubjectFacts]
    | AnswerFlags
    | ApplyVerdict
    | OpenAppeal
    | ApplyOutcome
    | ForgetAuthor
)


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRegistered:
    subject_kind: SubjectKind
    subject_id: str
    case_id: CaseId
    part_of: str = ""
    author: SealedMember
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectCited:
    subject_kind: SubjectKind
    subject_id: str
    case_id: CaseId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagWeighed:
    subject_kind: SubjectKind
    subject_id: str
    flag_id: str
    rule: str
    weight: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsAnswered:
    """Moderators read the statement. Nobody else does, and it names no member."""

    subject_kind: SubjectKind
    subject_id: str
    by: SealedMember
    statement: PersonalText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectHidden:
    """If flags hid the subject, ``decision_id`` is empty and ``role`` is the system's."""

    subject_kind: SubjectKind
    subject_id: str
    case_id: CaseId
    part_of: str = ""
    rule: str
    reason_id: str = ""
    decision_id: str = ""
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRestored:
    subject_kind: SubjectKind
    subject_id: str
    case_id: CaseId
    part_of: str = ""
    decision_id: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectDecided:
    """The decision is in force, and the open flags are settled: upheld or not.

    ``rules`` are those that the moderator has judged: the rule of the decision, and the rules of
    the open flags. The outcome of an appeal is recorded by a second event with the same
    ``decision_id``.
    """

    subject_kind: SubjectKind
    subject_id: str
    decision_id: str
    flags: tuple[str, ...]
    rules: tuple[str, ...]
    upheld: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectAppealed:
    """The decision in force is under appeal. Until that is resolved, no other replaces it."""

    subject_kind: SubjectKind
    subject_id: str
    decision_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSetAside:
    """The subject had another turn after the moderator decided, so the decision is not applied."""

    subject_kind: SubjectKind
    subject_id: str
    decision_id: str
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealSetAside:
    """The appeal has no effect: its decision is not in force."""

    subject_kind: SubjectKind
    subject_id: str
    decision_id: str
    role: ContributorRole = ContributorRole.SYSTEM
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorForgotten:
    """Nothing that the author said is shown any more, not even to moderators."""

    subject_kind: SubjectKind
    subject_id: str
    case_id: CaseId
    at: datetime


SubjectEvent = (
    SubjectRegistered
    | SubjectCited
    | FlagWeighed
    | FlagsAnswered
    | SubjectHidden
    | SubjectRestored
    | SubjectDecided
    | SubjectAppealed
    | DecisionSetAside
    | AppealSetAside
    | AuthorForgotten
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The state of a subject.

    ``flags`` are the open flags, ``rules`` the rules that they name, and ``weight`` is the sum of
    their weights. ``judged`` are the rules that moderators found not broken. ``answered`` says that
    the author has answered the open flags. ``cited_in`` are the cases that cite it, in their order;
    their number is limited by the exhibit. ``forgotten`` says that the author has erased their
    account.

    ``decision_id`` is the decision in force, or empty. ``past`` are the decisions that were
    replaced or set aside, and ``overturned`` those that an appeal overturned. ``turns`` counts
    decisions, appeals and outcomes.
    """

    kind: SubjectKind = SubjectKind.CASE
    subject_id: str = ""
    case_id: CaseId = CaseId("")
    part_of: str = ""
    author: MemberId = MemberId("")
    cited_in: tuple[CaseId, ...] = ()
    flags: tuple[str, ...] = ()
    rules: frozenset[str] = frozenset()
    weight: float = 0.0
    judged: frozenset[str] = frozenset()
    hidden: bool = False
    hidden_by_flags: bool = False
    answered: bool = False
    decision_id: str = ""
    appealed: bool = False
    past: tuple[str, ...] = ()
    overturned: tuple[str, ...] = ()
    turns: int = 0
    forgotten: bool = False

    @property
    def belongs_to(self) -> CaseId:
        """The case that the subject belongs to; of evidence, the first case that cites it.

        The author of that case does not judge the subject. Cases that cite evidence later do not
        count: whoever attaches it to the cases of all moderators would leave nobody to judge it.
        """
        return self.case_id or next(iter(self.cited_in), CaseId(""))


def decide(command: SubjectCommand, state: Subject) -> list[SubjectEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    if isinstance(command, AnswerFlags):
        return _answer(command, state)
    by = command.command.by if isinstance(command, Informed) else command.by
    must_be_system(by, "Only the system does this; flag the subject or decide on it.")
    match command:
        case RegisterSubject():
            return _register(command, state)
        case CiteSubject():
            return _cite(command, state)
        case Informed(asked, facts):
            return _weigh(asked, state, facts)
        case ApplyVerdict():
            return _apply(command, state)
        case OpenAppeal():
            return _open_appeal(command, state)
        case ApplyOutcome():
            return _decided(command, state) if command.decision_id == state.decision_id else []
        case ForgetAuthor():
            return _forget(command, state)
        case _:
            assert_never(command)


def evolve(state: Subject, event: SubjectEvent) -> Subject:
    """Return the state after the event."""
    match event:
        case SubjectRegistered():
            return replace(
                state,
                kind=event.subject_kind,
                subject_id=event.subject_id,
                case_id=event.case_id,
                part_of=event.part_of,
                author=event.author,
            )
        case SubjectCited():
            return replace(state, cited_in=(*state.cited_in, event.case_id))
        case FlagWeighed():
            return _with_flag(state, event)
        case FlagsAnswered():
            return replace(state, answered=True)
        case SubjectHidden():
            return replace(state, hidden=True, hidden_by_flags=not event.decision_id)
        case SubjectRestored():
            return replace(state, hidden=False, hidden_by_flags=False)
        case SubjectDecided():
            return _after_decision(state, event)
        case SubjectAppealed():
            return replace(state, appealed=True, turns=state.turns + 1)
        case DecisionSetAside():
            return replace(state, past=(*state.past, event.decision_id))
        case AppealSetAside():
            return state
        case AuthorForgotten():
            return replace(state, forgotten=True)
        case _:
            assert_never(event)


def _with_flag(state: Subject, event: FlagWeighed) -> Subject:
    return replace(
        state,
        flags=(*state.flags, event.flag_id),
        rules=state.rules | {event.rule},
        weight=state.weight + event.weight,
    )


def _without_flags(state: Subject) -> Subject:
    return replace(state, flags=(), rules=frozenset(), weight=0.0, answered=False)


def _after_decision(state: Subject, event: SubjectDecided) -> Subject:
    judged = state.judged if event.upheld else state.judged.union(event.rules)
    after = replace(_without_flags(state), judged=judged, appealed=False, turns=state.turns + 1)
    if event.decision_id != state.decision_id:
        past = (*state.past, state.decision_id) if state.decision_id else state.past
        return replace(after, decision_id=event.decision_id, past=past)
    if event.upheld:
        return after
    return replace(after, overturned=(*state.overturned, event.decision_id))


def _stamps(events: Sequence[SubjectEvent]) -> timedelta:
    """Return whole days for the registration of a member: its time is that of their account."""
    match events[0]:
        case SubjectRegistered(subject_kind=SubjectKind.MEMBER):
            return DAY
        case _:
            return EXACT


subject_decider: Decider[SubjectCommand, Subject, SubjectEvent] = Decider(
    category="subject", initial=Subject(), decide=decide, evolve=evolve, stamps=_stamps
)


def subject_key(kind: SubjectKind, subject_id: str) -> str:
    """Return the id of a subject's stream."""
    return f"{kind}-{subject_id}"


def _register(command: RegisterSubject, state: Subject) -> list[SubjectEvent]:
    if state.subject_id:
        return []
    registered = SubjectRegistered(
        subject_kind=command.kind,
        subject_id=command.subject_id,
        case_id=command.case_id,
        part_of=command.part_of,
        author=command.author,
        at=command.at,
    )
    return [registered]


def _cite(command: CiteSubject, state: Subject) -> list[SubjectEvent]:
    cited = SubjectCited(
        subject_kind=command.kind,
        subject_id=command.subject_id,
        case_id=command.case_id,
        at=command.at,
    )
    return [] if command.case_id in state.cited_in else [cited]


def _weigh(command: WeighFlag, state: Subject, facts: SubjectFacts) -> list[SubjectEvent]:
    """Add the flag. By a rule that moderators found not broken, it waits for them and weighs 0."""
    if command.flag_id in state.flags:
        return []
    weight = 0.0 if command.rule in state.judged else facts.weight
    weighed = FlagWeighed(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        flag_id=command.flag_id,
        rule=command.rule,
        weight=weight,
        at=command.at,
    )
    reaches_threshold = state.weight + weight >= facts.threshold
    if not reaches_threshold or state.hidden:
        return [weighed]
    return [weighed, _hidden(state, command.rule, command.at)]


def _answer(command: AnswerFlags, state: Subject) -> list[SubjectEvent]:
    if not state.subject_id or command.by.member_id != state.author:
        raise DomainError("not-found", "There is no such subject of yours.")
    if not state.hidden_by_flags:
        raise DomainError(
            "nothing-to-answer", "Flags do not hide this; against a decision you can appeal."
        )
    if state.answered:
        raise DomainError("already-answered", "You have answered; wait for a moderator to decide.")
    answered = FlagsAnswered(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        by=command.by.member_id,
        statement=command.statement,
        at=command.at,
    )
    return [answered]


def _apply(command: ApplyVerdict, state: Subject) -> list[SubjectEvent]:
    if command.turns == state.turns:
        return _decided(command, state)
    set_aside = DecisionSetAside(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        decision_id=command.decision_id,
        at=command.at,
    )
    return [set_aside]


def _open_appeal(command: OpenAppeal, state: Subject) -> list[SubjectEvent]:
    in_force = command.decision_id == state.decision_id
    appeal = SubjectAppealed if in_force else AppealSetAside
    opened = appeal(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        decision_id=command.decision_id,
        at=command.at,
    )
    return [opened]


def _decided(command: ApplyVerdict | ApplyOutcome, state: Subject) -> list[SubjectEvent]:
    hide = command.verdict is Verdict.HIDE
    decided = SubjectDecided(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        decision_id=command.decision_id,
        flags=state.flags,
        rules=tuple(sorted(state.rules | {command.rule})),
        upheld=hide,
        at=command.at,
    )
    # A decision to hide is recorded even if flags hid it before: it adds the rule and the reason.
    if hide and (isinstance(command, ApplyVerdict) or not state.hidden):
        return [decided, _hidden_by(command, state)]
    if state.hidden and not hide:
        return [decided, _restored(command, state)]
    return [decided]


def _hidden(state: Subject, rule: str, at: datetime) -> SubjectHidden:
    return SubjectHidden(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        case_id=state.case_id,
        part_of=state.part_of,
        rule=rule,
        at=at,
    )


def _hidden_by(command: ApplyVerdict | ApplyOutcome, state: Subject) -> SubjectHidden:
    return replace(
        _hidden(state, command.rule, command.at),
        reason_id=command.reason_id,
        decision_id=command.decision_id,
        role=ContributorRole.MODERATOR,
    )


def _restored(command: ApplyVerdict | ApplyOutcome, state: Subject) -> SubjectRestored:
    return SubjectRestored(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        case_id=state.case_id,
        part_of=state.part_of,
        decision_id=command.decision_id,
        at=command.at,
    )


def _forget(command: ForgetAuthor, state: Subject) -> list[SubjectEvent]:
    forgotten = AuthorForgotten(
        subject_kind=state.kind,
        subject_id=state.subject_id,
        case_id=state.case_id,
        at=command.at,
    )
    return [] if state.forgotten or not state.subject_id else [forgotten]
