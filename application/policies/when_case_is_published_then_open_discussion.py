"""Every public case is discussed, and no other."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case import (
    CaseHidden,
    CasePublished,
    CaseRestored,
    CaseStatus,
    CaseUnpublished,
    CaseWithdrawn,
)
from domain.discussions.discussion import CloseDiscussion, OpenDiscussion
from domain.ids import CaseId


class WhenCaseIsPublishedThenOpenDiscussion(KlarityPolicy):
    name = "when-case-is-published-then-open-discussion"
    service = "discussions"

    def react(
        self,
        event: CasePublished | CaseRestored | CaseHidden | CaseUnpublished | CaseWithdrawn,
        cause: Cause,
    ) -> None:
        match event:
            case CasePublished() | CaseRestored(status=CaseStatus.PUBLISHED):
                self._open(event.case_id, cause)
            case CaseHidden() | CaseUnpublished() | CaseWithdrawn():
                closing = CloseDiscussion(by=SYSTEM, at=cause.at)
                self.executors.discussions.execute(event.case_id, closing, cause.context())

    def _open(self, case_id: CaseId, cause: Cause) -> None:
        case = self.executors.cases.load(case_id).state
        opening = OpenDiscussion(
            case_id=case_id,
            author=case.author,
            anonymous=case.anonymous,
            by=SYSTEM,
            at=cause.at,
        )
        self.executors.discussions.execute(case_id, opening, cause.context())
