"""A decision of a moderator on a subject, and the appeal against it.

The author of the subject can appeal once; another moderator then upholds or overturns the decision.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, assert_never

from domain.actors import SYSTEM, Actor, ContributorRole
from domain.constraints import Length
from domain.decider import Decider, DomainError, Informed, must_be_system, must_moderate
from domain.ids import CaseId, MemberId
from domain.moderation.rules import must_be_a_rule
from domain.moderation.subject import (
    ApplyOutcome,
    ApplyVerdict,
    OpenAppeal,
    Subject,
    SubjectKind,
    Verdict,
)
from domain.personal import PersonalText, SealedMember, TextId

Reason = Annotated[str, Length(1, 2000)]


class Outcome(StrEnum):
    """The outcome of an appeal."""

    UPHOLD = "uphold"
    OVERTURN = "overturn"


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideSubject:
    decision_id: str
    subject_kind: SubjectKind
    subject_id: str
    verdict: Verdict
    rule: str
    reason: Reason
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealDecision:
    statement: Annotated[str, Length(1, 5000)]
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveAppeal:
    outcome: Outcome
    reason: Reason
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactReason:
    """Remove a reason for good, for example because it names a reporter."""

    reason_id: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAppellant:
    """Forget the statement of the appeal if this member, who was erased, wrote it."""

    member_id: MemberId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFacts:
    """What the application looks up about the subject of the decision.

    ``case_authors`` are the author of the case that the subject belongs to and, of a statement, who
    named the party that made it. ``in_force`` is the
    decision in force on it. ``overturned`` are the moderators whose decisions on it were overturned
    on appeal.
    """

    subject: Subject
    case_authors: frozenset[MemberId]
    in_force: "Decision"
    overturned: frozenset[MemberId]


CommandOnSubject = DecideSubject | AppealDecision | ResolveAppeal | RedactReason
DecisionCommand = Informed[CommandOnSubject, DecisionFacts] | ForgetAppellant


# Events. The member who decided, appealed or resolved is in an event of its own in the same commit,
# and so is the reason. The other events therefore remain readable after that member was erased, or
# the reason removed.


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """``turns`` is the number of turns of the subject when the moderator decided."""

    decision_id: str
    subject_kind: SubjectKind
    subject_id: str
    case_id: CaseId
    verdict: Verdict
    rule: str
    reason_id: str
    turns: int
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonGiven:
    """The public reason for a decision, or for the outcome of an appeal. It has a key of its own,
    because a moderator may have written a name into it."""

    decision_id: str
    reason_id: TextId
    reason: PersonalText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRedacted:
    """The reason was removed for good. The decision remains, with its rule."""

    decision_id: str
    reason_id: str
    subject_kind: SubjectKind
    subject_id: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSigned:
    """``by`` is the moderator who decided, resolved the appeal, or removed a reason."""

    decision_id: str
    by: SealedMember
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionAppealed:
    decision_id: str
    subject_kind: SubjectKind
    subject_id: str
    role: ContributorRole = ContributorRole.AUTHOR
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealSigned:
    """``by`` is the member who appealed, with this statement."""

    decision_id: str
    subject_kind: SubjectKind
    subject_id: str
    by: SealedMember
    statement: PersonalText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppellantForgotten:
    """The member who appealed was erased. The appeal stays open, without its statement."""

    decision_id: str
    subject_kind: SubjectKind
    subject_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealResolved:
    """``verdict`` is in force from now on."""

    decision_id: str
    subject_kind: SubjectKind
    subject_id: str
    outcome: Outcome
    verdict: Verdict
    rule: str
    reason_id: str
    role: ContributorRole = ContributorRole.MODERATOR
    at: datetime


DecisionEvent = (
    DecisionMade
    | ReasonGiven
    | ReasonRedacted
    | DecisionSigned
    | DecisionAppealed
    | AppealSigned
    | AppellantForgotten
    | AppealResolved
)

AppliedEvent = DecisionMade | DecisionAppealed | AppealResolved


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``by`` is the moderator who decided, ``appellant`` the member who appealed, if known.

    ``reasons`` are the ids of the reasons that were given, ``redacted`` of those that were removed.
    """

    decision_id: str = ""
    subject_kind: SubjectKind = SubjectKind.CASE
    subject_id: str = ""
    verdict: Verdict = Verdict.DISMISS
    rule: str = ""
    by: MemberId = MemberId("")
    appealed: bool = False
    appellant: MemberId = MemberId("")
    resolved: bool = False
    reasons: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()

    @property
    def under_appeal(self) -> bool:
        return self.appealed and not self.resolved


