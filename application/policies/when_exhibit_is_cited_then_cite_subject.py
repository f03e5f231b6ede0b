"""Record in moderation which cases cite a piece of evidence."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.exhibit import ExhibitCited
from domain.moderation.subject import CiteSubject, SubjectKind, subject_key


class WhenExhibitIsCitedThenCiteSubject(KlarityPolicy):
    name = "when-exhibit-is-cited-then-cite-subject"
    service = "moderation"

    def react(self, event: ExhibitCited, cause: Cause) -> None:
        match event:
            case ExhibitCited(evidence_id=evidence_id, case_id=case_id):
                command = CiteSubject(
                    kind=SubjectKind.EVIDENCE,
                    subject_id=evidence_id,
                    case_id=case_id,
                    by=SYSTEM,
                    at=cause.at,
                )
                key = subject_key(SubjectKind.EVIDENCE, evidence_id)
                self.executors.subjects.execute(key, command, cause.context())
