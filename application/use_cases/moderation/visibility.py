"""What a member may see of what others contributed, as the aggregates have it."""

from typing import assert_never

from application.executors import CaseExecutor, CommentExecutor, MemberExecutor, PartyExecutor
from domain.actors import Actor
from domain.cases.case import can_be_seen
from domain.cases.case_details import CaseStatus
from domain.discussions.comment import Concealment
from domain.moderation.subject import Subject, SubjectKind


class Visibility:
    """Agrees with what query services answer, which may not have projected the newest events yet.

    What is answered with 410 to everybody, because it was erased, counts as seen.
    """

    def __init__(
        self,
        cases: CaseExecutor,
        parties: PartyExecutor,
        comments: CommentExecutor,
        members: MemberExecutor,
    ) -> None:
        self._cases = cases
        self._parties = parties
        self._comments = comments
        self._members = members

    def can_see(self, by: Actor, subject: Subject) -> bool:
        """Whether the actor may see the subject, if it exists."""
        key = subject.subject_id
        match subject.kind:
            case SubjectKind.CASE:
                state = self._cases.load(key).state
                return state.status is CaseStatus.ERASED or can_be_seen(state, by)
            case SubjectKind.PARTY:
                return self._sees_party(key, by)
            case SubjectKind.EVIDENCE:
                return by.moderates or self._is_shown(subject, by) or self.is_erased(subject)
            case SubjectKind.COMMENT:
                return by.moderates or self._is_read(key)
            case SubjectKind.MEMBER:
                return by.moderates or not self._members.load(key).state.hidden
            case _:
                assert_never(subject.kind)

    def is_erased(self, subject: Subject) -> bool:
        """Whether the author of the subject has erased their account."""
        return self._members.load(subject.author).state.erased

    def _sees_party(self, party_id: str, by: Actor) -> bool:
        """Nobody sees a party that was retracted or erased, and moderators one that is hidden."""
        party = self._parties.load(party_id).state
        shown = party.is_shown or (party.is_claimed and by.moderates)
        return shown and can_be_seen(self._cases.load(party.case_id).state, by)

    def _is_shown(self, evidence: Subject, by: Actor) -> bool:
        """In one of the cases that cite it."""
        cases = (self._cases.load(case_id).state for case_id in evidence.cited_in)
        return any(evidence.subject_id in case.shown and can_be_seen(case, by) for case in cases)

    def _is_read(self, comment_id: str) -> bool:
        """Whether everybody can read the comment, or learns that it was erased.

        A case that is not public has no discussion, not even for its author.
        """
        comment = self._comments.load(comment_id).state
        if comment.concealed not in (None, Concealment.ERASED):
            return False
        return self._cases.load(comment.case_id).state.is_public
