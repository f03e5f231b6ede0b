"""What is on the broker is what the AsyncAPI document says. It runs after the other tests of the
deployment, and reads what they caused."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator

from application.system import CONTEXTS
from tests.acceptance.wire import Sent, Wiretap
from tests.system.phone import Phone, assert_becomes

OPENAPI = Path(__file__).parents[2] / "docs/contracts/openapi.json"

pytestmark = pytest.mark.system


def test_every_message_is_as_the_asyncapi_document_says(
    wire: Wiretap, public_case: str, passer_by: Phone
) -> None:
    document = passer_by.get("/asyncapi.json").json()
    subscriber = Subscriber(document)

    def arrived() -> tuple[bool, set[str]]:
        """Whether the event is there that published the case, and what is missing before it."""
        subscriber.receive(wire.read())
        return public_case in subscriber.public, subscriber.missing()

    assert_becomes(arrived, (True, set()))


def test_every_deployment_describes_all_routes(passer_by: Phone) -> None:
    assert passer_by.get("/openapi.json").json() == json.loads(OPENAPI.read_text())


class Subscriber:
    """A foreign program that knows the document and nothing else of Klarity."""

    def __init__(self, document: Any) -> None:
        self.public: set[str] = set()
        self._sequences: dict[str, set[str]] = defaultdict(set)
        self._payloads = {log: _validator(document, log, "payload") for log in CONTEXTS}
        self._headers = {log: _validator(document, log, "headers") for log in CONTEXTS}

    def receive(self, messages: Iterator[Sent]) -> None:
        for message in messages:
            self._headers[message.log].validate({"klarity-mac": message.mac})
            batch = json.loads(message.body)
            self._payloads[message.log].validate(batch)
            for each in batch:
                self._handle(message.log, JSONFormat().read(None, json.dumps(each)))

    def _handle(self, log: str, event: BaseCloudEvent) -> None:
        assert event.get_source() == f"/klarity/{log}"
        self._sequences[log].add(event.get_extension("sequence"))
        if event.get_type() == "org.klarity.cases.CasePublished.v1":
            data: Any = event.get_data()
            self.public.add(data["case_id"])

    def missing(self) -> set[str]:
        """The positions of events that have not arrived, though later ones have."""
        return {
            f"{log}@{position}"
            for log, found in self._sequences.items()
            for position in set(range(1, int(max(found)) + 1)) - {int(each) for each in found}
        }


def _validator(document: Any, log: str, part: str) -> Draft202012Validator:
    (message,) = document["channels"][log]["messages"].values()
    named = message["$ref"]
    return Draft202012Validator({"$ref": f"{named}/{part}", "components": document["components"]})
