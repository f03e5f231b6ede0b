"""``GET /v1/updates`` as a client meets it."""

import json
from base64 import urlsafe_b64decode
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from application.engine.executor import CommandContext
from application.updates import read_positions
from config.process import Process
from domain.actors import SYSTEM
from domain.cases.case_commands import AcceptEvidence
from domain.ids import EvidenceId, MediaKind
from entrypoints.http import updates
from entrypoints.http.problems import Problem
from entrypoints.http.updates import EventIds
from entrypoints.nginx import nginx_configuration
from tests.http.conftest import Caller, eventually

Event = dict[str, str]


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"STREAMS": "2", "PROXIES": "1"}


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


def heard(caller: Caller, last: str = "", query: str = "", updates: int = 0) -> list[Event]:
    """The blocks of a stream until it ends; a stream anew while it has not told so much."""

    def enough() -> list[Event] | None:
        events = streamed(caller, last, query)
        return events if len(told(events)) >= updates else None

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


def told(events: list[Event]) -> list[tuple[str, str]]:
    data = [json.loads(event["data"]) for event in events if "data" in event]
    return [(each["kind"], each["case_id"]) for each in data]


def test_what_becomes_public_is_told(
    anybody: Caller, case_id: str, beginning: str, ids: EventIds
) -> None:
    first, update = heard(anybody, beginning, f"?case_id={case_id}", updates=1)
    assert first == {"retry": "3000", "id": first["id"]}
    assert read_positions(ids.read(first["id"]))["cases"] == 0
    assert update["event"] == "case-published"
    data = json.loads(update["data"])
    assert data.pop("at").endswith("Z")
    assert data == {"kind": "case-published", "case_id": case_id}


def test_an_id_tells_neither_a_position_nor_that_nothing_happened(
    anybody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "HEARTBEAT_SECONDS", 0.1)
    found = [event["id"] for event in heard(anybody, query=f"?case_id={uuid4()}")]
    assert len(found) > 1
    assert len(set(found)) == len(found)
    assert len({len(each) for each in found}) == 1
    assert not [each for each in found if b"cases" in decoded(each)]


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_client_goes_on_after_what_it_had(
    anybody: Caller, anna: Caller, ben: Caller, case_id: str, beginning: str
) -> None:
    only = f"?case_id={case_id}"
    _, published = heard(anybody, beginning, only, updates=1)
    assert told(heard(anybody, published["id"], only)) == []
    ben("PUT", f"/v1/cases/{case_id}/support")
    anna("POST", f"/v1/cases/{case_id}/tags/police")
    rest = heard(anybody, published["id"], only, updates=2)
    assert told(rest) == [("case-supported", case_id), ("case-changed", case_id)]
    assert ben.member_id not in json.dumps(rest)
    assert anna.member_id not in json.dumps(rest)


def test_a_new_client_hears_only_what_is_new(
    anybody: Caller, case_id: str, beginning: str, ids: EventIds
) -> None:
    *_, published = heard(anybody, beginning, f"?case_id={case_id}", updates=1)
    (start,) = heard(anybody)
    was, now = (read_positions(ids.read(each["id"])) for each in (published, start))
    assert all(now[log] >= position for log, position in was.items())


def test_one_may_ask_for_some_cases_only(anybody: Caller, case_id: str, beginning: str) -> None:
    tagged = heard(anybody, beginning, f"?tag={case_id}", updates=1)
    assert told(tagged) == [("case-published", case_id)]
    assert told(heard(anybody, beginning, f"?tag={case_id}&category=fraud")) == []


@pytest.mark.parametrize("query", ["?case_id=1", "?category=gossip", "?surprise=1"])
def test_what_cannot_be_asked_for_is_told(anybody: Caller, query: str) -> None:
    assert anybody("GET", f"/v1/updates{query}").status_code == 422


@pytest.mark.parametrize("last", ["yesterday", "cases:0"])
def test_an_id_that_is_none_is_refused(anybody: Caller, last: str) -> None:
    refused = anybody("GET", "/v1/updates", headers={"Last-Event-ID": last})
    assert (refused.status_code, refused.json["type"]) == (400, "/problems/malformed")


def test_a_quiet_stream_shows_that_it_lives_and_where_it_is(
    anybody: Caller,
    case_id: str,
    beginning: str,
    ids: EventIds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(updates, "HEARTBEAT_SECONDS", 0.1)

    def moved_on() -> Event | None:
        *_, last = heard(anybody, beginning, f"?case_id={uuid4()}")
        return last if read_positions(ids.read(last["id"]))["cases"] > 0 else None

    assert eventually(moved_on)[""] == "still here"


def opened(caller: Caller, address: str = "198.51.100.7") -> Any:
    headers = {"X-Forwarded-For": address}
    return caller("GET", "/v1/updates", buffered=False, headers=headers)


def test_no_more_streams_than_there_are_places_for_are_held(
    anybody: Caller, anna: Caller, ben: Caller
) -> None:
    streams = [opened(anna), opened(anybody, "198.51.100.1")]
    refused = opened(ben, "198.51.100.2")
    assert (refused.status_code, refused.json["type"]) == (503, "/problems/too-many-streams")
    assert int(refused.headers["Retry-After"]) > 0
    for stream in streams:
        stream.close()
    with anybody("HEAD", "/v1/updates") as head:
        assert head.status_code == 200
    assert heard(anybody, last="")


def test_nobody_holds_all_streams_not_with_a_token_either(anybody: Caller, anna: Caller) -> None:
    with opened(anna) as held:
        assert held.status_code == 200
        refused = opened(anybody)
        assert (refused.status_code, refused.json["type"]) == (429, "/problems/too-many-requests")
        assert int(refused.headers["Retry-After"]) > 0
        with opened(anybody, "198.51.100.1") as other:
            assert other.status_code == 200
    with opened(anna) as again:
        assert again.status_code == 200


@pytest.mark.parametrize(("places", "share"), [(1, 1), (2, 1), (3, 2), (9, 2)])
def test_one_asker_holds_a_part_of_the_streams(places: int, share: int) -> None:
    held = updates.StreamPlaces(places)
    for _ in range(share):
        held.take("one")
    with pytest.raises(Problem):
        held.take("one")
    for number in range(places - share):
        held.take(f"another {number}")
    with pytest.raises(Problem, match="This process serves no further stream"):
        held.take("the last")


def test_no_proxy_keeps_it_back(anybody: Caller) -> None:
    with anybody("GET", "/v1/updates") as reply:
        assert reply.headers["X-Accel-Buffering"] == "no"
        assert reply.headers["Cache-Control"] == "no-store"
    told = nginx_configuration({"command:members": "m:1", "query:cases": "c:1"})
    assert '"~^(GET|HEAD) /v1/updates$" c:1;' in told
    assert "proxy_buffering off" in told


def test_a_server_may_have_no_stream_at_all(anybody: Caller, process: Process) -> None:
    from flask import Flask

    from entrypoints.http.problems import register_problems
    from entrypoints.http.requests import read_claims

    app: Any = Flask("streamless")
    app.register_blueprint(
        updates.updates_blueprint(process.use_cases.updates, process.container.texts(), 0)
    )
    app.before_request(partial(read_claims, process.container.tokens()))
    register_problems(app)
    assert app.test_client().get("/v1/updates").status_code == 503
