"""Send each change of an alert to the operator's own addresses."""

import json
from collections.abc import Mapping, Sequence
from typing import assert_never

from application.ports.clock import Clock
from application.ports.webhook_caller import CallFailed, WebhookCaller
from application.use_cases.webhooks.signature import secret_of, signed_headers, written_secret
from domain.operations.alert import AlertEased, AlertEvent, AlertRaised, AlertResolved

SIGNED_AS = "alerts"


class SendAlerts:
    """Posts the event to each address, signed as Standard Webhooks are.

    An event that was not accepted everywhere is parked, and sent everywhere at each retry. After
    the last retry it waits for the operator (``application/engine/parking.py``). Receivers
    recognise a repetition by its ``webhook-id``, which is that of the event.
    """

    def __init__(
        self, urls: Sequence[str], caller: WebhookCaller, key: bytes, clock: Clock
    ) -> None:
        self._urls = urls
        self._caller = caller
        self._secret = secret_of(key, SIGNED_AS)
        self._clock = clock

    @property
    def secret(self) -> str:
        """The secret with which receivers verify what is sent."""
        return written_secret(self._secret)

    def __call__(self, event: AlertEvent, event_id: str) -> None:
        """Send the event. Raises CallFailed if an address did not accept it."""
        body = json.dumps(_content(event), ensure_ascii=False).encode()
        errors = [error for url in self._urls if (error := self._error_of(url, event_id, body))]
        if errors:
            raise CallFailed(", ".join(errors))

    def _error_of(self, url: str, event_id: str, body: bytes) -> str:
        """Post the body to one address. Returns why that failed, or ""."""
        seconds = int(self._clock().timestamp())
        headers = signed_headers(self._secret, event_id, seconds, body)
        try:
            self._caller.call(url, {"content-type": "application/json", **headers}, body)
        except CallFailed as failed:
            return str(failed)
        return ""


def _content(event: AlertEvent) -> Mapping[str, object]:
    """Return what receivers get. Its time is that of the event, which is coarse."""
    data: dict[str, object] = {"alert": event.alert_id, "number": event.number}
    match event:
        case AlertRaised():
            kind = "alert.raised"
            data |= {"trouble": event.trouble, "subject": event.subject}
            data |= {"severity": event.severity, "text": event.text}
        case AlertEased():
            kind = "alert.eased"
            data |= {"severity": event.severity, "text": event.text}
        case AlertResolved():
            kind = "alert.resolved"
        case _:
            assert_never(event)
    return {"type": kind, "timestamp": event.at.isoformat(), "data": data}
