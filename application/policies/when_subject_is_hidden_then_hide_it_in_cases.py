"""Hide or restore a case, party or exhibit when moderation hides or restores it."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case_commands import HideCase, RestoreCase
from domain.cases.exhibit import ReturnExhibit, WithholdExhibit
from domain.cases.party import HideParty, HideStatement, RestoreParty, RestoreStatement
from domain.ids import EvidenceId
from domain.moderation.subject import SubjectHidden, SubjectKind, SubjectRestored


class WhenSubjectIsHiddenThenHideItInCases(KlarityPolicy):
    name = "when-subject-is-hidden-then-hide-it-in-cases"
    service = "cases"

    def react(self, event: SubjectHidden | SubjectRestored, cause: Cause) -> None:
        match event:
            case SubjectHidden():
                self._hide(event, cause)
            case SubjectRestored():
                self._restore(event, cause)

    def _hide(self, event: SubjectHidden, cause: Cause) -> None:
        key, rule, at, context = event.subject_id, event.rule, cause.at, cause.context()
        match event.subject_kind:
            case SubjectKind.CASE:
                hide = HideCase(rule=rule, role=event.role, by=SYSTEM, at=at)
                self.executors.cases.execute(key, hide, context)
            case SubjectKind.PARTY:
                hide_name = HideParty(rule=rule, role=event.role, by=SYSTEM, at=at)
                self.executors.parties.execute(key, hide_name, context)
            case SubjectKind.DISPUTE:
                hide_words = HideStatement(
                    dispute_id=key, rule=rule, role=event.role, by=SYSTEM, at=at
                )
                self.executors.parties.execute(event.part_of, hide_words, context)
            case SubjectKind.EVIDENCE:
                item = EvidenceId(key)
                withhold = WithholdExhibit(evidence_id=item, rule=rule, by=SYSTEM, at=at)
                self.executors.exhibits.execute(key, withhold, context)
            case SubjectKind.COMMENT | SubjectKind.MEMBER:
                pass

    def _restore(self, event: SubjectRestored, cause: Cause) -> None:
        key, at, context = event.subject_id, cause.at, cause.context()
        match event.subject_kind:
            case SubjectKind.CASE:
                self.executors.cases.execute(key, RestoreCase(by=SYSTEM, at=at), context)
            case SubjectKind.PARTY:
                self.executors.parties.execute(key, RestoreParty(by=SYSTEM, at=at), context)
            case SubjectKind.DISPUTE:
                restore = RestoreStatement(dispute_id=key, by=SYSTEM, at=at)
                self.executors.parties.execute(event.part_of, restore, context)
            case SubjectKind.EVIDENCE:
                give_back = ReturnExhibit(evidence_id=EvidenceId(key), by=SYSTEM, at=at)
                self.executors.exhibits.execute(key, give_back, context)
            case SubjectKind.COMMENT | SubjectKind.MEMBER:
                pass
