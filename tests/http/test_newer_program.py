"""The answers of a server while a newer version of it leads."""

import pytest

from config.process import Process
from tests.http.conftest import Caller, eventually, problem
from tests.http.public_cases import publish
from tests.newer import append_newer

OUTDATED = (503, "outdated")


@pytest.fixture(scope="module")
def half_readable(process: Process, anna: Caller) -> str:
    """A public case of whose stream only a newer program knows the last event."""
    case = publish(process, anna)
    assert anna("GET", f"/v1/cases/{case.case_id}", headers=case.seen).status_code == 200
    append_newer(process.container.stores()["cases"], process.container.codec(), case.case_id)
    return case.case_id


def test_commands_on_a_case_with_an_event_of_a_newer_program_are_refused(
    anna: Caller, half_readable: str
) -> None:
    before = anna("GET", f"/v1/cases/{half_readable}/proof").json
    reply = anna("POST", f"/v1/cases/{half_readable}/tags/police")
    assert problem(reply) == OUTDATED
    assert int(reply.headers["Retry-After"]) > 0
    assert anna("GET", f"/v1/cases/{half_readable}/proof").json == before


@pytest.mark.parametrize(
    "question",
    ["?as_of=2126-01-01T00:00:00Z", "?as_of=2020-01-01T00:00:00Z", "/history"],
)
def test_the_past_of_a_case_with_an_event_of_a_newer_program_is_not_served(
    anybody: Caller, half_readable: str, question: str
) -> None:
    assert problem(anybody("GET", f"/v1/cases/{half_readable}{question}")) == OUTDATED


def test_commands_on_other_cases_are_accepted(anna: Caller, half_readable: str) -> None:
    assert anna.report().status_code == 201


def test_the_present_document_of_the_case_is_served(anybody: Caller, half_readable: str) -> None:
    assert anybody("GET", f"/v1/cases/{half_readable}").status_code == 200


def test_metrics_list_subscribers_that_wait_for_a_newer_program(
    process: Process,
    operator: Caller,
    half_readable: str,
) -> None:
    def waiting() -> bool | None:
        metrics = operator("GET", "/metrics").text
        lines = (
            'kind="query",name="query.cases"',
            'kind="policy",name="when-case-is-backed-then-cite-exhibit',
        )
        found = [
            line
            for line in metrics.splitlines()
            if line.startswith("klarity_needs_newer_program{") and line.endswith(" 1.0")
        ]
        return all(any(each in line for line in found) for each in lines) or None

    assert process.container.parked().list() == []
    assert eventually(waiting)


def test_health_lists_subscribers_that_wait_for_a_newer_program_and_stays_ready(
    operator: Caller,
    half_readable: str,
) -> None:
    def told() -> bool | None:
        reply = operator("GET", "/health/ready")
        assert reply.status_code == 200
        return "query.cases" in reply.json["needs_newer_program"] or None

    assert eventually(told)
