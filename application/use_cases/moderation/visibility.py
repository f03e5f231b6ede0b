"""Decide from the aggregates whether a member may see a contribution of another."""

from collections.abc import Callable
from typing import assert_never

from application.executors import CaseExecutor, CommentExecutor, MemberExecutor, PartyExecutor
from domain.actors import Actor
from domain.cases.case import can_be_seen
from domain.cases.case_details import CaseStatus
from domain.discussions.comment import CommentConcealedReason
from domain.moderation.subject import Subject, SubjectKind


class Visibility:
    """Applies the rules of visibility that the query services apply. These may not have projected
    the newest events yet.

    An erased subject counts as visible, because everybody gets the reply 410 for it.
    """

    def __init__(
        self,
        cases: CaseExecutor,
        parties: PartyExecutor,
        comments: CommentExecutor,
        members: MemberExecutor,
        is_erased: Callable[[str], bool],
    ) -> None:
        self._cases = cases
        self._parties = parties
        self._comments = comments
        self._members = members
        self._is_erased = is_erased

    def can_see(self, by: Actor, subject: Subject) -> bool:
        """Return whether the actor may see the subject, if it exists."""
        key = subject.subject_id
        match subject.kind:
            case SubjectKind.CASE:
                state = self._cases.load(key).state
                return state.status is CaseStatus.ERASED or can_be_seen(state, by)
            case SubjectKind.PARTY:
                return self._can_see_party(key, by)
            case SubjectKind.DISPUTE:
                return self._can_see_statement(subject, by)
            case SubjectKind.EVIDENCE:
                return (
                    by.moderates or self._can_see_evidence(subject, by) or self.is_erased(subject)
                )
            case SubjectKind.COMMENT:
                return by.moderates or self._is_public_comment(key)
            case SubjectKind.MEMBER:
                return by.moderates or not self._members.load(key).state.hidden
            case _:
                assert_never(subject.kind)

    def is_erased(self, subject: Subject) -> bool:
        """Return whether the subject or its author was erased."""
        return subject.forgotten or self._is_erased(subject.author)

    def _can_see_party(self, party_id: str, by: Actor) -> bool:
        """Return whether the actor may see the party. Only moderators see a hidden one; nobody sees
        one that was retracted or erased."""
        party = self._parties.load(party_id).state
        shown = party.is_shown or (party.is_claimed and by.moderates)
        return shown and can_be_seen(self._cases.load(party.case_id).state, by)

    def _can_see_statement(self, subject: Subject, by: Actor) -> bool:
        """Return whether the actor may read the statement of a party, or gets 410 for it."""
        hidden = self._parties.load(subject.part_of).state.disputes[subject.subject_id].hidden
        return self._can_see_party(subject.part_of, by) and (by.moderates or not hidden)

    def _can_see_evidence(self, evidence: Subject, by: Actor) -> bool:
        """Return whether a case that the actor may see shows the evidence."""
        cases = (self._cases.load(case_id).state for case_id in evidence.cited_in)
        return any(
            evidence.subject_id in case.shown_evidence and can_be_seen(case, by) for case in cases
        )

    def _is_public_comment(self, comment_id: str) -> bool:
        """Return whether everybody can read the comment, or gets 410 because it was erased.

        A case that is not public has no discussion, not even for its author.
        """
        comment = self._comments.load(comment_id).state
        if comment.concealed_reason not in (None, CommentConcealedReason.ERASED):
            return False
        return self._cases.load(comment.case_id).state.is_public
