"""What a member gets who asks which cases are recommended to them."""

from typing import Any

import pytest

from config.process import Process
from entrypoints.http.requests import TOKEN_HEADER
from tests.http.conftest import Caller, problem
from tests.http.public_cases import PublicCase, publish

PATH, SWITCH = "/v1/me/recommended-cases", "/v1/me/recommendations"


@pytest.fixture(scope="module")
def case(process: Process, anna: Caller) -> PublicCase:
    return publish(process, anna, tags=["tolls"])


def asked(caller: Caller, path: str = PATH, **seen: str) -> dict[str, Any]:
    reply = caller("GET", path, headers=seen)
    assert reply.status_code == 200, reply.data
    assert "Link" not in reply.headers
    body: dict[str, Any] = reply.json
    return body


def after(reply: Any) -> dict[str, str]:
    assert reply.status_code == 204, reply.data
    return {TOKEN_HEADER: reply.headers[TOKEN_HEADER]}


def test_a_case_is_recommended_with_its_reasons(
    anna: Caller, ben: Caller, case: PublicCase
) -> None:
    chosen = after(ben("PUT", "/v1/me/interests", {"interests": ["tolls"], "areas": []}))
    asked(ben, **case.seen)
    found = asked(ben, f"{PATH}?limit=100", **chosen)
    (item,) = [each for each in found["items"] if each["case_id"] == case.case_id]
    assert item == {
        "case_id": case.case_id,
        "title": "A permit for a bribe",
        "category": "other",
        "tags": ["tolls"],
        "place": "",
        "supports": 0,
        "published_at": item["published_at"],
        "reasons": [
            {
                "kind": "followed_tag",
                "about": "tolls",
                "case_id": None,
                "text": "You follow the tag “tolls”.",
            }
        ],
    }
    assert found["note"] is None
    own = asked(anna, f"{PATH}?limit=100", **case.seen)
    assert case.case_id not in [each["case_id"] for each in own["items"]]


def test_a_member_turns_recommendations_off_and_on(process: Process, case: PublicCase) -> None:
    member = Caller(process.app.test_client()).join()
    assert asked(member, SWITCH) == {"on": True}
    seen = after(member("PUT", SWITCH, {"on": False}))
    assert asked(member, SWITCH) == {"on": False}
    assert asked(member, **seen) == {"items": [], "note": "off"}
    seen = after(member("PUT", SWITCH, {"on": True}))
    assert asked(member, **seen)["items"]


@pytest.mark.parametrize("path", [PATH, SWITCH])
def test_strangers_get_no_recommendations(anybody: Caller, path: str) -> None:
    assert problem(anybody("GET", path)) == (401, "not-signed-in")


def test_there_is_one_page(ben: Caller) -> None:
    assert len(asked(ben, f"{PATH}?limit=1")["items"]) == 1
    for query in ("cursor=x", "limit=101", "limit=0"):
        assert problem(ben("GET", f"{PATH}?{query}"))[0] == 422
