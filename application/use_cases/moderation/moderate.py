"""Raise flags, decide and appeal, with the state of the subject."""

from application.engine.derived_ids import keyed_id
from application.engine.executor import CommandContext, Receipt
from application.executors import DecisionExecutor, FlagExecutor, RecordExecutor, SubjectExecutor
from application.ports.clock import Clock
from application.use_cases.moderation.visibility import Visibility
from domain.actors import Actor
from domain.ids import MemberId
from domain.moderation.decision import (
    AppealDecision,
    DecideSubject,
    Decision,
    Outcome,
    ResolveAppeal,
)
from domain.moderation.flag import Flag, RaiseFlag
from domain.moderation.record import MODERATORS_WEIGHT
from domain.moderation.subject import Subject, SubjectKind, Verdict, subject_key


class Moderate:
    """Executes commands of moderation. The ids of flags and records are derived with ``key``, so
    that they do not reveal the member."""

    def __init__(
        self,
        flags: FlagExecutor,
        records: RecordExecutor,
        subjects: SubjectExecutor,
        decisions: DecisionExecutor,
        visibility: Visibility,
        *,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._flags = flags
        self._records = records
        self._subjects = subjects
        self._decisions = decisions
        self._visibility = visibility
        self._key = key
        self._clock = clock

    def flag(
        self,
        kind: SubjectKind,
        subject_id: str,
        actor: Actor,
        context: CommandContext,
        *,
        rule: str,
        note: str,
    ) -> Receipt[Flag]:
        """Raise a flag. Its weight depends on how many of the member's earlier flags were right.

        The flag of a moderator weighs more, except on their own case.
        """
        flag_id = keyed_id(self._key, "flag", actor.member_id, kind, subject_id)
        record_id = keyed_id(self._key, "record", actor.member_id)
        record = self._records.load(record_id).state
        subject = self._subject(kind, subject_id)
        judges = actor.moderates and actor.member_id not in self._case_authors(subject)
        command = RaiseFlag(
            flag_id=flag_id,
            subject=subject,
            seen=self._visibility.can_see(actor, subject),
            erased=self._visibility.is_erased(subject),
            rule=rule,
            note=note,
            record_id=record_id,
            weight=MODERATORS_WEIGHT if judges else record.weight,
            open_flags=len(record.open),
            by=actor,
            at=self._clock(),
        )
        return self._flags.execute(flag_id, command, context)

    def decide(
        self,
        kind: SubjectKind,
        subject_id: str,
        actor: Actor,
        context: CommandContext,
        *,
        decision_id: str,
        verdict: Verdict,
        rule: str,
        reason: str,
    ) -> Receipt[Decision]:
        subject = self._subject(kind, subject_id)
        overturned = [self._decisions.load(each).state.by for each in subject.overturned]
        command = DecideSubject(
            decision_id=decision_id,
            subject=subject,
            case_authors=self._case_authors(subject),
            standing=self._decisions.load(subject.decision_id).state,
            overturned=frozenset(overturned),
            verdict=verdict,
            rule=rule,
            reason=reason,
            by=actor,
            at=self._clock(),
        )
        return self._decisions.execute(decision_id, command, context)

    def appeal(
        self, decision_id: str, statement: str, actor: Actor, context: CommandContext
    ) -> Receipt[Decision]:
        command = AppealDecision(
            subject=self._subject_of(decision_id),
            statement=statement,
            by=actor,
            at=self._clock(),
        )
        return self._decisions.execute(decision_id, command, context)

    def resolve(
        self, decision_id: str, outcome: Outcome, reason: str, actor: Actor, context: CommandContext
    ) -> Receipt[Decision]:
        subject = self._subject_of(decision_id)
        command = ResolveAppeal(
            subject=subject,
            case_authors=self._case_authors(subject),
            outcome=outcome,
            reason=reason,
            by=actor,
            at=self._clock(),
        )
        return self._decisions.execute(decision_id, command, context)

    def _subject_of(self, decision_id: str) -> Subject:
        decision = self._decisions.load(decision_id).state
        return self._subject(decision.subject_kind, decision.subject_id)

    def _case_authors(self, subject: Subject) -> frozenset[MemberId]:
        """Return the authors of the case that the subject belongs to; of evidence, of all cases
        that cite it."""
        case_ids = (subject.case_id, *subject.cited_in)
        return frozenset(self._subject(SubjectKind.CASE, each).author for each in case_ids)

    def _subject(self, kind: SubjectKind, subject_id: str) -> Subject:
        return self._subjects.load(subject_key(kind, subject_id)).state
