"""Two workers that serve, and a third process that works, on a real store and a real broker."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.media import photo_with_gps
from tests.observability.collector import Collector, Sent
from tests.observability.conftest import PATIENCE
from tests.servers import wait_until
from tests.system.deployment import Klarity, shared_stores
from tests.system.phone import Phone

AGENT = "Marked-Browser/7.7"
TRACE_OF_CLIENT = "4bf92f3577b34da6a3ce929d0e0e4736"
MARKED = {
    "User_Agent": AGENT,
    "traceparent": f"00-{TRACE_OF_CLIENT}-00f067aa0ba902b7-01",
    "tracestate": "marked=state",
    "baggage": "reporter=marked-baggage",
    "X_Forwarded_For": "203.0.113.77",
}
SAID = {"title": "A marked title", "story": "A marked story of Marktown."}
NAMED = "cases.CaseReported"


@dataclass
class System:
    """What runs, what was traced, and what nobody but Klarity may hold."""

    serving: Klarity
    working: Klarity
    collector: Collector
    secrets: set[str] = field(default_factory=set)

    def report(self, phone: Phone, **body: Any) -> str:
        """Report a case, with marks in all that a client sends; the id of the case."""
        reply = phone.call("POST", "/v1/cases", {**SAID, **body}, **MARKED)
        assert reply.status_code == 201, reply.text
        case_id: str = reply.json()["case_id"]
        self.secrets |= {case_id, case_id.replace("-", ""), reply.headers["X-Request-Id"]}
        return case_id

    def traces(self) -> dict[bytes, list[Sent]]:
        found: dict[bytes, list[Sent]] = {}
        for span in self.collector.spans():
            found.setdefault(span.trace, []).append(span)
        return found

    def metrics(self) -> str:
        return requests.get(f"{self.serving.internal_url}/metrics", timeout=60).text


@pytest.fixture(scope="module")
def system(
    mongo_url: str, rabbitmq_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("processes")
    with ExitStack() as stack:
        collector = stack.enter_context(Collector().running())
        settings = shared_stores(mongo_url, BUS_URL=rabbitmq_url, TRACES_URL=collector.url)
        working = Klarity(folder / "working", "work", **settings)
        serving = Klarity(folder / "serving", WORKERS="2", BACKGROUND="false", **settings)
        for klarity in (working, serving):
            stack.callback(klarity.close)
            klarity.start()
        yield System(serving, working, collector)


@pytest.fixture(scope="module")
def told(system: System, tmp_path_factory: pytest.TempPathFactory) -> System:
    """The system after a named and an anonymous report of one member, in one visit."""
    photo = photo_with_gps(tmp_path_factory.mktemp("photo") / "photo.jpg")
    with Phone(system.serving.url, "Marked Anna") as anna:
        anna.join()
        system.secrets |= {anna.member_id, anna.pseudonym, anna.passphrase}
        for anonymous in (False, True):
            evidence = anna.upload(photo)
            case_id = system.report(anna, evidence=[evidence], anonymous=anonymous)
            anna.case_when(case_id, lambda case: case["status"] == "published")
            anna.get(f"/v1/cases/{case_id}", **MARKED)
            system.secrets.add(evidence)
    traced = wait_until(lambda: len(whole_traces(system)) >= 2, PATIENCE)
    assert traced, [[span.name for span in spans] for spans in system.traces().values()]
    return system


def whole_traces(system: System) -> list[list[Sent]]:
    """The traces of reports that have come as far as a read model."""
    return [
        spans
        for spans in system.traces().values()
        if {"POST /v1/cases", "publish cases", "project cases"} <= {span.name for span in spans}
        and any(span.name.startswith("react ") for span in spans)
    ]


def roots(spans: Sequence[Sent]) -> list[Sent]:
    """The spans whose parent is not in the trace."""
    ids = {span.id for span in spans}
    return [span for span in spans if span.parent not in ids]


def test_a_report_is_one_connected_trace_over_two_processes(told: System) -> None:
    for spans in whole_traces(told):
        (root,) = roots(spans)
        assert root.name == "POST /v1/cases"
        appended = [span for span in spans if span.parent == root.id]
        assert {span.name for span in appended} == {"append cases"}
        assert {span.process for span in appended} == {root.process}
        elsewhere = {span.process for span in spans if span.name.startswith(("publish", "project"))}
        assert len(elsewhere) == 1
        assert root.process not in elsewhere


def test_a_policy_and_what_follows_from_it_are_in_the_trace(told: System) -> None:
    for spans in whole_traces(told):
        by_id = {span.id: span for span in spans}
        reactions = {span.id for span in spans if span.name.startswith("react ")}
        followed = [span for span in spans if span.parent in reactions]
        assert {span.name.split()[0] for span in followed} == {"append"}
        assert all(by_id[by_id[each].parent].name.startswith("append ") for each in reactions)


def test_two_requests_of_one_visit_share_no_trace(told: System) -> None:
    for spans in told.traces().values():
        requests_ = [span for span in spans if re.match("[A-Z]+ /", span.name)]
        assert len(requests_) <= 1


def test_what_the_member_did_for_themselves_is_not_traced(told: System) -> None:
    names = {span.name for span in told.collector.spans()}
    assert not [name for name in names if "session" in name or "members" in name]


def test_nothing_of_a_reporter_is_sent_to_the_collector(told: System) -> None:
    """The bytes themselves are searched, so that no field is overlooked."""
    sent = b"".join(told.collector.bodies)
    assert b"POST /v1/cases" in sent
    marks = {
        *told.secrets,
        *SAID.values(),
        AGENT,
        *MARKED.values(),
        "127.0.0.1",
        "Marked",
        "marked",
    }
    assert not [mark for mark in marks if mark.encode() in sent]
    ids = {mark.replace("-", "") for mark in told.secrets} | {TRACE_OF_CLIENT}
    raw = [bytes.fromhex(each) for each in ids if re.fullmatch("[0-9a-f]{32}", each)]
    assert len(raw) > 3
    assert not [each for each in raw if each in sent]


def test_nothing_of_a_reporter_is_in_the_logs(told: System) -> None:
    marks = {*SAID.values(), AGENT, *MARKED.values(), "Marked", "marked"}
    for klarity in (told.serving, told.working):
        written = (klarity.folder / "log").read_text()
        assert not [mark for mark in marks if mark in written]


def test_whichever_worker_is_asked_tells_the_metrics_of_both(told: System) -> None:
    """Each counts its own requests; the sum does not depend on which of them is asked."""
    sums = Counter[float]()
    for _ in range(8):
        text = told.metrics()
        workers = set(re.findall(r'klarity_process_up\{process="(\d+)"\} 1\.0', text))
        assert len(workers) == 2
        counted = re.findall(
            r'request_duration_seconds_count\{.*route="/v1/cases",status="2xx"\} (.+)', text
        )
        sums[sum(map(float, counted))] += 1
    assert sums == {2.0: 8}
