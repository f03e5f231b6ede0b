"""An anonymous report may be published later: what its author gets, and everybody else."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from config.process import Process
from config.use_cases import UseCases
from domain.ids import MediaKind
from entrypoints.http import updates
from entrypoints.http.updates import EventIds
from tests.http.conftest import Caller, eventually, problem
from tests.http.public_cases import PublicCase, publish
from tests.http.test_times import LISTS, exact, is_midnight, texts
from tests.world import Clock

EVENTS = {"cases": 0, "discussions": 0}


@pytest.fixture(autouse=True)
def short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "LONGEST_SECONDS", 1.0)


@pytest.fixture
def case(process: Process, anna: Caller) -> PublicCase:
    """A case that waits for its publication."""
    more = {"anonymous": True, "publish_within": 168, "tags": ["toll"]}
    case = publish(process, anna, MediaKind.VIDEO, **more)
    party = {"kind": "person", "name": "The clerk", "role": "asked", "evidence": []}
    named = anna("POST", f"/v1/cases/{case.case_id}/parties", party, headers=case.seen)
    assert named.status_code == 201
    return case


def release(process: Process) -> None:
    """Let its week pass, in another process."""
    chore = UseCases(process.container).release_cases
    chore._clock = Clock(datetime.now(UTC) + timedelta(days=7))
    chore.step()


def test_the_service_of_cases_releases_them(process: Process) -> None:
    assert "release.cases" in [running.name for running in process.runtime.running]


def updates_since_the_beginning(process: Process, caller: Caller) -> str:
    beginning = EventIds(process.container.texts()).write(EVENTS)
    reply = caller("GET", "/v1/updates", headers={"Last-Event-ID": beginning})
    text: str = reply.get_data(as_text=True)
    return text


def test_its_author_and_moderators_see_that_it_waits(
    anna: Caller, moderator: Caller, case: PublicCase
) -> None:
    path = f"/v1/cases/{case.case_id}"
    for caller in (anna, moderator):
        shown = caller("GET", path, headers=case.seen).json
        assert shown["status"] == "awaiting_publication"
        assert (shown["reported_at"], shown["updated_at"], shown["published_at"]) == (None,) * 3


def test_nobody_else_sees_it_or_hears_of_it(
    process: Process, ben: Caller, anybody: Caller, case: PublicCase
) -> None:
    path = f"/v1/cases/{case.case_id}"
    for caller in (ben, anybody):
        for below in ("", "/history", "/proof", f"?as_of={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"):
            assert problem(caller("GET", path + below)) == (404, "not-found")
        assert caller("GET", f"{path}/comments").json == {"items": []}
        assert caller("GET", f"{path}/evidence").json == {"items": []}
        found = texts(caller, [*LISTS])
        found["updates"] = updates_since_the_beginning(process, caller)
        assert [each for each, text in found.items() if case.case_id in text] == []
    assert problem(ben("PUT", f"{path}/support")) == (404, "not-found")


def test_its_author_alone_learns_by_when_it_is_public(
    anna: Caller, ben: Caller, moderator: Caller, anybody: Caller, case: PublicCase
) -> None:
    path = f"/v1/cases/{case.case_id}/delay"
    delay = anna("GET", path).json
    assert delay["publish_within"] == 168
    public_by = datetime.fromisoformat(delay["public_by"])
    week = datetime.now(UTC) + timedelta(days=7)
    assert week - timedelta(hours=1) < public_by <= week + timedelta(hours=1)
    assert (public_by.minute, public_by.second) == (0, 0)
    for caller in (ben, moderator):
        assert problem(caller("GET", path)) == (404, "not-found")
    assert problem(anybody("GET", path)) == (401, "not-signed-in")


def test_without_evidence_no_time_is_set(anna: Caller) -> None:
    case = anna.report(anonymous=True, publish_within=5).json
    assert case["status"] == "awaiting_evidence"
    path = f"/v1/cases/{case['case_id']}/delay"
    assert anna("GET", path).json == {"publish_within": 5, "public_by": None}
    case = anna.report(anonymous=True).json
    assert problem(anna("GET", f"/v1/cases/{case['case_id']}/delay")) == (404, "not-found")


def test_once_published_it_tells_no_time_before_its_publication(
    process: Process, anna: Caller, anybody: Caller, case: PublicCase
) -> None:
    release(process)
    path = f"/v1/cases/{case.case_id}"
    shown = eventually(lambda: anybody("GET", path).json if visible(anybody, path) else None)
    assert shown["status"] == "published"
    assert shown["reported_at"] is None
    assert [party["added_at"] for party in shown["parties"]] == [None]
    assert shown["published_at"] == shown["updated_at"]
    day = shown["published_at"][:10]
    history = anybody("GET", f"{path}/history").json["items"]
    first = [each["what"] for each in history].index("CaseReleased")
    assert {each["at"] for each in history[:first]} == {None}
    assert {each["at"][:10] for each in history[first:]} == {day}
    proof = [step["body"] for step in anybody("GET", f"{path}/proof").json["items"]]
    assert dates("\n".join(proof[:-1])) == {"1970-01-01"}
    assert dates(proof[-1]) == {day}
    assert anna("GET", f"{path}/delay").json["public_by"] is None


def test_once_published_no_list_tells_more_than_the_day(
    process: Process, anybody: Caller, case: PublicCase
) -> None:
    release(process)
    path = f"/v1/cases/{case.case_id}"
    eventually(lambda: visible(anybody, path) or None)
    found = texts(anybody, [path, *LISTS])
    found["updates"] = updates_since_the_beginning(process, anybody)
    assert exact(found, is_midnight) == []


def visible(caller: Caller, path: str) -> bool:
    return bool(caller("GET", path).status_code == 200)


def dates(text: str) -> set[str]:
    return set(re.findall(r"\d{4}-\d\d-\d\d(?=T)", text))


@pytest.mark.parametrize("hours", [0, 169, -1, 1.5, "5", True])
def test_the_hours_are_whole_and_within_bounds(anna: Caller, hours: Any) -> None:
    reply = anna.report(anonymous=True, publish_within=hours)
    assert problem(reply) == (422, "invalid")
    assert list(reply.json["errors"]) == ["publish_within"]


def test_a_number_without_a_fraction_is_whole(anna: Caller) -> None:
    case = anna.report(anonymous=True, publish_within=5.0).json
    assert anna("GET", f"/v1/cases/{case['case_id']}/delay").json["publish_within"] == 5


def test_the_bounds_are_shown(anybody: Caller) -> None:
    limits = anybody("GET", "/v1/instance").json["limits"]
    assert (limits["least_publish_within"], limits["most_publish_within"]) == (1, 168)


def test_a_named_report_is_refused_with_what_to_do(anna: Caller) -> None:
    reply = anna.report(publish_within=5)
    assert problem(reply) == (409, "delay-needs-anonymity")
    assert anna.report(publish_within=None).status_code == 201


def test_a_repeated_report_keeps_its_delay(process: Process, anna: Caller) -> None:
    body = {"case_id": str(uuid4()), "anonymous": True, "publish_within": 100}
    replies = [anna.report(**body) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 201]
    assert replies[0].headers["ETag"] == replies[1].headers["ETag"]


def test_it_can_be_withdrawn_while_it_waits(
    process: Process, anna: Caller, anybody: Caller, case: PublicCase
) -> None:
    path = f"/v1/cases/{case.case_id}"
    assert anna("DELETE", path).status_code == 204
    release(process)
    assert process.container.executors().cases.load(case.case_id).state.status == "withdrawn"
    assert problem(anybody("GET", path)) == (404, "not-found")
