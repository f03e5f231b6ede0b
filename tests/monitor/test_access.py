"""Who gets to see the monitor."""

from typing import Any

import pytest
from werkzeug.test import Client

from application.engine.executor import CommandContext
from config.process import Process
from domain.actors import SYSTEM, Role
from domain.members.member import RevokeRole
from entrypoints.http.limits import Rate
from entrypoints.monitor.access import inside, is_loopback
from entrypoints.monitor.monitor import beside
from tests.http.conftest import PASSPHRASE, Caller
from tests.monitor.conftest import WHY, grant
from tests.site.conftest import Reader

PAGES = ("", "/map", "/parked", "/events", "/commands", "/alerts", "/interventions")


@pytest.fixture
def far(process: Process) -> Reader:
    """Somebody on another machine."""
    client = process.monitor.test_client()
    client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    return Reader(client)


@pytest.fixture
def olga(process: Process, anybody: Caller) -> Caller:
    """An operator."""
    anybody.join()
    grant(process, anybody, Role.OPERATOR)
    return anybody


def sign_in(reader: Reader, caller: Caller, passphrase: str = PASSPHRASE) -> None:
    reader.open("/monitor")
    reader.submit("/monitor/sign-in", pseudonym=caller.pseudonym, passphrase=passphrase)


@pytest.mark.parametrize("page", PAGES)
def test_whoever_is_on_the_machine_needs_no_account(operator: Reader, page: str) -> None:
    operator.open(f"/monitor{page}")
    assert operator.status == 200
    assert operator.where == f"/monitor{page}"


@pytest.mark.parametrize("page", PAGES)
def test_others_have_to_sign_in(far: Reader, page: str) -> None:
    far.open(f"/monitor{page}")
    assert far.where == "/monitor/sign-in"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_who_comes_through_a_proxy_on_the_machine_has_to_sign_in(
    operator: Reader, header: str
) -> None:
    operator.open("/monitor", headers={header: "192.0.2.7"})
    assert operator.where == "/monitor/sign-in"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9000", "127.0.0.1.evil.example"])
def test_a_name_that_was_bound_to_this_machine_gets_nothing(operator: Reader, host: str) -> None:
    operator.open("/monitor", headers={"Host": host})
    assert operator.status == 421
    assert "Verdict" not in operator.text


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:9000", "LOCALHOST"])
def test_the_names_of_this_machine_are_answered(operator: Reader, host: str) -> None:
    operator.open("/monitor", headers={"Host": host})
    assert operator.status == 200


def test_an_operator_signs_in_and_out(far: Reader, olga: Caller) -> None:
    sign_in(far, olga)
    assert (far.status, far.where) == (200, "/monitor")
    assert olga.pseudonym in far.text
    cookie = far.client.get_cookie("klarity-monitor", path="/monitor")
    assert cookie
    assert cookie.http_only
    assert cookie.same_site == "Strict"
    far.submit("/monitor/sign-out")
    far.open("/monitor/map")
    assert far.where == "/monitor/sign-in"


def test_a_member_who_is_no_operator_does_not_get_in(far: Reader, anna: Caller) -> None:
    sign_in(far, anna)
    assert far.status == 403
    far.open("/monitor/map")
    assert far.where == "/monitor/sign-in"


def test_a_role_that_was_revoked_is_gone_at_once(
    process: Process, far: Reader, olga: Caller
) -> None:
    sign_in(far, olga)
    made = process.container
    command = RevokeRole(role=Role.OPERATOR, by=SYSTEM, at=made.clock()())
    made.executors().members.execute(olga.member_id, command, CommandContext())
    far.open("/monitor/map")
    assert far.where == "/monitor/sign-in"


def test_a_wrong_passphrase_is_refused(far: Reader, olga: Caller) -> None:
    sign_in(far, olga, "not the passphrase")
    assert far.status == 401
    assert "Nobody has this name" in far.text


def test_nothing_is_done_without_the_token_of_a_form(operator: Reader) -> None:
    operator._show(operator.client.post("/monitor/parked/event", data=WHY))
    assert operator.status == 400
    assert "Nothing was done" in operator.text


def test_a_form_of_another_site_is_refused(operator: Reader) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    reply = operator.client.post("/monitor/sign-out", headers=headers)
    assert reply.status_code == 400


def test_pages_are_kept_nowhere_and_run_nothing_of_others(operator: Reader) -> None:
    operator.open("/monitor")
    assert operator.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in operator.headers["Content-Security-Policy"]
    assert operator.headers["X-Frame-Options"] == "DENY"
    style = operator.soup.find("link", rel="stylesheet")["href"]
    with operator.client.get(style) as reply:
        assert "immutable" in reply.headers["Cache-Control"]


@pytest.mark.parametrize("place", ["//evil.example", "/", "https://evil.example", "/monitor\\x"])
def test_sign_in_leads_nowhere_else(place: str) -> None:
    assert inside(place) == "/monitor"


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("::", False),
        ("192.0.2.7", False),
        ("example.org", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, *, is_local: bool) -> None:
    assert is_loopback(host) is is_local


def test_it_is_served_beside_health_and_metrics(process: Process) -> None:
    client = Client(beside(process.internal_app, process.monitor))
    assert client.get("/health/live").status_code == 200
    near: Any = {"environ_base": {"REMOTE_ADDR": "127.0.0.1"}}
    assert client.get("/monitor", **near).status_code == 200
    assert client.get("/monitor/nowhere", **near).status_code == 404
    assert client.get("/monitors").status_code == 404


def test_it_is_not_at_the_public_address(anybody: Caller) -> None:
    assert anybody("GET", "/monitor").status_code == 404


def test_many_tries_are_limited(
    process: Process, far: Reader, olga: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process._attempts, "_here", Rate("2 per hour"))
    for _ in range(3):
        sign_in(far, olga, "not the passphrase")
    assert far.status == 429
    assert far.headers["Retry-After"]
