"""Let nobody flag a party's statement any more that moderators erased."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.party import StatementErased
from domain.moderation.subject import ForgetAuthor, SubjectKind, subject_key


class WhenStatementIsErasedThenForgetItsSubject(KlarityPolicy):
    name = "when-statement-is-erased-then-forget-its-subject"
    service = "moderation"

    def react(self, event: StatementErased, cause: Cause) -> None:
        match event:
            case StatementErased():
                key = subject_key(SubjectKind.DISPUTE, event.dispute_id)
                forget = ForgetAuthor(by=SYSTEM, at=cause.at)
                self.executors.subjects.execute(key, forget, cause.context())
