"""Raise flags, answer them, decide and appeal, with the state of the subject."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from application.engine.derived_ids import keyed_id
from application.engine.executor import CommandContext, Receipt
from application.executors import DecisionExecutor, FlagExecutor, RecordExecutor, SubjectExecutor
from application.ports.clock import Clock
from application.use_cases.authorship import Authorship
from application.use_cases.moderation.networks import NetworksOfToday
from application.use_cases.moderation.visibility import Visibility
from domain.actors import Actor
from domain.decider import Informed
from domain.ids import MemberId
from domain.moderation.decision import (
    AppealDecision,
    DecideSubject,
    Decision,
    DecisionFacts,
    Outcome,
    RedactReason,
    ResolveAppeal,
    reason_key,
)
from domain.moderation.flag import Flag, FlagFacts, RaiseFlag
from domain.moderation.record import MODERATORS_WEIGHT, WITHOUT_WEIGHT, record_decider
from domain.moderation.subject import AnswerFlags, Subject, SubjectKind, Verdict, subject_key


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
        authorship: Authorship,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._flags = flags
        self._records = records
        self._subjects = subjects
        self._decisions = decisions
        self._visibility = visibility
        self._authorship = authorship
        self._key = key
        self._clock = clock
        self._networks = NetworksOfToday(clock)

    def flag(
        self,
        kind: SubjectKind,
        subject_id: str,
        actor: Actor,
        context: CommandContext,
        *,
        network: str,
        rule: str,
        note: str,
    ) -> Receipt[Flag]:
        """Raise a flag. Its weight depends on how many of the member's earlier flags were right.

        The flag of a moderator weighs more, except on their own case. Of several flags from one
        ``network``, a hash of today, the first that has weight keeps it.
        """
        flag_id = keyed_id(self._key, "flag", actor.member_id, kind, subject_id)
        record_id = keyed_id(self._key, record_decider.category, actor.member_id)
        subject = self._subject(kind, subject_id)
        authors = self._case_authors(subject)
        actor = self._as_author(actor, subject, authors)
        command = RaiseFlag(
            flag_id=flag_id,
            subject_kind=kind,
            subject_id=subject_id,
            rule=rule,
            note=note,
            by=actor,
            at=self._clock(),
        )
        facts = self._facts_for_flag(subject, authors, record_id, actor)
        with self._weighed_once(facts, network, flag_id) as weighed:
            return self._flags.execute(flag_id, Informed(command, weighed), context)

    def answer(
        self,
        kind: SubjectKind,
        subject_id: str,
        statement: str,
        actor: Actor,
        context: CommandContext,
    ) -> Receipt[Subject]:
        """Answer the flags that hide the member's own content."""
        by = self._authorship.as_owner(actor, self._subject(kind, subject_id).author)
        command = AnswerFlags(statement=statement, by=by, at=self._clock())
        return self._subjects.execute(subject_key(kind, subject_id), command, context)

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
        authors = self._case_authors(subject)
        command = DecideSubject(
            decision_id=decision_id,
            subject_kind=kind,
            subject_id=subject_id,
            verdict=verdict,
            rule=rule,
            reason=reason,
            by=self._as_author(actor, subject, authors),
            at=self._clock(),
        )
        facts = self._facts_for_decision(subject, authors)
        return self._decisions.execute(decision_id, Informed(command, facts), context)

    def appeal(
        self, decision_id: str, statement: str, actor: Actor, context: CommandContext
    ) -> Receipt[Decision]:
        subject = self._subject_of(decision_id)
        by = self._authorship.as_owner(actor, subject.author)
        command = AppealDecision(statement=statement, by=by, at=self._clock())
        facts = self._facts_for_decision(subject, self._case_authors(subject))
        return self._decisions.execute(decision_id, Informed(command, facts), context)

    def resolve(
        self, decision_id: str, outcome: Outcome, reason: str, actor: Actor, context: CommandContext
    ) -> Receipt[Decision]:
        subject = self._subject_of(decision_id)
        authors = self._case_authors(subject)
        by = self._as_author(actor, subject, authors)
        command = ResolveAppeal(outcome=outcome, reason=reason, by=by, at=self._clock())
        facts = self._facts_for_decision(subject, authors)
        return self._decisions.execute(decision_id, Informed(command, facts), context)

    def redact(
        self, decision_id: str, actor: Actor, context: CommandContext, *, of_outcome: bool
    ) -> Receipt[Decision]:
        """Remove the reason for a decision, or for the outcome of the appeal against it."""
        subject = self._subject_of(decision_id)
        reason_id = reason_key(decision_id, of_outcome=of_outcome)
        authors = self._case_authors(subject)
        by = self._as_author(actor, subject, authors)
        command = RedactReason(reason_id=reason_id, by=by, at=self._clock())
        facts = self._facts_for_decision(subject, authors)
        return self._decisions.execute(decision_id, Informed(command, facts), context)

    def _as_author(
        self, actor: Actor, subject: Subject, case_authors: frozenset[MemberId]
    ) -> Actor:
        """Return the actor as the author of the subject or of its case, if they are."""
        return self._authorship.as_owner(actor, subject.author, *case_authors)

    def _facts_for_flag(
        self, subject: Subject, case_authors: frozenset[MemberId], record_id: str, actor: Actor
    ) -> FlagFacts:
        record = self._records.load(record_id).state
        judges = actor.moderates and actor.member_id not in case_authors
        return FlagFacts(
            subject=subject,
            is_visible=self._visibility.can_see(actor, subject),
            is_erased=self._visibility.is_erased(subject),
            record_id=record_id,
            weight=MODERATORS_WEIGHT if judges else record.weight,
            open_flags=len(record.open),
        )

    @contextmanager
    def _weighed_once(self, facts: FlagFacts, network: str, flag_id: str) -> Iterator[FlagFacts]:
        """Give the facts with no weight if another flag of the network counts today.

        Flags without weight take no place from others, and those of moderators need none.
        """
        if facts.weight in (WITHOUT_WEIGHT, MODERATORS_WEIGHT):
            yield facts
            return
        key = subject_key(facts.subject.kind, facts.subject.subject_id)
        with self._networks.counting(network, key, flag_id) as counts:
            yield facts if counts else replace(facts, weight=WITHOUT_WEIGHT)

    def _facts_for_decision(
        self, subject: Subject, case_authors: frozenset[MemberId]
    ) -> DecisionFacts:
        overturned = [self._decisions.load(each).state.by for each in subject.overturned]
        return DecisionFacts(
            subject=subject,
            case_authors=case_authors,
            in_force=self._decisions.load(subject.decision_id).state,
            overturned=frozenset(overturned),
        )

    def _subject_of(self, decision_id: str) -> Subject:
        decision = self._decisions.load(decision_id).state
        return self._subject(decision.subject_kind, decision.subject_id)

    def _case_authors(self, subject: Subject) -> frozenset[MemberId]:
        """Return the author of the case that the subject belongs to; of a statement, also who named
        the party."""
        found = [self._subject(SubjectKind.CASE, subject.belongs_to)]
        if subject.part_of:
            found.append(self._subject(SubjectKind.PARTY, subject.part_of))
        return frozenset(each.author for each in found)

    def _subject(self, kind: SubjectKind, subject_id: str) -> Subject:
        return self._subjects.load(subject_key(kind, subject_id)).state
