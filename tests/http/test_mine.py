"""What a member finds of their own: private lists with all that a page about it needs."""

from typing import Any
from uuid import uuid4

import pytest

from config.process import Process
from entrypoints.http.requests import TOKEN_HEADER
from tests.http.conftest import Caller, eventually, problem
from tests.http.public_cases import PublicCase, publish

LISTS = ("cases", "comments", "supports", "follows", "flags")
each_list = pytest.mark.parametrize("name", LISTS)


@pytest.fixture(scope="module")
def case(process: Process, anna: Caller) -> PublicCase:
    """An anonymous case that is public."""
    return publish(process, anna, anonymous=True)


@pytest.fixture(scope="module")
def discussed(ben: Caller, case: PublicCase) -> str:
    """A comment on it."""
    path = f"/v1/cases/{case.case_id}/comments"
    body = {"text": "I saw it too.", "comment_id": str(uuid4())}
    eventually(lambda: ben("POST", path, body).status_code == 201 or None)
    return body["comment_id"]


def items(caller: Caller, name: str, **headers: Any) -> list[dict[str, Any]]:
    reply = caller("GET", f"/v1/me/{name}", headers=headers)
    assert reply.status_code == 200, reply.data
    found: list[dict[str, Any]] = reply.json["items"]
    return found


def after(reply: Any) -> dict[str, str]:
    """The header that lets a question see what this command changed."""
    assert reply.status_code in (201, 204), reply.data
    return {TOKEN_HEADER: reply.headers[TOKEN_HEADER]}


@each_list
def test_strangers_have_no_list_of_their_own(anybody: Caller, name: str) -> None:
    reply = anybody("GET", f"/v1/me/{name}")
    assert problem(reply) == (401, "not-signed-in")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


@each_list
def test_no_cache_keeps_a_list(anna: Caller, name: str) -> None:
    assert anna("GET", f"/v1/me/{name}").headers["Cache-Control"] == "no-store"


def test_a_reporter_finds_an_anonymous_case_and_nobody_else_does(
    anna: Caller, ben: Caller, moderator: Caller, case: PublicCase
) -> None:
    (found,) = items(anna, "cases", **case.seen)
    times = {name: found.pop(name) for name in ("reported_at", "published_at", "updated_at")}
    assert all(times.values())
    evidence = {
        "evidence_id": case.evidence_id,
        "progress": "accepted",
        "status": None,
        "kind": None,
        "reason": None,
        "left_out": None,
        "hidden": None,
    }
    assert found == {
        "case_id": case.case_id,
        "status": "published",
        "missing": None,
        "hidden": None,
        "title": "A permit for a bribe",
        "category": "other",
        "anonymous": True,
        "evidence": [evidence],
        "version": found["version"],
    }
    assert items(ben, "cases", **case.seen) == items(moderator, "cases", **case.seen) == []


def test_my_cases_are_paged_the_newest_first(process: Process) -> None:
    reporter = Caller(process.app.test_client()).join()
    seen = [after(reporter.report(anonymous=anonymous)) for anonymous in (False, True)][-1]
    reply = reporter("GET", "/v1/me/cases?limit=1", headers=seen)
    address = reply.headers["Link"].partition("<")[2].partition(">")[0]
    (first,), (second,) = reply.json["items"], reporter("GET", address).json["items"]
    assert [first["anonymous"], second["anonymous"]] == [True, False]
    assert {first["missing"], second["missing"]} == {"evidence"}
    stolen = address.replace("/cases", "/comments")
    assert problem(reporter("GET", stolen)) == (400, "malformed")


def test_my_comments_name_their_case(ben: Caller, case: PublicCase, discussed: str) -> None:
    (found,) = eventually(lambda: items(ben, "comments") or None)
    assert found == {
        "comment_id": discussed,
        "case_id": case.case_id,
        "case_title": "A permit for a bribe",
        "parent_id": None,
        "text": "I saw it too.",
        "anonymous": False,
        "hidden": None,
        "written_at": found["written_at"],
        "edited_at": None,
        "version": found["version"],
    }


def test_reporters_find_their_anonymous_comments_and_follows(
    anna: Caller, case: PublicCase, discussed: str
) -> None:
    path = f"/v1/cases/{case.case_id}"
    body = {"text": "I reported it.", "parent_id": discussed}
    seen = after(anna("POST", f"{path}/comments", body))
    (comment,) = items(anna, "comments", **seen)
    assert (comment["parent_id"], comment["anonymous"]) == (discussed, True)
    (followed,) = items(anna, "follows", **after(anna("PUT", f"{path}/follow")))
    assert followed["case_id"] == case.case_id


@pytest.mark.parametrize(("name", "deed"), [("supports", "support"), ("follows", "follow")])
def test_members_find_the_cases_that_they_support_or_follow(
    ben: Caller, case: PublicCase, name: str, deed: str
) -> None:
    path = f"/v1/cases/{case.case_id}/{deed}"
    (found,) = items(ben, name, **after(ben("PUT", path)))
    assert found == {
        "case_id": case.case_id,
        "title": "A permit for a bribe",
        "since": found["since"],
    }
    assert items(ben, name, **after(ben("DELETE", path))) == []


def test_members_find_their_flags(ben: Caller, anna: Caller, case: PublicCase) -> None:
    body = {
        "subject_kind": "case",
        "subject_id": case.case_id,
        "rule": "spam",
        "note": "Look at this.",
    }
    eventually(lambda: ben("POST", "/v1/flags", body).status_code == 201 or None)
    (found,) = eventually(lambda: items(ben, "flags") or None)
    assert found == {
        "flag_id": found["flag_id"],
        **body,
        "case_id": case.case_id,
        "status": "open",
        "flagged_at": found["flagged_at"],
        "settled_at": None,
    }
    assert items(anna, "flags") == []


@each_list
def test_an_erased_member_is_answered_nothing(process: Process, name: str) -> None:
    leaver = Caller(process.app.test_client()).join()
    leaver.report(anonymous=True)
    assert leaver.leave().status_code == 202
    assert problem(leaver("GET", f"/v1/me/{name}")) == (401, "not-signed-in")


def test_a_member_asks_about_one_case(process: Process, anna: Caller, ben: Caller) -> None:
    one, other = (publish(process, anna) for _ in range(2))
    headers: dict[str, str] = {}
    for name, verb in (("supports", "support"), ("follows", "follow")):
        for case in (one, other):
            headers = after(ben("PUT", f"/v1/cases/{case.case_id}/{verb}"))
        for case in (one, other):
            reply = ben("GET", f"/v1/me/{name}?case_id={case.case_id}", headers=headers)
            assert [item["case_id"] for item in reply.json["items"]] == [case.case_id]
    reply = anna("GET", f"/v1/me/cases?case_id={one.case_id}", headers=other.seen)
    assert [item["case_id"] for item in reply.json["items"]] == [one.case_id]
    assert ben("GET", f"/v1/me/cases?case_id={one.case_id}").json["items"] == []