def decide(command: DecisionCommand, state: Decision) -> list[DecisionEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case Informed(asked, facts):
            return _decide_with_facts(asked, state, facts)
        case ForgetAppellant():
            return _forget(command, state)
        case _:
            assert_never(command)


def _decide_with_facts(
    command: CommandOnSubject, state: Decision, facts: DecisionFacts
) -> list[DecisionEvent]:
    match command:
        case DecideSubject():
            return _decide(command, state, facts)
        case AppealDecision():
            return _appeal(command, state, facts)
        case ResolveAppeal():
            return _resolve(command, state, facts)
        case RedactReason():
            return _redact(command, state, facts)
        case _:
            assert_never(command)


def evolve(state: Decision, event: DecisionEvent) -> Decision:
    """Return the state after the event."""
    match event:
        case DecisionMade():
            return Decision(
                decision_id=event.decision_id,
                subject_kind=event.subject_kind,
                subject_id=event.subject_id,
                verdict=event.verdict,
                rule=event.rule,
            )
        case ReasonGiven():
            return replace(state, reasons=(*state.reasons, event.reason_id))
        case ReasonRedacted():
            return replace(state, redacted=(*state.redacted, event.reason_id))
        case DecisionSigned():
            return state if state.by else replace(state, by=event.by)
        case DecisionAppealed():
            return replace(state, appealed=True)
        case AppealSigned():
            return replace(state, appellant=event.by)
        case AppellantForgotten():
            return replace(state, appellant=MemberId(""))
        case AppealResolved():
            return replace(state, resolved=True)
        case _:
            assert_never(event)


decision_decider: Decider[DecisionCommand, Decision, DecisionEvent] = Decider(
    category="decision", initial=Decision(), decide=decide, evolve=evolve
)


def reason_key(decision_id: str, *, of_outcome: bool = False) -> str:
    """Return the id of the reason for a decision, or for the outcome of the appeal against it."""
    return f"reason/{decision_id}/outcome" if of_outcome else f"reason/{decision_id}"


def applying(event: AppliedEvent, at: datetime) -> ApplyVerdict | OpenAppeal | ApplyOutcome:
    """Return the command that applies a decision, an appeal or its outcome to the subject."""
    match event:
        case DecisionMade():
            return ApplyVerdict(
                decision_id=event.decision_id,
                verdict=event.verdict,
                rule=event.rule,
                reason_id=event.reason_id,
                turns=event.turns,
                by=SYSTEM,
                at=at,
            )
        case DecisionAppealed():
            return OpenAppeal(decision_id=event.decision_id, by=SYSTEM, at=at)
        case AppealResolved():
            return ApplyOutcome(
                decision_id=event.decision_id,
                verdict=event.verdict,
                rule=event.rule,
                reason_id=event.reason_id,
                by=SYSTEM,
                at=at,
            )
        case _:
            assert_never(event)


def _decide(command: DecideSubject, state: Decision, facts: DecisionFacts) -> list[DecisionEvent]:
    must_moderate(command.by)
    must_be_a_rule(command.rule)
    if state.decision_id:
        raise DomainError(
            "already-decided", "A decision with this id exists already; use another id."
        )
    _must_be_there(facts.subject)
    _must_not_be_own(facts, command.by)
    _must_respect_appeals(command, facts)
    _must_settle_something(command, facts.subject)
    made = _made(command, facts.subject)
    return [made, _given(made, command), _signed(command.decision_id, command)]


def _made(command: DecideSubject, subject: Subject) -> DecisionMade:
    return DecisionMade(
        decision_id=command.decision_id,
        subject_kind=command.subject_kind,
        subject_id=command.subject_id,
        case_id=subject.case_id,
        verdict=command.verdict,
        rule=command.rule,
        reason_id=reason_key(command.decision_id),
        turns=subject.turns,
        at=command.at,
    )


def _must_be_there(subject: Subject) -> None:
    if not subject.subject_id:
        raise DomainError("not-found", "There is no such subject.")


def _must_settle_something(command: DecideSubject, subject: Subject) -> None:
    """Refuse a decision that neither changes the subject nor settles a flag."""
    if subject.hidden == (command.verdict is Verdict.HIDE) and not subject.flags:
        raise DomainError(
            "nothing-to-decide", "No flag is open, and the decision would change nothing."
        )


def _given(
    event: DecisionMade | AppealResolved, command: DecideSubject | ResolveAppeal
) -> ReasonGiven:
    return ReasonGiven(
        decision_id=event.decision_id,
        reason_id=event.reason_id,
        reason=command.reason,
        at=command.at,
    )


def _signed(
    decision_id: str, command: DecideSubject | ResolveAppeal | RedactReason
) -> DecisionSigned:
    return DecisionSigned(decision_id=decision_id, by=command.by.member_id, at=command.at)


def _must_respect_appeals(command: DecideSubject, facts: DecisionFacts) -> None:
    subject = facts.subject
    if subject.appealed or facts.in_force.under_appeal:
        raise DomainError("appeal-pending", "An appeal is open; resolve it instead.")
    if command.verdict is not Verdict.HIDE or not subject.overturned:
        return
    if not subject.flags:
        raise DomainError(
            "settled-on-appeal", "An appeal restored this; wait until a member flags it again."
        )
    if command.by.member_id in facts.overturned:
        raise DomainError(
            "same-moderator", "Your decision was overturned; leave this to another moderator."
        )


def _appeal(command: AppealDecision, state: Decision, facts: DecisionFacts) -> list[DecisionEvent]:
    _must_be_appealable(command, state, facts.subject)
    appealed = DecisionAppealed(
        decision_id=state.decision_id,
        subject_kind=state.subject_kind,
        subject_id=state.subject_id,
        at=command.at,
    )
    signed = AppealSigned(
        decision_id=state.decision_id,
        subject_kind=state.subject_kind,
        subject_id=state.subject_id,
        by=command.by.member_id,
        statement=command.statement,
        at=command.at,
    )
    return [appealed, signed]


def _must_be_appealable(command: AppealDecision, state: Decision, subject: Subject) -> None:
    _must_be_made(state)
    if command.by.member_id != subject.author:
        raise DomainError("forbidden", "Only the author of the hidden content may appeal.")
    if state.verdict is not Verdict.HIDE:
        raise DomainError("nothing-to-appeal", "Only a decision to hide can be appealed.")
    if state.appealed:
        raise DomainError("already-appealed", "You have appealed already; wait for the outcome.")
    _must_not_be_superseded(subject, state)


def _resolve(command: ResolveAppeal, state: Decision, facts: DecisionFacts) -> list[DecisionEvent]:
    must_moderate(command.by)
    _must_be_made(state)
    _must_be_resolvable(command, state, facts)
    resolved = _resolved(command, state)
    return [resolved, _given(resolved, command), _signed(state.decision_id, command)]


def _must_be_resolvable(command: ResolveAppeal, state: Decision, facts: DecisionFacts) -> None:
    if not state.appealed:
        raise DomainError("not-found", "There is no such appeal.")
    if command.by.member_id == state.by:
        raise DomainError(
            "same-moderator", "You made this decision; leave the appeal to another moderator."
        )
    _must_not_be_own(facts, command.by)
    if state.resolved:
        raise DomainError("already-resolved", "A moderator has resolved this appeal already.")
    _must_not_be_superseded(facts.subject, state)


def _resolved(command: ResolveAppeal, state: Decision) -> AppealResolved:
    overturned = command.outcome is Outcome.OVERTURN
    return AppealResolved(
        decision_id=state.decision_id,
        subject_kind=state.subject_kind,
        subject_id=state.subject_id,
        outcome=command.outcome,
        verdict=Verdict.RESTORE if overturned else state.verdict,
        rule=state.rule,
        reason_id=reason_key(state.decision_id, of_outcome=True),
        at=command.at,
    )


def _redact(command: RedactReason, state: Decision, facts: DecisionFacts) -> list[DecisionEvent]:
    """Let any moderator remove a reason, also their own: a name must not wait for somebody else."""
    must_moderate(command.by)
    if command.reason_id not in state.reasons:
        raise DomainError("not-found", "There is no such reason.")
    _must_not_be_own(facts, command.by)
    if command.reason_id in state.redacted:
        return []
    redacted = ReasonRedacted(
        decision_id=state.decision_id,
        reason_id=command.reason_id,
        subject_kind=state.subject_kind,
        subject_id=state.subject_id,
        at=command.at,
    )
    return [redacted, _signed(state.decision_id, command)]


def _forget(command: ForgetAppellant, state: Decision) -> list[DecisionEvent]:
    """Forget the appellant. Once an appeal is resolved, its statement is no longer shown."""
    must_be_system(command.by, "Members are forgotten when they erase their account.")
    if command.member_id != state.appellant or state.resolved:
        return []
    forgotten = AppellantForgotten(
        decision_id=state.decision_id,
        subject_kind=state.subject_kind,
        subject_id=state.subject_id,
        at=command.at,
    )
    return [forgotten]


def _must_be_made(state: Decision) -> None:
    if not state.decision_id:
        raise DomainError("not-found", "There is no such decision.")


def _must_not_be_superseded(subject: Subject, state: Decision) -> None:
    """Refuse a decision that another one replaced. One that is not applied yet is not replaced."""
    if state.decision_id in subject.past:
        raise DomainError("superseded", "A newer decision has replaced this one.")


def _must_not_be_own(facts: DecisionFacts, by: Actor) -> None:
    """Refuse moderators who contributed the subject, or reported the case that it belongs to."""
    if by.member_id in {facts.subject.author, *facts.case_authors}:
        raise DomainError(
            "not-oneself", "This concerns you or your own case; leave it to another moderator."
        )
