"""Register what members contribute as a subject of moderation, with its author."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case_events import CaseReported
from domain.cases.party import PartyDisputed, PartyNamed
from domain.discussions.comment import CommentWritten
from domain.evidence.evidence import EvidenceReceived
from domain.ids import CaseId, MemberId
from domain.members.member import MemberRegistered
from domain.moderation.subject import RegisterSubject, SubjectKind, subject_key

NO_CASE = CaseId("")


class WhenSomethingIsSaidThenRegisterSubject(KlarityPolicy):
    name = "when-something-is-said-then-register-subject"
    service = "moderation"

    def react(
        self,
        event: CaseReported
        | PartyNamed
        | PartyDisputed
        | CommentWritten
        | EvidenceReceived
        | MemberRegistered,
        cause: Cause,
    ) -> None:
        match event:
            case CaseReported(case_id=case_id, author=author):
                self._register(SubjectKind.CASE, case_id, case_id, author, cause)
            case PartyNamed(party_id=party_id, case_id=case_id, by=author):
                self._register(SubjectKind.PARTY, party_id, case_id, author, cause)
            case PartyDisputed(dispute_id=key, case_id=case_id, party_id=party_id):
                author = MemberId(key)  # a party has no account
                self._register(SubjectKind.DISPUTE, key, case_id, author, cause, part_of=party_id)
            case CommentWritten(comment_id=comment_id, case_id=case_id, author=author):
                self._register(SubjectKind.COMMENT, comment_id, case_id, author, cause)
            case EvidenceReceived(evidence_id=evidence_id, owner=author):
                self._register(SubjectKind.EVIDENCE, evidence_id, NO_CASE, author, cause)
            case MemberRegistered(member_id=member_id):
                self._register(SubjectKind.MEMBER, member_id, NO_CASE, member_id, cause)

    def _register(
        self,
        kind: SubjectKind,
        subject_id: str,
        case_id: CaseId,
        author: MemberId,
        cause: Cause,
        *,
        part_of: str = "",
    ) -> None:
        command = RegisterSubject(
            kind=kind,
            subject_id=subject_id,
            case_id=case_id,
            part_of=part_of,
            author=author,
            by=SYSTEM,
            at=cause.at,
        )
        self.executors.subjects.execute(subject_key(kind, subject_id), command, cause.context())
