"""Send each change of an alert to the addresses that the operator chose."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from domain.operations.alert import AlertEased, AlertRaised, AlertResolved


class WhenAlertChangesThenSendIt(KlarityPolicy):
    """An event that no address accepts is parked and retried, like any other."""

    name = "when-alert-changes-then-send-it"
    service = "operations"

    def react(self, event: AlertRaised | AlertEased | AlertResolved, cause: Cause) -> None:
        match event:
            case AlertRaised() | AlertEased() | AlertResolved():
                self.dependencies.send_alert(event, cause.event.id)
