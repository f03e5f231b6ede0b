"""Rate limits: how requests are counted, and what is kept of an address."""

import time

import pytest
from limits import parse

from entrypoints.http.limits import Rate, Windows, network_of
from tests.http.conftest import Caller


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {
        "RATE_LIMIT": "5 per day; 100 per month",
        "PROXIES": "1",
        "CORS_ORIGINS": "https://app.example",
    }


def test_too_many_requests_are_answered_with_a_time_to_retry(anybody: Caller) -> None:
    replies = [anybody("GET", "/v1/instance") for _ in range(6)]
    assert [reply.status_code for reply in replies] == [200] * 5 + [429]
    assert int(replies[-1].headers["Retry-After"]) > 0
    assert [reply.headers["RateLimit-Remaining"] for reply in replies] == [*"43210", "0"]
    assert {reply.headers["RateLimit-Limit"] for reply in replies} == {"5"}
    assert replies[-1].json["type"] == "/problems/too-many-requests"


def test_requests_are_counted_by_network_regardless_of_claimed_tokens(anybody: Caller) -> None:
    far = {"X-Forwarded-For": "198.51.100.1"}
    assert anybody("GET", "/v1/instance", headers=far).status_code == 200
    claims = [{**far, "Authorization": f"Bearer made-up-{number}"} for number in range(5)]
    replies = [anybody("GET", "/v1/instance", headers=claim) for claim in claims]
    assert replies[-1].status_code == 429


def test_all_addresses_of_an_ipv6_network_are_counted_together(anybody: Caller) -> None:
    near = [{"X-Forwarded-For": f"2001:db8:0:1::{number:x}"} for number in range(6)]
    replies = [anybody("GET", "/v1/instance", headers=headers) for headers in near]
    assert replies[-1].status_code == 429
    far = {"X-Forwarded-For": "2001:db8:0:2::1"}
    assert anybody("GET", "/v1/instance", headers=far).status_code == 200


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("198.51.100.7:51044", "198.51.100.7"),  # each connection has another port
        ("[2001:db8:1:2::5]:51044", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::5]", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_the_counted_network_of_an_address(address: str, counted: str) -> None:
    assert network_of(address) == counted


def test_allowed_origins_get_cors_headers(anybody: Caller) -> None:
    origin = {"Origin": "https://app.example", "X-Forwarded-For": "198.51.100.2"}
    reply = anybody("GET", "/v1/instance", headers=origin)
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
    other = {"Origin": "https://evil.example", "X-Forwarded-For": "198.51.100.2"}
    assert (
        "Access-Control-Allow-Origin" not in anybody("GET", "/v1/instance", headers=other).headers
    )


def test_a_past_window_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_019.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    windows = Windows(parse("2 per 10 seconds"))
    assert [windows.count("a", "x").left for _ in range(3)] == [1, 0, -1]
    assert windows.count("b", "x").left == 1
    assert windows.count("a", "y").reset == 1
    now += 1
    again = windows.count("a", "x")
    assert (again.left, again.reset) == (1, 10)


def test_taking_back_a_request_never_lowers_the_count_below_zero() -> None:
    rate = Rate("2 per day; 3 per month")
    assert [rate.count("a").left for _ in range(2)] == [1, 0]
    for _ in range(5):
        rate.take_back("a")
    assert [rate.count("a").left for _ in range(3)] == [1, 0, -1]


def test_a_request_refused_in_the_shorter_window_is_not_counted_in_the_longer_one() -> None:
    rate = Rate("2 per day; 3 per year")
    assert [rate.count("a").left for _ in range(9)] == [1, 0, *[-1] * 7]
    rate.take_back("a")
    assert [rate.count("a").left for _ in range(2)] == [0, -1]


def test_a_request_refused_in_the_longer_window_is_not_counted_in_the_shorter_one() -> None:
    rate = Rate("3 per day; 2 per year")
    standings = [rate.count("a") for _ in range(9)]
    assert [(each.limit, each.left) for each in standings] == [(2, 1), (2, 0), *[(2, -1)] * 7]


def test_a_request_after_the_announced_time_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1_000_000_012.3)
    assert Windows(parse("2 per 10 seconds")).count("a", "x").reset == 8


def test_a_clock_turned_back_delays_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    since_start, of_day = 1_000_000_019.0, 1_900_000_019.0
    monkeypatch.setattr(time, "monotonic", lambda: since_start)
    monkeypatch.setattr(time, "time", lambda: of_day)
    windows = Windows(parse("1 per 10 seconds"))
    assert [windows.count("a", "x").left for _ in range(2)] == [0, -1]
    of_day -= 3600
    assert windows.count("a", "x").reset == 1
    since_start += 1
    assert windows.count("a", "x").left == 0
