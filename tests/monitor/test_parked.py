"""Parked events on the monitor, and what operators decide."""

import pytest

from application.ports.parked import ParkedEvent
from application.use_cases.operations.parked_causes import causes_of
from config.process import Process
from tests.monitor.conftest import SUBSCRIBER, WHY, until_shown
from tests.site.conftest import Reader


def verdict(process: Process) -> str:
    return process.container.parked().list(SUBSCRIBER)[0].verdict


def cause_page(parked: ParkedEvent) -> str:
    return f"/monitor/parked/causes/{causes_of([parked])[0].key}"


def test_causes_are_listed_without_what_the_error_quotes(
    operator: Reader, parked: ParkedEvent
) -> None:
    operator.open("/monitor/parked")
    assert "ValueError: “…” is not …" in operator.text
    assert "1 event failed" in operator.text
    assert "1 will not be tried again until you decide" in operator.text
    assert "secret" not in operator.text


def test_an_event_is_shown_with_what_is_personal_sealed(
    operator: Reader, parked: ParkedEvent
) -> None:
    operator.open(cause_page(parked))
    link = operator.soup.find("th", scope="row").a["href"]
    operator.open(link)
    assert "tried 7 times" in operator.text
    assert "sealed" in operator.text
    assert "secret" not in operator.text


def test_all_of_a_cause_are_retried_with_a_name_and_a_reason(
    process: Process, operator: Reader, parked: ParkedEvent
) -> None:
    place = cause_page(parked)
    operator.open(place)
    operator.submit(place, {**WHY, "action": "retry"})
    assert operator.status == 200
    assert "1 of 1 event was decided on" in operator.text
    assert verdict(process) == "retry"
    until_shown(operator, "/monitor/interventions", "Olga", "The disk was full.")


def test_one_is_dropped_after_a_tick(
    process: Process, operator: Reader, parked: ParkedEvent
) -> None:
    operator.open(f"/monitor/parked/event?subscriber={SUBSCRIBER}&id={parked.event.id}")
    operator.submit("/monitor/parked/event", {**WHY, "action": "drop"})
    assert operator.status == 422
    assert "Tick the box" in operator.text
    assert verdict(process) == ""
    operator.submit("/monitor/parked/event", {**WHY, "action": "drop", "confirmed": "yes"})
    assert verdict(process) == "drop"
    operator.open("/monitor/subscribers/query/videos")
    assert parked.event.id in operator.text


def test_nothing_is_decided_without_a_reason(
    process: Process, operator: Reader, parked: ParkedEvent
) -> None:
    place = cause_page(parked)
    operator.open(place)
    operator.submit(place, {**WHY, "reason": "", "action": "retry"})
    assert operator.status == 422
    assert "Give a reason" in operator.text
    assert verdict(process) == ""


def test_unknown_actions_and_events_are_refused(operator: Reader, parked: ParkedEvent) -> None:
    place = cause_page(parked)
    for action in ("open", "burn"):
        operator.open(place)
        operator.submit(place, {**WHY, "action": action})
        assert operator.status == 400
    operator.open("/monitor/parked/causes/unknown")
    assert operator.status == 404
    operator.open("/monitor/parked/event?subscriber=videos.1&id=nothing")
    assert operator.status == 404


@pytest.mark.usefixtures("parked")
def test_a_subscriber_lists_what_it_has_parked(operator: Reader) -> None:
    operator.open("/monitor/subscribers/query/videos")
    assert "CaseReported" in operator.text
