"""``GET /v1/updates`` over HTTP."""

import json
from base64 import urlsafe_b64decode
from functools import partial
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest

from application.engine.answers import NotCaughtUp
from application.engine.executor import CommandContext
from application.ports.unavailable import Unavailable
from application.updates import read_positions
from config.process import Process
from domain.actors import SYSTEM
from domain.cases.case_commands import AcceptEvidence
from domain.ids import EvidenceId, MediaKind
from entrypoints.asgi.environ import WAKE
from entrypoints.http import updates
from entrypoints.http.problems import problem as problem_of
from entrypoints.http.updates import EventIds
from entrypoints.nginx import nginx_configuration
from tests.http.conftest import Caller, eventually

Event = dict[str, str]
ORIGIN = "https://news.example"


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"STREAMS": "2", "PROXIES": "1", "CORS_ORIGINS": ORIGIN}


@pytest.fixture(autouse=True)
def short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "LONGEST_SECONDS", 1.0)


@pytest.fixture
def case_id(process: Process, anna: Caller) -> str:
    """A public case of Anna's, tagged by its own id."""
    case_id = str(uuid4())
    evidence_id = EvidenceId(str(uuid4()))
    about = {"tags": [case_id], "category": "bribery", "evidence": [evidence_id]}
    reported = anna.report(case_id=case_id, **about)
    assert reported.status_code == 201
    made = process.container
    command = AcceptEvidence(
        evidence_id=evidence_id,
        kind=MediaKind.PHOTO,
        sha256="ab",
        commitment="cd",
        by=SYSTEM,
        at=made.clock()(),
    )
    made.executors().cases.execute(case_id, command, CommandContext())
    return case_id


@pytest.fixture(scope="module")
def ids(process: Process) -> EventIds:
    return EventIds(process.container.texts())


@pytest.fixture(scope="module")
def beginning(ids: EventIds) -> str:
    """The id of an update before all others."""
    return ids.write({"cases": 0})


def received(caller: Caller, last: str = "", query: str = "", updates: int = 0) -> list[Event]:
    """The blocks of a stream until it ends; another stream while it has too few updates."""

    def enough() -> list[Event] | None:
        events = streamed(caller, last, query)
        return events if len(updates_of(events)) >= updates else None

    return eventually(enough)


def streamed(caller: Caller, last: str, query: str) -> list[Event]:
    """The blocks of a stream, as a browser reads them, until it ends."""
    headers = {"Last-Event-ID": last} if last else {}
    with caller("GET", f"/v1/updates{query}", headers=headers) as reply:
        assert (reply.status_code, reply.mimetype) == (200, "text/event-stream")
        blocks = reply.get_data(as_text=True).split("\n\n")
    assert blocks.pop() == ""
    return [dict(fields(block)) for block in blocks]


def fields(block: str) -> list[tuple[str, str]]:
    return [
        (name, value) for name, _, value in (line.partition(": ") for line in block.split("\n"))
    ]


def updates_of(events: list[Event]) -> list[tuple[str, str]]:
    data = [json.loads(event["data"]) for event in events if "data" in event]
    return [(each["kind"], each["case_id"]) for each in data]


def test_the_publication_of_a_case_is_sent(
    anybody: Caller, case_id: str, beginning: str, ids: EventIds
) -> None:
    first, update = received(anybody, beginning, f"?case_id={case_id}", updates=1)
    assert first == {"retry": first["retry"], "id": first["id"]}
    assert 2000 <= int(first["retry"]) <= 5000
    assert read_positions(ids.read(first["id"]))["cases"] == 0
    assert update["event"] == "case-published"
    data = json.loads(update["data"])
    assert data.pop("at").endswith("Z")
    assert data == {
        "kind": "case-published",
        "case_id": case_id,
        "category": "bribery",
        "url": f"/v1/cases/{case_id}",
    }
    assert anybody("GET", data["url"]).status_code == 200


def test_an_id_reveals_neither_a_position_nor_that_no_event_happened(
    anybody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "HEARTBEAT_SECONDS", 0.1)
    found = [event["id"] for event in received(anybody, query=f"?case_id={uuid4()}")]
    assert len(found) > 1
    assert len(set(found)) == len(found)
    assert len({len(each) for each in found}) == 1
    assert not [each for each in found if b"cases" in decoded(each)]


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_client_continues_after_its_last_id(
    anybody: Caller, anna: Caller, ben: Caller, case_id: str, beginning: str
) -> None:
    only = f"?case_id={case_id}"
    _, published = received(anybody, beginning, only, updates=1)
    assert updates_of(received(anybody, published["id"], only)) == []
    ben("PUT", f"/v1/cases/{case_id}/support")
    anna("POST", f"/v1/cases/{case_id}/tags/police")
    rest = received(anybody, published["id"], only, updates=2)
    assert updates_of(rest) == [("case-supported", case_id), ("case-changed", case_id)]
    assert ben.member_id not in json.dumps(rest)
    assert anna.member_id not in json.dumps(rest)


def test_a_client_without_a_last_id_gets_new_updates_only(
    anybody: Caller, case_id: str, beginning: str, ids: EventIds
) -> None:
    *_, published = received(anybody, beginning, f"?case_id={case_id}", updates=1)
    (start,) = received(anybody)
    was, now = (read_positions(ids.read(each["id"])) for each in (published, start))
    assert all(now[log] >= position for log, position in was.items())


