"""Rate limits, and what they know of who asks."""

import pytest

from tests.http.conftest import Caller


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"RATE_LIMIT": "5 per minute", "PROXIES": "1", "CORS_ORIGINS": "https://app.example"}


def test_too_many_requests_are_told_when_to_go_on(anybody: Caller) -> None:
    replies = [anybody("GET", "/v1/instance") for _ in range(6)]
    assert [reply.status_code for reply in replies] == [200] * 5 + [429]
    assert int(replies[-1].headers["Retry-After"]) > 0
    assert replies[0].headers["RateLimit-Remaining"] == "4"
    assert replies[-1].json["type"] == "/problems/too-many-requests"


def test_who_comes_from_elsewhere_is_counted_apart_whatever_they_claim(anybody: Caller) -> None:
    far = {"X-Forwarded-For": "198.51.100.1"}
    assert anybody("GET", "/v1/instance", headers=far).status_code == 200
    claims = [{**far, "Authorization": f"Bearer made-up-{number}"} for number in range(5)]
    replies = [anybody("GET", "/v1/instance", headers=claim) for claim in claims]
    assert replies[-1].status_code == 429


def test_probes_are_not_limited(anybody: Caller) -> None:
    assert {anybody("GET", "/health/live").status_code for _ in range(10)} == {200}


def test_web_pages_that_may_call_are_told_so(anybody: Caller) -> None:
    origin = {"Origin": "https://app.example", "X-Forwarded-For": "198.51.100.2"}
    reply = anybody("GET", "/v1/instance", headers=origin)
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
    other = {"Origin": "https://evil.example", "X-Forwarded-For": "198.51.100.2"}
    assert (
        "Access-Control-Allow-Origin" not in anybody("GET", "/v1/instance", headers=other).headers
    )
