"""Open the discussion of a case when it becomes public, and close it when it no longer is."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.actors import SYSTEM
from domain.cases.case_events import CasePublished, CaseUnpublished
from domain.discussions.discussion import CloseDiscussion, OpenDiscussion


class WhenCaseIsPublishedThenOpenDiscussion(KlarityPolicy):
    name = "when-case-is-published-then-open-discussion"
    service = "discussions"

    def react(self, event: CasePublished | CaseUnpublished, cause: Cause) -> None:
        match event:
            case CasePublished():
                opening = OpenDiscussion(
                    case_id=event.case_id,
                    author=event.author,
                    anonymous=event.anonymous,
                    by=SYSTEM,
                    at=cause.at,
                )
                self.executors.discussions.execute(event.case_id, opening, cause.context())
            case CaseUnpublished():
                closing = CloseDiscussion(by=SYSTEM, at=cause.at)
                self.executors.discussions.execute(event.case_id, closing, cause.context())