def test_updates_can_be_filtered(anybody: Caller, case_id: str, beginning: str) -> None:
    tagged = received(anybody, beginning, f"?tag={case_id}", updates=1)
    assert updates_of(tagged) == [("case-published", case_id)]
    assert updates_of(received(anybody, beginning, f"?tag={case_id}&category=fraud")) == []
    published = received(anybody, beginning, "?kind=case-published", updates=1)
    assert ("case-published", case_id) in updates_of(published)
    assert updates_of(received(anybody, beginning, "?kind=case-shared")) == []


@pytest.mark.parametrize(
    "query", ["?case_id=1", "?category=gossip", "?kind=published", "?surprise=1"]
)
def test_an_invalid_filter_is_refused(anybody: Caller, query: str) -> None:
    assert anybody("GET", f"/v1/updates{query}").status_code == 422


@pytest.mark.parametrize("last", ["yesterday", "cases:0"])
def test_a_malformed_id_is_refused(anybody: Caller, last: str) -> None:
    refused = anybody("GET", "/v1/updates", headers={"Last-Event-ID": last})
    assert (refused.status_code, refused.json["type"]) == (400, "/problems/malformed")


def test_a_stream_without_updates_sends_heartbeats_with_its_position(
    anybody: Caller,
    case_id: str,
    beginning: str,
    ids: EventIds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(updates, "HEARTBEAT_SECONDS", 0.1)

    def moved_on() -> Event | None:
        *_, last = received(anybody, beginning, f"?case_id={uuid4()}")
        return last if read_positions(ids.read(last["id"]))["cases"] > 0 else None

    assert eventually(moved_on)[""] == "still here"


def opened(caller: Caller, address: str = "198.51.100.7") -> Any:
    headers = {"X-Forwarded-For": address}
    return caller("GET", "/v1/updates", buffered=False, headers=headers)


def assert_told_to_come_back(reply: Any) -> Event:
    """A browser reconnects after this reply, and after no other one."""
    assert (reply.status_code, reply.mimetype) == (200, "text/event-stream")
    (block,) = reply.get_data(as_text=True).split("\n\n")[:-1]
    told = dict(fields(block))
    assert 15_000 <= int(told["retry"]) <= 45_000
    return told


def test_a_stream_beyond_the_limit_of_the_process_ends_at_once(
    anybody: Caller, ids: EventIds
) -> None:
    streams = [opened(anybody, f"198.51.100.{number}") for number in range(2)]
    told = assert_told_to_come_back(opened(anybody, "198.51.100.2"))
    assert read_positions(ids.read(told["id"]))
    for stream in streams:
        stream.close()
    with anybody("HEAD", "/v1/updates") as head:
        assert head.status_code == 200
    assert received(anybody, last="")


def test_many_people_behind_one_address_can_have_all_streams(anybody: Caller) -> None:
    with opened(anybody) as one, opened(anybody) as other:
        assert (one.status_code, other.status_code) == (200, 200)
        assert_told_to_come_back(opened(anybody))


def test_a_network_that_has_all_streams_loses_one_to_another(
    anybody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "LONGEST_SECONDS", 60.0)
    with opened(anybody) as oldest, opened(anybody), opened(anybody, "198.51.100.1") as other:
        assert next(other.response).startswith(b"retry")
        assert len(oldest.get_data(as_text=True).split("\n\n")[:-1]) == 1


@pytest.mark.parametrize(
    "error", [Unavailable(), NotCaughtUp("cases"), problem_of("too-many-requests")]
)
def test_a_browser_is_told_to_come_back_when_there_is_a_temporary_problem(
    anybody: Caller, process: Process, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(process.use_cases.updates, "resume", fail)
    assert_told_to_come_back(anybody("GET", "/v1/updates"))


def test_a_server_that_waits_itself_is_given_an_empty_piece(process: Process) -> None:
    woken: list[str] = []
    environ = {WAKE: partial(woken.append, "x")}
    reply = process.app.test_client().get("/v1/updates", environ_overrides=environ, buffered=False)
    with reply:
        first, second = islice(reply.response, 2)
    assert (first[:6], second) == (b"retry:", b"")


def test_a_browser_may_listen_from_the_origins_that_the_operator_allows(anybody: Caller) -> None:
    headers = {"Origin": ORIGIN, "Accept": "text/event-stream", "Cache-Control": "no-cache"}
    with anybody("GET", "/v1/updates", headers=headers, buffered=False) as reply:
        assert (reply.status_code, reply.mimetype) == (200, "text/event-stream")
        assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_headers_prevent_proxies_from_buffering(anybody: Caller) -> None:
    with anybody("GET", "/v1/updates") as reply:
        assert reply.headers["X-Accel-Buffering"] == "no"
        assert reply.headers["Cache-Control"] == "no-store"
    configuration = nginx_configuration({"command:members": "m:1", "query:cases": "c:1"})
    assert '"~^(GET|HEAD) /v1/updates$" c-1;' in configuration
    assert "proxy_buffering off" in configuration


def test_a_server_without_streams_tells_clients_to_come_back(process: Process) -> None:
    from flask import Flask

    from entrypoints.http.requests import read_claims

    app: Any = Flask("streamless")
    app.register_blueprint(
        updates.updates_blueprint(process.use_cases.updates, process.container.texts(), 0)
    )
    app.before_request(partial(read_claims, process.container.tokens()))
    assert_told_to_come_back(app.test_client().get("/v1/updates"))
