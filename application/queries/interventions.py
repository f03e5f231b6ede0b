"""What did operators do to the running system, and why?"""

from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.filters import equal
from application.engine.query_service import Audience, PrivateText, QueryService
from application.engine.rows import Rows, in_log_order
from application.ports.read_models import Find, by, by_range
from domain.operations.intervention import (
    Action,
    InterventionBegun,
    InterventionFinished,
    InterventionSigned,
    OperatorForgotten,
)
from domain.personal import PersonalText


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionDocument:
    """``done`` says how many of the ``targets`` were changed. ``events_a_second`` is the speed at
    most of a rebuild; 0 means no limit."""

    intervention_id: str
    action: Action
    subject: str
    targets: int
    events_a_second: float = 0.0
    operator: PersonalText = ""
    reason: PersonalText = ""
    begun_at: datetime
    finished_at: datetime | None = None
    done: int = 0
    failed: str = ""
    place: PrivateText


class Interventions(QueryService[InterventionDocument]):
    """What did operators do to the running system, and why?"""

    name = "interventions"
    document, key = InterventionDocument, "intervention_id"
    path, audience, single = "/operations/interventions", Audience.OPERATORS, True
    indexes = (by("action"), by_range("place"))

    def project(
        self,
        event: InterventionBegun | InterventionSigned | InterventionFinished | OperatorForgotten,
        rows: Rows[InterventionDocument],
    ) -> None:
        key = event.intervention_id
        match event:
            case InterventionBegun():
                rows.put(key, _begun(event, rows))
            case InterventionSigned(operator=operator, reason=reason):
                rows.change(key, lambda row: replace(row, operator=operator, reason=reason))
            case InterventionFinished():
                rows.change(
                    key,
                    lambda row: replace(
                        row, finished_at=event.at, done=event.done, failed=event.failed
                    ),
                )
            case OperatorForgotten():
                rows.change(key, lambda row: replace(row, operator="", reason=""))

    def ask(self, *, action: Action | None = None) -> Find:
        """What operators did, the newest first."""
        return Find(where=equal(action=action), order_by="place")


def _begun(event: InterventionBegun, rows: Rows[InterventionDocument]) -> InterventionDocument:
    return InterventionDocument(
        intervention_id=event.intervention_id,
        action=event.action,
        subject=event.subject,
        targets=len(event.targets),
        events_a_second=event.events_a_second,
        begun_at=event.at,
        place=in_log_order(rows, event.at),
    )
