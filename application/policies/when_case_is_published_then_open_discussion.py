"""Every public case is discussed, and no other."""

from application.policies.policy import Cause, Policy
from domain.cases.case import (
    CaseHidden,
    CasePublished,
    CaseRestored,
    CaseStatus,
    CaseUnpublished,
    CaseWithdrawn,
)
from domain.discussions.discussion import CloseDiscussion, OpenDiscussion
from domain.ids import SYSTEM


class WhenCaseIsPublishedThenOpenDiscussion(Policy):
    name = "when-case-is-published-then-open-discussion"
    service, topics = "discussions", ("cases",)
    hears = (
        "cases.CasePublished",
        "cases.CaseRestored",
        "cases.CaseHidden",
        "cases.CaseUnpublished",
        "cases.CaseWithdrawn",
    )

    def react(self, event: object, cause: Cause) -> None:
        match event:
            case CasePublished() | CaseRestored(status=CaseStatus.PUBLISHED):
                opening = OpenDiscussion(case_id=event.case_id, by=SYSTEM, at=cause.at)
                self.do.discussions.execute(event.case_id, opening, cause.context())
            case CaseHidden() | CaseUnpublished() | CaseWithdrawn():
                closing = CloseDiscussion(by=SYSTEM, at=cause.at)
                self.do.discussions.execute(event.case_id, closing, cause.context())
