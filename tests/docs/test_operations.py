"""What docs/operations.md says of the alerts of the monitor."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
import yaml

from application.engine.announcing import TOPIC
from application.engine.parking import RETRY_PAUSES
from application.use_cases.operations.send_alerts import SendAlerts
from domain.operations.alert import AlertEvent, AlertId, AlertRaised, Severity, Trouble
from tests.docs.conftest import ROOT
from tests.docs.test_snippets import snippets
from tests.world import START

PAGE = "docs/operations.md"


class Receiver:
    """Keeps the delivery that it gets."""

    def call(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.headers, self.body = headers, body

    def may_call(self, url: str) -> bool:
        return True


def snippet(language: str) -> str:
    (found,) = [one.text for one in snippets(language) if one.page == PAGE]
    return found


def sent(event: AlertEvent) -> tuple[str, Receiver]:
    """Send the event. Returns the secret and the receiver."""
    receiver = Receiver()
    send = SendAlerts(["https://pager.example"], receiver, bytes(32), lambda: START)
    send(event, "the event")
    return send.secret, receiver


@pytest.fixture
def raised() -> AlertRaised:
    """The event of the example."""
    example = json.loads(snippet("json"))
    return AlertRaised(
        alert_id=AlertId(f"{Trouble.BUS}:{TOPIC}"),
        number=1,
        trouble=Trouble.BUS,
        subject=TOPIC,
        severity=Severity.WARNING,
        text=example["data"]["text"],
        at=datetime.fromisoformat(example["timestamp"]),
    )


def test_the_example_of_an_alert_is_what_is_sent(raised: AlertRaised) -> None:
    _, receiver = sent(raised)
    assert json.loads(receiver.body) == json.loads(snippet("json"))


def test_the_example_of_a_receiver_knows_what_is_genuine(raised: AlertRaised) -> None:
    names: dict[str, Any] = {}
    exec(snippet("python"), names)  # noqa: S102 -- from our own page
    secret, receiver = sent(raised)
    assert names["is_genuine"](secret, receiver.headers, receiver.body)
    assert not names["is_genuine"](secret, receiver.headers, receiver.body + b" ")


def test_the_page_tells_when_a_delivery_is_repeated() -> None:
    pauses = [*map(int, RETRY_PAUSES)]
    assert pauses == [1, 5, 25, 2 * 60, 10 * 60, 60 * 60]
    assert f"about {sum(pauses) / 60:.0f} minutes after the first" in (ROOT / PAGE).read_text()


def test_the_page_names_each_trouble_and_each_rule() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/klarity.rules.yml").read_text())
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    table = (
        (ROOT / PAGE).read_text().partition("| Trouble in the monitor |")[2].partition("\n\n")[0]
    )
    assert [name for name in (*Trouble, *names) if f"`{name}`" not in table] == []
