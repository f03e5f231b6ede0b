"""The event browser, subscribers, and one command followed."""

from datetime import UTC, date, datetime

import pytest

from application.ports.codec import RecordedEvent
from config.process import Process
from entrypoints.monitor.events import position_of_day
from tests.http.conftest import Caller, eventually
from tests.monitor.conftest import WHY, until_shown
from tests.site.conftest import Reader


@pytest.fixture
def reported(process: Process, case_id: str) -> RecordedEvent:
    history = process.container.history()
    return eventually(
        lambda: next(
            (e for e in history.read("cases", 0, 1000) if case_id in e.stream and e.position), None
        )
    )


def day_of(event: RecordedEvent) -> str:
    return datetime.fromtimestamp(event.stamp / 1_000_000, UTC).date().isoformat()


def open_one(operator: Reader, event: RecordedEvent) -> None:
    operator.open(f"/monitor/events/one?id={event.id}")
    assert operator.status == 200


def test_the_newest_events_of_a_log_are_shown_sealed(
    operator: Reader, reported: RecordedEvent
) -> None:
    operator.open("/monitor/events?log=cases")
    assert reported.stream in operator.text
    open_one(operator, reported)
    assert "details.title" in operator.text
    assert "secret" not in operator.text


def test_events_are_found_by_type_stream_and_day(operator: Reader, reported: RecordedEvent) -> None:
    day = day_of(reported)
    for query in (f"stream={reported.stream}", "type=cases.CaseReported", f"day={day}"):
        operator.open(f"/monitor/events?log=cases&{query}")
        assert "CaseReported" in operator.soup.find("tbody").get_text(), query
    operator.open("/monitor/events?log=cases&type=cases.CaseErased")
    assert operator.soup.find("tbody") is None
    operator.open("/monitor/events?log=cases&day=2999-01-01")
    assert operator.soup.find("tbody") is None
    operator.open("/monitor/events?log=cases&day=yesterday")
    assert "Write a day as" in operator.text


def test_a_stream_begins_with_its_first_event_however_long_its_log_is(
    operator: Reader, reported: RecordedEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.monitor.events.A_PAGE", 1)
    of_stream = f"/monitor/events?log=cases&stream={reported.stream}"
    for query in ("", f"&day={day_of(reported)}", "&day=yesterday"):
        operator.open(of_stream + query)
        assert "CaseReported" in operator.soup.find("tbody").get_text(), query
    operator.open(f"{of_stream}&day=2999-01-01")
    assert operator.soup.find("tbody") is None


def test_pages_lead_on_and_back(operator: Reader, reported: RecordedEvent) -> None:
    operator.open(f"/monitor/events?log=cases&after={reported.position - 1}")
    first = operator.soup.find("tbody").find("tr")
    assert f"{reported.position:,}" in first.get_text()
    assert operator.soup.find("a", string="Newer")


def test_opening_is_recorded_with_name_and_reason(
    operator: Reader, reported: RecordedEvent
) -> None:
    open_one(operator, reported)
    operator.submit("/monitor/events/one", {**WHY, "reason": " "})
    assert operator.status == 422
    assert "secret" not in operator.text
    operator.submit("/monitor/events/one", WHY)
    assert "The secret title" in operator.text
    until_shown(operator, "/monitor/interventions?action=open", reported.id, "opened")


def test_the_member_of_an_anonymous_case_is_not_shown_even_when_it_is_opened(
    process: Process, operator: Reader, anna: Caller
) -> None:
    case_id = anna.report(anonymous=True).json["case_id"]
    history = process.container.history()
    event = eventually(
        lambda: next((e for e in history.read("cases", 0, 9999) if case_id in e.stream), None)
    )
    open_one(operator, event)
    operator.submit("/monitor/events/one", WHY)
    assert "A permit for a bribe" in operator.text
    assert anna.member_id not in str(operator.soup)
    assert anna.pseudonym not in str(operator.soup)


def test_what_is_erased_cannot_be_opened(process: Process, operator: Reader) -> None:
    leaver = Caller(process.app.test_client()).join()
    history = process.container.history()
    event = eventually(
        lambda: next(
            (e for e in history.read("members", 0, 9999) if leaver.member_id in e.stream), None
        )
    )
    assert leaver.leave().status_code < 300
    eventually(lambda: process.use_cases.accounts.is_erased(leaver.member_id) or None)
    open_one(operator, event)
    operator.submit("/monitor/events/one", WHY)
    assert "nobody can open it" in operator.text


@pytest.mark.parametrize(
    "event_id", ["", "cases", "nothing/case-x@1", "cases/case-x@1", "cases/case-x@x"]
)
def test_an_event_that_does_not_exist_is_not_found(operator: Reader, event_id: str) -> None:
    operator.open(f"/monitor/events/one?id={event_id}")
    assert operator.status == 404


def test_a_log_that_does_not_exist_is_not_found(operator: Reader) -> None:
    operator.open("/monitor/events?log=nothing")
    assert operator.status == 404


def test_a_day_is_found_by_halving() -> None:
    class Log:
        def read(self, _: str, after: int, __: int) -> list[RecordedEvent]:
            stamp = int(datetime(2026, 3, 1 + after // 10, tzinfo=UTC).timestamp()) * 1_000_000
            return [
                RecordedEvent(
                    log="l",
                    position=after + 1,
                    stream="s",
                    version=1,
                    stamp=stamp,
                    type="t",
                    schema=1,
                    data=b"{}",
                )
            ]

    found = position_of_day(Log(), "l", date(2026, 3, 3), 100)  # type: ignore[arg-type]  # it needs read alone
    assert found == 20


def test_a_command_is_followed_through_all_services(operator: Reader, anna: Caller) -> None:
    reply = anna.report()
    correlation_id = reply.headers["X-Request-Id"]
    operator.open(f"/monitor/commands?id={correlation_id}")
    assert "cases: CaseReported" in operator.text
    assert "query cases" in operator.text
    operator.open("/monitor/commands?id=unknown")
    assert "No event of any log has this id." in operator.text
    operator.open("/monitor/commands")
    assert operator.status == 200


def test_a_subscriber_shows_how_far_it_has_come(operator: Reader) -> None:
    name = "when-case-is-published-then-open-discussion"
    operator.open(f"/monitor/subscribers/policy/{name}")
    assert "It has come to position" in operator.text
    operator.open("/monitor/subscribers/policy/nothing")
    assert operator.status == 404


def test_an_intervention_that_does_not_exist_is_not_found(operator: Reader) -> None:
    operator.open("/monitor/interventions/6f0a2f5e-3a0e-4cf2-9a8e-0a6d6c1f7b52")
    assert operator.status == 404
